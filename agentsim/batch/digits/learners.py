"""What learns from images: an engine that gives gradients, and what makes updates of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from agentsim.batch.digits.equilibrium import EqPropEngine
from agentsim.batch.digits.images import CLASSES, Images
from agentsim.batch.digits.settings import BackpropNetwork, EqPropNetwork, ImagesConfig, SteppingNetwork
from agentsim.batch.digits.stepping import SteppingLearner
from agentsim.batch.digits.wiring import lateral_of, wires_of
from brains.brain import Float, State
from brains.kernels.reference.units import UNITS

ROWS = 2_000  # answered at a time


class Engine(Protocol):
    """What an update needs to know of a network."""

    @property
    def parameters(self) -> list[Tensor]:
        """All that is descended; the optimizer changes them in place."""
        ...

    @property
    def layers(self) -> list[int]:
        """The layer that each parameter belongs to."""
        ...

    @property
    def weights(self) -> list[Tensor]:
        """Those that hear one layer and drive the next."""
        ...

    def gradients(
        self, x: Tensor, target: Tensor, chance: torch.Generator, done: float
    ) -> Iterator[tuple[list[Tensor], float]]:
        """Gradients, in turn, of all parameters as they are by then, and the mean cost before the first of them, once
        the share `done` of training is over."""
        ...

    def scores(self, x: Tensor) -> Tensor:
        """(B, pixels) -> (B, classes), the largest is the answer."""
        ...

    def figures(self, x: Tensor, target: Tensor) -> dict[str, float]:
        """What it tells of itself."""
        ...

    def updated(self, before: list[Tensor], kept: float) -> None:
        """The optimizer has moved the weights from `before`, and decayed them to the share `kept`."""
        ...

    kept: dict[str, Tensor]  # what going on exactly needs besides the parameters
    withheld: int  # batches that taught nothing


class BackpropEngine:
    """A feed-forward network with a softmax, its gradient by autograd."""

    def __init__(self, network: BackpropNetwork, pixels: int, classes: int, chance: torch.Generator) -> None:
        self.network, wires = network, wires_of(network, [*network.hidden, classes], pixels)
        self.links = [wire.link for wire in wires]
        started = [wire.start(chance) for wire in wires]
        self.weights, self.biases = ([each.requires_grad_() for each in own] for own in zip(*started, strict=True))
        self.laterals = lateral_of(network.transformer, pixels, chance)
        for _, parameters in self.laterals.values():
            for parameter in parameters:
                parameter.requires_grad_()
        self.units = torch.relu if network.units == "relu" else UNITS[network.units].of
        self.withheld = 0

    @property
    def parameters(self) -> list[Tensor]:
        """Weights, biases, and those of what tokens do to each other."""
        lateral = [parameter for _, parameters in self.laterals.values() for parameter in parameters]
        return [*self.weights, *self.biases, *lateral]

    @property
    def layers(self) -> list[int]:
        """The layer that each parameter belongs to."""
        return [*[*range(len(self.weights))] * 2, *[0] * (len(self.parameters) - 2 * len(self.weights))]

    def scores(self, x: Tensor) -> Tensor:
        """The logits."""
        *hidden, (link, weight, bias) = zip(self.links, self.weights, self.biases, strict=True)
        for layer, (own_link, own_weight, own_bias) in enumerate(hidden, start=1):
            drive = own_link.up(x, own_weight, own_bias)
            x = self.units(drive)
            if layer in self.laterals:
                lateral, parameters = self.laterals[layer]
                for _ in range(self.network.sweeps):
                    x = self.units(drive + lateral.pull(x, parameters))
        return link.up(x, weight, bias)

    def gradients(
        self, x: Tensor, target: Tensor, chance: torch.Generator, done: float
    ) -> Iterator[tuple[list[Tensor], float]]:
        """One gradient, of the cross-entropy."""
        with torch.enable_grad():
            loss = torch.nn.functional.cross_entropy(self.scores(x), target)
            yield list(torch.autograd.grad(loss, self.parameters)), float(loss.detach())

    def figures(self, x: Tensor, target: Tensor) -> dict[str, float]:
        """Batches withheld."""
        return {"withheld": float(self.withheld)}

    def updated(self, before: list[Tensor], kept: float) -> None:
        """Nothing follows from an update."""

    @property
    def kept(self) -> dict[str, Tensor]:
        """What going on exactly needs besides the parameters."""
        return {"withheld": torch.tensor(self.withheld)}

    @kept.setter
    def kept(self, state: dict[str, Tensor]) -> None:
        self.withheld = int(state["withheld"])


class ImageLearner:
    """An engine and its optimizer, a Learner of `agentsim.batch.training`."""

    def __init__(self, config: ImagesConfig, pixels: int) -> None:
        self.config, chance = config, torch.Generator().manual_seed(config.seed)
        self.engine: Engine
        if isinstance(config.network, EqPropNetwork):
            self.engine = EqPropEngine(config.network, pixels, CLASSES, chance)
        else:
            assert isinstance(config.network, BackpropNetwork)
            self.engine = BackpropEngine(config.network, pixels, CLASSES, chance)
        rates = config.optimizer.learning_rate
        self.rates = [rates[min(layer, len(rates) - 1)] for layer in self.engine.layers]
        groups = [{"params": [each], "lr": rate} for each, rate in zip(self.engine.parameters, self.rates, strict=True)]
        decay = config.optimizer.weight_decay
        self.optimizer: torch.optim.Optimizer
        if config.optimizer.kind == "adam":
            betas = (0.9, config.optimizer.beta2)
            self.optimizer = torch.optim.AdamW(groups, betas=betas, weight_decay=decay, fused=True)
        else:
            self.optimizer = torch.optim.SGD(groups, weight_decay=decay, fused=True)

    @property
    def size(self) -> int:
        """How many numbers it learns."""
        return sum(parameter.numel() for parameter in self.engine.parameters)

    @torch.no_grad()
    def learn(self, images: Images, number: int, done: float) -> float:
        """One batch, the `number`th. Returns the mean cost. What is not finite teaches nothing, and is counted."""
        rate = (1 + math.cos(math.pi * done)) / 2 if self.config.optimizer.schedule == "cosine" else 1.0
        for group, own in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = own * rate
        x, target = torch.from_numpy(images.flat), _one_hot(images)
        chance = torch.Generator().manual_seed(_seed_of(self.config.seed, number))
        loss: float | None = None
        for gradient, cost in self.engine.gradients(x, target, chance, done):
            if not all(bool(torch.isfinite(each).all()) for each in gradient):
                self.engine.withheld += 1
                continue
            before = [weight.clone() for weight in self.engine.weights] if self._needs_before else []
            for parameter, own_gradient in zip(self.engine.parameters, gradient, strict=True):
                parameter.grad = own_gradient
            self.optimizer.step()
            self.engine.updated(before, 1 - self.optimizer.param_groups[0]["lr"] * self.config.optimizer.weight_decay)
            loss = cost
        return 0.0 if loss is None else loss

    @property
    def _needs_before(self) -> bool:
        return getattr(self.config.network, "feedback", "") == "kolen_pollack"

    @torch.no_grad()
    def scores(self, images: Images) -> Float:
        """(N, classes)."""
        return torch.cat(
            [self.engine.scores(rows) for rows in torch.split(torch.from_numpy(images.flat), ROWS)]
        ).numpy()

    @torch.no_grad()
    def settling(self, image: Images, sweeps: int) -> dict[str, list[float]] | None:
        """The energy of one image sweep by sweep, of an engine that has one."""
        of = getattr(self.engine, "settling", None)
        return of(image, sweeps) if of else None

    @torch.no_grad()
    def figures(self, images: Images) -> dict[str, float]:
        """What the engine tells of itself on images."""
        return self.engine.figures(torch.from_numpy(images.flat), _one_hot(images))

    def state_dict(self) -> State:
        """Copies of the parameters, of Adam's moments, and of what the engine keeps besides."""
        state = {f"parameter.{index}": p.detach().numpy().copy() for index, p in enumerate(self.engine.parameters)}
        for index, moments in self.optimizer.state_dict()["state"].items():
            state |= {f"adam.{index}.{name}": tensor.numpy().copy() for name, tensor in moments.items()}
        return state | {f"kept.{name}": tensor.numpy().copy() for name, tensor in self.engine.kept.items()}

    @torch.no_grad()
    def load_state_dict(self, state: State) -> None:
        """Raises ValueError for a state of another shape."""
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in state.items()}
        moments: dict[int, dict[str, Tensor]] = {}
        try:
            for index, parameter in enumerate(self.engine.parameters):
                if tensors[f"parameter.{index}"].shape != parameter.shape:
                    raise ValueError(f"parameter {index} is {tuple(tensors[f'parameter.{index}'].shape)}")
                parameter.copy_(tensors[f"parameter.{index}"])
            self.engine.kept = {
                name.removeprefix("kept."): tensor for name, tensor in tensors.items() if name.startswith("kept.")
            }
        except (KeyError, RuntimeError) as error:
            raise ValueError(f"a state of another network: {error}") from error
        for name, tensor in tensors.items():
            if name.startswith("adam."):
                _, number, moment = name.split(".")
                moments.setdefault(int(number), {})[moment] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})


def _one_hot(images: Images) -> Tensor:
    return torch.nn.functional.one_hot(torch.from_numpy(images.labels), CLASSES).float()


def _seed_of(seed: int, number: int) -> int:
    """Of a batch's own chance; torch's generator looks at 32 bits alone."""
    return int(np.random.SeedSequence([seed, 2, number]).generate_state(1)[0])


def learner_of(config: ImagesConfig, pixels: int) -> ImageLearner | SteppingLearner:
    """What a config says, at its start. Raises UserError for a stepping brain that cannot be built."""
    if isinstance(config.network, SteppingNetwork):
        return SteppingLearner(config, pixels)
    return ImageLearner(config, pixels)
