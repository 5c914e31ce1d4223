"""What the compiled classic control worlds share: sixteen lanes of one, moved together, a number of all lanes side by
side. They are Gymnasium's own, to the bit: what it says, in its order, with the C library's sine and cosine.

A kernel `advance` moves all lanes by a step, `begin` starts an episode in one of them. Both are called with the address
of a program, int64 in this order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agentsim.compiled import random
from agentsim.compiled.jit import inline
from agentsim.compiled.pointers import doubles, floats, integers

LANES = 16
STATE, ACTIONS, OBSERVATIONS, REWARDS, ENDED, LANE, KEY, TWO, ENTRIES = range(9)
# addresses of STATE, float64 rows of LANES, after Gymnasium's own numbers that of steps; of ACTIONS (LANES,) int64; of
# OBSERVATIONS, float32 rows of LANES; of REWARDS (LANES,) float32, of the last step; and of ENDED (LANES,) int64: 1
# where it terminated, 2 where time is up. LANE and KEY: where `begin` starts an episode, and the key of its stream.
# TWO is 2, which the compiler must not know: it would make x x of pow(x, 2), whose last bit differs now and then
TERMINATED, TRUNCATED = 1, 2


class ClassicControl(NamedTuple):
    """One of these worlds: `module` holds its kernels; how many numbers Gymnasium's state has, and rows ours; sizes of
    observations, how many actions there are, steps of an episode at most."""

    environment: str
    module: str
    state: int
    rows: int
    observations: int
    actions: int
    limit: int

    @property
    def kernels(self) -> tuple[str, str]:
        """`begin` and `advance`, as "module:function"."""
        return f"{self.module}:begin", f"{self.module}:advance"


_splitmix64, _uniform = inline(random.splitmix64), inline(random.uniform)


@inline
def rows(program):
    """(state, actions, observations, rewards, ended)."""
    return (
        doubles(program[STATE]),
        integers(program[ACTIONS]),
        floats(program[OBSERVATIONS]),
        floats(program[REWARDS]),
        integers(program[ENDED]),
    )


@inline
def between(program, counter, low, high):
    """U[low, high), number `counter`, from 1, of the stream of an episode; as NumPy's, low + (high - low) u."""
    word = _splitmix64(np.uint64(program[KEY]), np.uint64(counter))
    return low + (high - low) * _uniform(word)


@inline
def end(state, row, lane, limit, terminated):
    """Count a step in a row of state, and say whether the episode is over: TERMINATED, TRUNCATED, or 0."""
    state[row * LANES + lane] += 1.0
    late = state[row * LANES + lane] >= limit
    return (TERMINATED if terminated else 0) | (TRUNCATED if late and not terminated else 0)
