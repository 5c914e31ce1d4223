"""Compiled kernels beside the torch reference in float64: no tolerance that is a guess about a CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brains.brain import Learning
from brains.kernels.program import block, op, row
from brains.stepping.base import SteppingBrain
from brains.stepping.network import Network

Arrays = Sequence[NDArray[Any]]

UNIT_ROUNDOFF = 2.0**-24  # of float32
FACTOR = 4.0
FLUSHED = 1e-30  # smaller numbers kernels set to 0: with denormal ones a CPU is slow


class Errors:
    """How far two float32 programs are from the same computation in float64, array by array.

    e is the error of the program under test in an array, and r that of the torch reference in float32; both against the
    torch reference in float64 from the same float32 numbers, as root mean squares over all that was added. Then

        e <= FACTOR (r + u (|a| + sqrt(terms) |c|)) + FLUSHED,

    with u the unit roundoff, |a| the size of the array's numbers and |c| of their changes: a sum is rounded where the
    change is added to what was there, and the change itself is the work of `terms` roundings in a row, whose errors,
    being of either sign, grow like the square root (Higham and Mary 2019, doi 10.1137/18M1226312). r says how much
    worse than that the computation is conditioned. No CPU and no order of summation is named. A branch that float64
    takes the other way is not excused: numbers are random, so that nothing sits where one parts.
    """

    def __init__(self, names: Sequence[str], terms: int) -> None:
        self.names, self.terms = names, terms
        self.squares, self.counts = np.zeros((4, len(names))), np.zeros(len(names))

    def add(self, *programs: Arrays) -> None:
        """Take in the arrays, none empty, of both programs, of float64, and of what was there before."""
        sizes = [array.size for array in programs[0]]
        t, r, a, b = (np.concatenate([array.ravel() for array in arrays], dtype=np.float64) for arrays in programs)
        self.squares += np.add.reduceat(np.square([t - a, r - a, a, a - b]), np.cumsum([0, *sizes[:-1]]), axis=1)
        self.counts += sizes

    def check(self) -> None:
        """The inequality, for every array; fails for a NaN in any."""
        error, reference, size, change = np.sqrt(self.squares / self.counts)
        allowed = FACTOR * (reference + UNIT_ROUNDOFF * (size + np.sqrt(self.terms) * change)) + FLUSHED
        wrong = [
            f"{name}: {e:.3g} from float64, {limit:.3g} allowed; the reference {r:.3g}"
            for name, e, limit, r in zip(self.names, error, allowed, reference, strict=True)
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
            return type(value)(*map(exact, value))
        if isinstance(value, np.ndarray) and value.dtype == np.float32:
            return made.setdefault(id(value), (value, value.astype(np.float64)))[1]
        return value

    for owner in (brain, *networks_of(brain).values()):
        for name, value in list(vars(owner).items()):
            setattr(owner, name, exact(value))
    return brain


def numbers_of(brain: SteppingBrain) -> Iterator[tuple[str, NDArray[Any]]]:
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
            one, other = ((said_so.updates, said_so.rollbacks) for said_so in (said[0], learning))
            assert one == other, f"the kernels' updates and roll-backs are {one}, the reference's {other}"
            np.testing.assert_array_equal(brain.network.state, self.tested.network.state)
        tested, reference, exact = (
            [np.array([one.loss]), *arrays] for one, arrays in zip(said, self.arrays, strict=True)
        )
        self.errors.add(tested, reference, exact, [np.zeros(1), *before])
        for brain in self.brains[1:]:
            for name, array in brain.arrays().items():
                array[...] = self.tested.arrays()[name]
        return said[0]


def agree(
    tested: NDArray[Any], make: Callable[..., SteppingBrain], run: Callable[[Any], NDArray[Any]], what: str = "result"
) -> None:
    """Assert that an array is, to rounding, what `run` gives of a brain that `make` makes: see `Errors`."""
    reference, exact = make(backend="torch"), in_float64(make(backend="torch"))
    errors = Errors([what], terms_of(exact))
    result = run(exact)
    errors.add([tested], [run(reference)], [result], [np.zeros_like(result)])
    errors.check()
