"""What gives the gradient of any loss of a network's outputs: equilibrium propagation, or backprop."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from agentsim.batch.policy_gradient.settings import EqPropSettings
from brains.kernels.reference import eqprop, settling
from brains.kernels.reference.settling import Net, Settled, settle
from brains.kernels.reference.units import UNITS

POWER_ITERATIONS = 30  # at the start; afterwards one an update follows the weights
Loss = Callable[[Tensor], Tensor]  # outputs (B, n) -> the loss of each sample, (B,)


class Engine(Protocol):
    """A network with tanh hidden layers and linear outputs."""

    weights: list[Tensor]
    biases: list[Tensor]
    kept: dict[str, Tensor]  # what going on exactly needs besides weights and biases

    def outputs(self, x: Tensor) -> Tensor:
        """(B, inputs) -> (B, outputs)."""
        ...

    def gradient(self, x: Tensor, loss: Loss) -> tuple[list[Tensor], float]:
        """Of the mean loss with respect to weights, then biases; and that mean."""
        ...

    def updated(self) -> None:
        """The weights have been changed in place."""
        ...

    def figures(self, x: Tensor) -> dict[str, float]:
        """What it tells of itself."""
        ...


class BackpropEngine:
    """Feed-forward, its gradient by autograd."""

    def __init__(self, weights: Sequence[Tensor], biases: Sequence[Tensor]) -> None:
        self.weights = [weight.clone().requires_grad_() for weight in weights]
        self.biases = [bias.clone().requires_grad_() for bias in biases]
        self.kept: dict[str, Tensor] = {}

    def outputs(self, x: Tensor) -> Tensor:
        """(B, inputs) -> (B, outputs)."""
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = torch.tanh(torch.addmm(bias, x, weight))
        return torch.addmm(self.biases[-1], x, self.weights[-1])

    def gradient(self, x: Tensor, loss: Loss) -> tuple[list[Tensor], float]:
        """Of the mean loss, by autograd through the network."""
        with torch.enable_grad():
            mean = loss(self.outputs(x)).mean()
            return list(torch.autograd.grad(mean, [*self.weights, *self.biases])), float(mean.detach())

    def updated(self) -> None:
        """Nothing follows from an update."""

    def figures(self, x: Tensor) -> dict[str, float]:
        """Nothing besides what every learner tells."""
        return {}


class EqPropEngine:
    """Settles; its gradient is the contrast of two states, nudged along the loss's gradient and against it. Autograd
    sees the outputs alone, as a leaf."""

    def __init__(self, settings: EqPropSettings, weights: Sequence[Tensor], biases: Sequence[Tensor]) -> None:
        self.settings = settings
        self.weights = [weight.clone() for weight in weights]
        self.biases = [bias.clone() for bias in biases]
        self.units = [*[UNITS["tanh"]] * (len(weights) - 1), UNITS["linear"]]
        self.vectors = [
            torch.ones(weight.shape[1], dtype=weight.dtype) / math.sqrt(weight.shape[1]) for weight in weights
        ]
        self.gains = [settings.gain] * len(weights)
        for _ in range(POWER_ITERATIONS):
            self.updated()

    @property
    def net(self) -> Net:
        """The network as it now is."""
        return Net(self.weights, self.biases, self.units, self.gains)

    def _free(self, net: Net, x: Tensor, drive: Tensor) -> Settled:
        return settle(net, net.forward(x, drive), self.settings.free_sweeps, drive=drive)

    def outputs(self, x: Tensor) -> Tensor:
        """The last state of the free phase, (B, inputs) -> (B, outputs)."""
        net = self.net
        return self._free(net, x, net.drive(x)).states[-1]

    def gradient(self, x: Tensor, loss: Loss) -> tuple[list[Tensor], float]:
        """Of the mean loss. The force on a sample is the gradient of its own loss: `contrast` takes the mean."""
        net, beta = self.net, self.settings.beta
        drive = net.drive(x)
        free = self._free(net, x, drive).states
        leaf = free[-1].detach().clone().requires_grad_()
        with torch.enable_grad():
            losses = loss(leaf)
            (slope,) = torch.autograd.grad(losses.sum(), leaf)
        cost = settling.force(slope)
        plus, minus = (
            settle(net, free, self.settings.nudged_sweeps, beta=signed, cost=cost, drive=drive).states
            for signed in (beta, -beta)
        )
        return [*eqprop.contrast(net, plus, minus, 2 * beta)], float(losses.detach().mean())

    def updated(self) -> None:
        """Gains follow the weights, so that settling stays a contraction."""
        if self.settings.homeostasis is not None:
            self.gains, self.vectors = eqprop.homeostasis(
                self.net, self.vectors, self.settings.gain, self.settings.homeostasis
            )

    def figures(self, x: Tensor) -> dict[str, float]:
        """The largest change of a unit in the last sweep of the free phase, and the least gain."""
        net = self.net
        return {"residual": self._free(net, x, net.drive(x)).residual, "gain": min(self.gains[1:], default=1.0)}

    @property
    def kept(self) -> dict[str, Tensor]:
        """What going on exactly needs besides weights and biases."""
        vectors = {f"vector.{layer}": each for layer, each in enumerate(self.vectors)}
        return {**vectors, "gains": torch.tensor(self.gains, dtype=torch.float64)}

    @kept.setter
    def kept(self, state: dict[str, Tensor]) -> None:
        self.vectors = [state[f"vector.{layer}"] for layer in range(len(self.vectors))]
        self.gains = state["gains"].tolist()


def initial(
    inputs: int, hidden: Sequence[int], outputs: int, gain: float, chance: torch.Generator
) -> tuple[list[Tensor], list[Tensor]]:
    """Weights and biases, the same for every engine: U(+-1 / sqrt(inputs)) from the inputs, then orthogonal with
    `gain`; small ones to the outputs, so that at first no action is preferred; biases of zero."""
    sizes = [inputs, *hidden, outputs]
    weights = [(torch.rand(inputs, sizes[1], generator=chance) * 2 - 1) / math.sqrt(inputs)]
    for rows, columns in pairwise(sizes[1:-1]):
        weights.append(torch.nn.init.orthogonal_(torch.empty(rows, columns), gain, generator=chance))
    weights.append(torch.nn.init.orthogonal_(torch.empty(sizes[-2], outputs), 0.01, generator=chance))
    return weights, [torch.zeros(columns) for columns in sizes[1:]]
