"""What must be fast and nothing else: the same maths as plain functions on plain arrays, once for each backend.

What a brain hands to `taught`, `streaming` and `q_learning` it never replaces: every backend keeps working on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

BACKENDS = ("numba", "torch")


class Kernel(NamedTuple):
    """A backend bound to the arrays of one brain.

    act(observation (N, obs)) writes `buffers.action`, or `sampled`, and returns roll-backs. learn(...) returns (mean
    loss, updates, roll-backs); of a brain with a teacher it takes `fresh`, whether `buffers.target` labels a new
    experience; from reward (reward (N,), next observation (N, obs), terminated (N,), truncated (N,)); by replay (memory
    (N, 2 obs + 3), done (N,), fresh). Where there is a teacher, sample() tells of the last lane's last sample: a row of
    its activations, and what the rule left in the row of errors.
    """

    act: Callable[..., int]
    learn: Callable[..., tuple[float, int, int]]
    sample: Callable[[], tuple[Any, Any]] | None = None


def taught(backend: str, net: Any) -> Kernel:
    """A backend for a brain with a teacher; `net` is its `program.arrays.Net`."""
    if backend == "torch":
        from brains.kernels.reference.taught import TaughtReference

        return Kernel(*TaughtReference(net).functions())
    from brains.kernels.cpu import bound

    return Kernel(*bound.taught(net))


def streaming(backend: str, actor: Any, critic: Any, rewarded: Any) -> Kernel:
    """A backend for learning from reward, one sample at a time; `rewarded` is its `program.arrays.Rewarded`."""
    if backend == "torch":
        from brains.kernels.reference.streaming import StreamingReference

        return Kernel(*StreamingReference(actor, critic, rewarded).functions())
    from brains.kernels.cpu import bound

    return Kernel(*bound.streaming(actor, critic, rewarded))


def q_learning(backend: str, net: Any, rewarded: Any) -> Kernel:
    """A backend for learning from reward by replay; `rewarded` is its `program.arrays.Rewarded`."""
    if backend == "torch":
        from brains.kernels.reference.q_learning import QLearningReference

        return Kernel(*QLearningReference(net, rewarded).functions())
    from brains.kernels.cpu import bound

    return Kernel(*bound.q_learning(net, rewarded))
