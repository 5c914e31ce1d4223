"""What the brains' tests share: small brains, a tick of teaching, and an ordinary torch network to compare with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from agentsim.testing.comparison import Comparison, agree
from brains.brain import Body, Experience, Learning
from brains.kernels.program import block
from brains.stepping.base import SteppingBrain
from brains.stepping.kind import stepping
from brains.stepping.network import Network
from brains.stepping.settings import SteppingConfig
from brains.stepping.taught import TaughtBrain

torch.set_num_threads(1)  # the networks are small: more threads only wait for each other

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda z: z,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "leaky_relu": lambda z: functional.leaky_relu(z, 0.1),
    "scaled_relu": lambda z: 1.1 * functional.relu(z),
    "softplus": functional.softplus,
}


def parts_of(network: Network, lane: int = 0, which: int = block.VALUE) -> list[np.ndarray]:
    """Copies of [W0 (inputs, units), b0 (units,), W1, ...] in one lane and block of a network, without padding."""
    return [network.parameter(i, name, lane, which).copy() for i, views in enumerate(network.views) for name in views]


class TorchNet:
    """An ordinary network of dense and gated layers in float64 with autograd, made from what one lane of a brain holds;
    shares nothing with it.

    `parameters` is [W0 (inputs, units), b0 (units,), W1, ...].
    """

    def __init__(
        self, brain: SteppingBrain, lane: int = 0, network: Network | None = None, readout: str | None = None
    ) -> None:
        self.layers, self.readout = brain.config.layers, readout or brain.config.readout
        arrays = parts_of(network or brain.network, lane)
        self.parameters = [torch.tensor(array, dtype=torch.float64, requires_grad=True) for array in arrays]
        self.inputs, self.skips = brain.config.tile or 0, brain.config.skip_to_output

    def activations(self, observation: Any) -> list[Tensor]:
        """A[0..L] of an observation (inputs,); the last is the output."""
        x = torch.as_tensor(observation, dtype=torch.float64)
        activations = [x.repeat(-(-self.inputs // len(x)))[: self.inputs] if self.inputs else x]
        own = iter(self.parameters)
        for i, layer in enumerate(self.layers):
            x = activations[-1]
            if self.skips and i == len(self.layers) - 1 > 1:
                x = torch.cat(activations[1:])
            if layer.type == "swiglu":
                gate_weight, up_weight, down_weight, gate, up, down = (next(own) for _ in range(6))
                within = functional.silu(x @ gate_weight + gate) * (x @ up_weight + up)
                y = within @ down_weight + down
                activations.append(x + y if len(x) == len(y) else y)
                continue
            z = x @ next(own) + next(own)
            if layer.normalize:
                z = functional.layer_norm(z, z.shape)
            last = i == len(self.layers) - 1
            if last and self.readout == "softmax":
                activations.append(torch.softmax(z, 0))
            else:
                name = self.readout if last else layer.activation or "leaky_relu"
                activations.append(ACTIVATIONS[name](z))
        return activations

    def __call__(self, observation: Any) -> Tensor:
        """(inputs,) -> (outputs,)."""
        return self.activations(observation)[-1]

    def loss(self, observation: Any, target: Any) -> Tensor:
        """Cross-entropy of a softmax read-out, else half the squared error; target: an action, or (outputs,)."""
        output = self(observation)
        if self.readout == "softmax":
            return -torch.log(output[int(target)])
        goal = torch.as_tensor(target, dtype=torch.float64)
        if goal.ndim == 0:
            goal = functional.one_hot(goal.long(), len(output)).double()
        return 0.5 * (goal - output).square().sum()

    def gradient(self, observation: Any, target: Any) -> list[Tensor]:
        """d loss / d parameters."""
        return list(torch.autograd.grad(self.loss(observation, target), self.parameters))

    def arrays(self) -> list[np.ndarray]:
        """The parameters as numpy arrays."""
        return [parameter.detach().numpy() for parameter in self.parameters]


@pytest.fixture(scope="session")
def torch_net() -> type[TorchNet]:
    return TorchNet


@pytest.fixture(scope="session")
def activations() -> dict[str, Callable[[Tensor], Tensor]]:
    """Every hidden activation by its own formula."""
    return ACTIVATIONS


@pytest.fixture(scope="session")
def make_brain() -> Callable[..., SteppingBrain]:
    """A small brain from keywords: its body's, its hidden layers', and `settings` of its config. Biases are random, so
    that nothing sits on a kink at exactly 0."""

    def make(
        hidden: Sequence[int] = (7, 17),
        *,
        activation: str = "tanh",
        normalize: bool = False,
        init: str = "he",
        observation_size: int = 5,
        actions: int = 3,
        lanes: int = 1,
        continuous: bool = False,
        teacher: bool = True,
        seed: int = 0,
        bias: float = 0.3,
        **settings: Any,
    ) -> SteppingBrain:
        layers = [{"units": n, "activation": activation, "normalize": normalize, "init": init} for n in hidden]
        config = SteppingConfig.model_validate({"layers": [*layers, {"init": init}], **settings})
        bounds = {"low": (-2.0,) * actions, "high": (2.0,) * actions} if continuous else {}
        body = Body(observation_size, actions, not continuous, teacher=teacher, lanes=lanes, **bounds)
        brain = stepping(config, body, np.random.SeedSequence(seed))
        generator = np.random.default_rng(seed + 1)
        for network in (brain.network, getattr(brain, "critic", brain.network)):
            for lane in range(lanes):
                for i in (i for i, views in enumerate(network.views) if "bias" in views):
                    network.bias(i, lane)[:] = generator.normal(0.0, bias, network.bias(i).shape)
            network.parameters[:, block.GOOD_VALUE] = network.parameters[:, block.VALUE]
        return brain

    return make


@pytest.fixture(scope="session")
def teach() -> Callable[..., Learning]:
    """One tick of a taught brain: act on the observation, then learn from the target."""

    def tick(brain: TaughtBrain, observation: np.ndarray, target: Any) -> Learning:
        lanes = len(observation)
        nothing, no = np.zeros(lanes, np.float32), np.zeros(lanes, bool)
        action = brain.act(observation)
        label = np.broadcast_to(target, action.shape)
        return brain.learn(Experience(observation, action, nothing, observation, no, no, label))

    return tick


@pytest.fixture(scope="session")
def parts() -> Callable[..., list[np.ndarray]]:
    return parts_of


@pytest.fixture(scope="session")
def agrees() -> Callable[..., None]:
    return agree


@pytest.fixture(scope="session")
def comparison() -> type[Comparison]:
    return Comparison
