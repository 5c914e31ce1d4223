"""What a compiled world and a compiled brain are to others: kernels by name, a program, and the arrays to meet at.

Every kernel takes one pointer: to the `program`, int64 numbers that hold sizes and the addresses of all arrays. So a
loop that knows neither of the two can move both, from Python (`cache.bound`) or from a kernel of its own
(`pointers.call`), and copies from one's arrays to the other's what they say to each other. Time is in one place: n
ticks in one call of `advance` are the same bits as n calls.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

WIDTH = 8  # lanes that compiled worlds move at once; their arrays are padded to whole groups of so many


class WorldArrays(NamedTuple):
    """What a world is told and tells, for n ticks; a row is a lane, or an agent of a lane. Rows beyond are padding."""

    actions: NDArray[np.int64]  # (n, rows)
    observations: NDArray[np.float32]  # (n, rows, observation_size)
    rewards: NDArray[np.float32]  # (n, rows)
    teacher_actions: NDArray[np.int64]  # (n, rows): the right answers to the observations, -1 where it is silent


class BrainArrays(NamedTuple):
    """What a brain is told and tells; N rows."""

    observation: NDArray[np.float32]  # (N, observation_size)
    action: NDArray[Any]  # (N, 1) int64, or (N, actions) float32
    target: NDArray[np.float32]  # (N, target_size), NaN where there is none


class CompiledWorld(Protocol):
    """A world that compiled code can move. Its kernels: `begin` an episode of a lane, `advance` all by one tick or
    more, and `sense`, which writes what there is to see and moves nobody."""

    kernels: tuple[str, str, str]  # the names of `begin`, `advance` and `sense`, as "module:function"
    program: NDArray[np.int64]  # what they are called with the address of
    arrays: WorldArrays  # others, when more ticks than before are asked for at once


class CompiledBrain(Protocol):
    """A brain that compiled code can run. Its kernels: `act` on an observation, `learn` from the target."""

    kernels: tuple[str, ...]  # the names of `act` and `learn`, then of whatever else its program holds the address of
    program: NDArray[np.int64]  # what `act` and `learn` are called with the address of
    arrays: BrainArrays
