"""What the brains' tests share: small brains, a tick of teaching, and an ordinary torch network to compare with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from brains.brain import Body, Experience, Learning
from brains.kernels.program import block, op, row
from brains.stepping.base import SteppingBrain
from brains.stepping.kind import stepping
from brains.stepping.network import Network
from brains.stepping.settings import SteppingConfig
from brains.stepping.taught import TaughtBrain

Arrays = Sequence[np.ndarray]

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
        self.inputs = brain.config.tile or 0

    def activations(self, observation: Any) -> list[Tensor]:
        """A[0..L] of an observation (inputs,); the last is the output."""
        x = torch.as_tensor(observation, dtype=torch.float64)
        activations = [x.repeat(-(-self.inputs // len(x)))[: self.inputs] if self.inputs else x]
        own = iter(self.parameters)
        for i, layer in enumerate(self.layers):
            x = activations[-1]
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
                for i in range(len(network.table)):
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


UNIT_ROUNDOFF = 2.0**-24  # of float32
FACTOR = 4.0


class Errors:
    """How far two float32 programs are from the same computation in float64, array by array.

    Let e be the largest error that one program, the one under test, makes in an array over all that was added, r that
    of the other, the torch reference in float32, both measured against the torch reference in float64 from the same
    float32 numbers. Then

        e <= FACTOR (r + u (|a| + sqrt(terms) |c|)),

    with u the unit roundoff, |a| the largest number of the array and |c| its largest change: a sum is rounded once
    where the change is added to what was there, and the change itself is the work of `terms` roundings in a row,
    whose errors, being of either sign, grow like the square root (Higham and Mary 2019, doi 10.1137/18M1226312). r
    says how much worse than that the computation is conditioned, and its luck is that of many ticks. No CPU, and no
    order of summation, is named. A branch that float64 takes the other way is not excused: numbers are random, so that
    nothing sits where one parts.
    """

    def __init__(self, names: Sequence[str], terms: int) -> None:
        self.names, self.terms = names, terms
        self.largest = np.zeros((4, len(names)))  # errors of the two, numbers, changes

    def add(self, tested: Arrays, reference: Arrays, exact: Arrays, before: Arrays | None = None) -> None:
        """Take in what each has in its arrays, none empty; `before`: what was there, if not zeros."""
        starts = np.cumsum([0, *(array.size for array in exact[:-1])])
        t, r, a, b = (
            np.concatenate([array.ravel() for array in arrays], dtype=np.float64)
            for arrays in (tested, reference, exact, before or [np.zeros(array.size) for array in exact])
        )
        sizes = np.abs([t - a, r - a, a, a - b])
        np.maximum(self.largest, np.maximum.reduceat(sizes, starts, axis=1), out=self.largest)

    def check(self) -> None:
        """The inequality, for every array; fails for a NaN in any."""
        error, reference, size, change = self.largest
        allowed = FACTOR * (reference + UNIT_ROUNDOFF * (size + np.sqrt(self.terms) * change))
        wrong = [
            f"{name}: {e:.3g} from float64, {limit:.3g} allowed; the reference {r:.3g}, numbers to {n:.3g}"
            for name, e, limit, r, n in zip(self.names, error, allowed, reference, size, strict=True)
            if not e <= limit
        ]
        assert not wrong, "\n".join(wrong)


def networks_of(brain: SteppingBrain) -> dict[str, Network]:
    """A brain's networks, by what to call them."""
    critic = getattr(brain, "critic", None)
    return {"": brain.network} if critic is None else {"actor ": brain.network, "critic ": critic}


def terms_of(brain: SteppingBrain) -> int:
    """How many roundings can follow each other in a tick of a brain: no more than there are numbers to sum over."""
    return sum(int(network.table[:, [op.IN, op.UNITS]].sum()) for network in networks_of(brain).values())


def in_float64(brain: SteppingBrain) -> SteppingBrain:
    """A brain of the torch backend, with all its float32 arrays made float64, the same numbers in them."""
    made: dict[int, Any] = {}

    def exact(value: Any) -> Any:
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return value._make(exact(part) for part in value)
        if isinstance(value, np.ndarray) and value.dtype == np.float32:
            return made.setdefault(id(value), (value, value.astype(np.float64)))[1]
        return value

    for owner in (brain, *networks_of(brain).values()):
        for name, value in list(vars(owner).items()):
            setattr(owner, name, exact(value))
    return brain


def numbers_of(brain: SteppingBrain) -> Iterator[tuple[str, np.ndarray]]:
    """Every array that means something in a brain, as a view: parameters with their padding, in all blocks; outputs and
    states in the ring of activity, and the errors that go sideways; and what the brain itself has.

    Left out is what nothing reads: velocities of plain SGD and of tween's biases, gradients after a trace took them.
    """
    config, traces = brain.config, hasattr(brain, "critic")
    plain = config.optimizer == "sgd" and not config.momentum
    for prefix, network in networks_of(brain).items():
        for k, (own, views) in enumerate(zip(network.table, network.views, strict=True)):
            layer = network.operations[k].layer
            label = f"{prefix}{k} {'move' if layer is None else layer.__name__}"
            bounds = [*(view.start for view in views.values()), own[op.END]]
            for name, (start, end) in zip(views, pairwise(bounds), strict=True):
                no_velocity = plain if config.rule == "backprop" else start >= own[op.BIAS]
                unread = {block.GRADIENT} if traces else set()
                unread |= {block.MOMENT1, block.GOOD_MOMENT1} if no_velocity and not traces else set()
                for which in {*range(network.parameters.shape[1])} - unread:
                    yield f"{label}.{name}, block {which}", network.parameters[:, which, start:end]
            states = {"state before": (op.BEFORE, op.STATE_SIZE), "state after": (op.AFTER, op.STATE_SIZE)}
            for what, (start, size) in {"output": (op.Y, op.UNITS), **states}.items():
                yield f"{label}, {what}", network.activity[:, : network.ring, own[start] : own[start] + own[size]]
            side = network.activity[:, network.ring + row.SIDE, own[op.Y] : own[op.Y] + own[op.UNITS]]
            yield f"{label}, sideways error", side
        health = network.activity[:, network.ring + row.HEALTH, : row.HEALTH_SIZE]
        yield from ((f"{prefix}health {i}", column) for i, column in enumerate(health.T))
    statistics = getattr(brain, "statistics", np.zeros((1, 0)))
    yield from ((f"statistics {i}", column) for i, column in enumerate(statistics.T))
    yield from ((name, getattr(brain, name, np.zeros(0))) for name in ("action", "sampled", "replay", "slow"))


class Comparison:
    """A brain by the numba kernels, beside the torch reference in float32 and in float64: see `Errors`.

    `make(*arguments, backend=..., **settings)` makes it. Every tick starts from what the kernels left.
    """

    def __init__(self, make: Callable[..., SteppingBrain], *arguments: Any, **settings: Any) -> None:
        self.tested, self.reference, self.exact = (
            make(*arguments, backend=backend, **settings) for backend in ("numba", "torch", "torch")
        )
        in_float64(self.exact)
        self.brains = (self.tested, self.reference, self.exact)
        self.arrays = [[array for _, array in numbers_of(brain) if array.size] for brain in self.brains]
        names = [name for name, array in numbers_of(self.tested) if array.size]
        self.errors = Errors(["loss", *names], terms_of(self.tested))

    def tick(self, do: Callable[[Any], Learning]) -> Learning:
        """All three do it; what the kernels' brain said of it. Updates, roll-backs, counters and random streams must be
        the same. What the kernels must write before they read it is NaN before."""
        for network in networks_of(self.tested).values():
            network.activity[:, network.ring + row.WAVE] = np.nan
        for net in self.tested.nets():
            net.buffers.work[:] = np.nan
        before = [array.copy() for array in self.arrays[-1]]
        said = [do(brain) for brain in self.brains]
        for brain, learning in zip(self.brains, said, strict=True):
            assert (learning.updates, learning.rollbacks) == (said[0].updates, said[0].rollbacks)
            np.testing.assert_array_equal(brain.network.state, self.tested.network.state)
        now = ([np.array([one.loss]), *arrays] for one, arrays in zip(said, self.arrays, strict=True))
        self.errors.add(*now, before=[np.zeros(1), *before])
        for brain in self.brains[1:]:
            for name, array in brain.arrays().items():
                array[...] = self.tested.arrays()[name]
        return said[0]


@pytest.fixture(scope="session")
def agrees() -> Callable[..., None]:
    """Asserts that an array is, to rounding, what `run` gives of a brain that `make` makes: see `Errors`."""

    def check(tested: np.ndarray, make: Callable[..., SteppingBrain], run: Callable[[Any], np.ndarray]) -> None:
        reference, exact = make(backend="torch"), in_float64(make(backend="torch"))
        errors = Errors(["result"], terms_of(exact))
        errors.add([tested], [run(reference)], [run(exact)])
        errors.check()

    return check


@pytest.fixture(scope="session")
def comparison() -> type[Comparison]:
    return Comparison
