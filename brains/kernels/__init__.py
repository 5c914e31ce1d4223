"""What must be fast and nothing else: the same maths as plain functions on plain arrays, once for each backend."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from numpy.typing import NDArray

BACKENDS = ("numba", "torch")


class Kernel(NamedTuple):
    """A backend bound to the arrays of one brain (see `layout`).

    act(observation (N, obs), action (N, 1 or actions)) -> roll-backs; learn(target (N, target_size), fresh) -> (mean
    loss, updates, roll-backs).
    """

    act: Callable[..., int]
    learn: Callable[..., tuple[float, int, int]]


class StreamingKernel(NamedTuple):
    """A backend bound to the arrays of one brain that learns from reward.

    act(observation (N, obs)) -> roll-backs; learn(reward (N,), next observation (N, obs), terminated (N,), truncated
    (N,)) -> (mean squared error of the value, updates, roll-backs).
    """

    act: Callable[..., int]
    learn: Callable[..., tuple[float, int, int]]


class QLearningKernel(NamedTuple):
    """A backend bound to the arrays of one brain that learns from reward by replay.

    act(observation (N, obs), action (N, 1)) -> roll-backs; learn(memory (N, 2 obs + 3), done (N,), fresh) -> (mean
    squared error of the value, updates, roll-backs).
    """

    act: Callable[..., int]
    learn: Callable[..., tuple[float, int, int]]


def bind(backend: str, *arrays: NDArray[Any]) -> Kernel:
    """The functions of a backend, bound to (layers, options, numbers, state, parameters, activity, replay)."""
    if backend == "torch":
        from brains.kernels.reference.taught import TaughtReference

        reference = TaughtReference(*arrays)
        return Kernel(reference.act, reference.learn)
    from brains.kernels import cpu

    layers, options, _, state, parameters, activity, _ = arrays
    return Kernel(partial(cpu.act, layers, options, state, parameters, activity), partial(cpu.learn, *arrays))


def bind_streaming(backend: str, *arrays: NDArray[Any]) -> StreamingKernel:
    """The same for learning from reward; the arrays are those that `cpu_streaming.act` starts with."""
    if backend == "torch":
        from brains.kernels.reference.streaming import StreamingReference

        reference = StreamingReference(*arrays)
        return StreamingKernel(reference.act, reference.learn)
    from brains.kernels import cpu_streaming

    return StreamingKernel(partial(cpu_streaming.act, *arrays), partial(cpu_streaming.learn, *arrays))


def bind_q_learning(backend: str, *arrays: NDArray[Any]) -> QLearningKernel:
    """The same for learning from reward by replay; the arrays are those that `cpu_q_learning.act` starts with."""
    if backend == "torch":
        from brains.kernels.reference.q_learning import QLearningReference

        reference = QLearningReference(*arrays)
        return QLearningKernel(reference.act, reference.learn)
    from brains.kernels import cpu_q_learning

    return QLearningKernel(partial(cpu_q_learning.act, *arrays), partial(cpu_q_learning.learn, *arrays))
