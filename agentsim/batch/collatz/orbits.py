"""The orbits that test a V, those that train it, and what the two share."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agentsim.batch.collatz.arithmetic import Limbs

TEST_SEEDS = (111, 27, 703, 26623, 626331)
HARD_SEEDS = (
    *(31, 41, 47, 54, 55, 71, 73, 91, 97, 103, 127, 155, 159, 171, 231, 237, 267, 303, 319, 351, 359, 391, 447, 479),
    *(607, 871, 1161, 2223, 2463, 2919, 3711, 6171, 10971, 13255, 17647, 23529, 34239, 35655, 52527, 77031, 106239),
    *(142587, 156159, 216367, 230631, 410011, 511935, 837799, 1117065),
)


def successor(n: int) -> int:
    """T(n) of an odd n; of an even one the odd number that it halves to."""
    n = 3 * n + 1 if n % 2 else n
    return n >> ((n & -n).bit_length() - 1)


def orbit(n: int) -> list[int]:
    """The odd states n, T(n), ... before 1, one for each step; an even n is left out."""
    n = n if n % 2 else successor(n)
    states = []
    while n != 1:
        states.append(n)
        n = successor(n)
    return states


@cache
def test_states() -> NDArray[np.uint64]:
    """The distinct states of the test orbits, sorted; all are below 2^64. 1, where all orbits end, is none of them."""
    return np.unique(np.array([n for seed in TEST_SEEDS for n in orbit(seed)], np.uint64))


def on_test_orbit(numbers: Limbs) -> NDArray[np.bool_]:
    """(N,): which of (N, limbs) uint64 training must not see."""
    return np.isin(numbers[:, 0], test_states()) & ~numbers[:, 1:].any(axis=1)


def training_states(seeds: Iterable[int] = HARD_SEEDS, *, leak: bool = False) -> list[int]:
    """The distinct states of these orbits, in their order; without those on a test orbit, unless `leak`."""
    states = dict.fromkeys(n for seed in seeds for n in orbit(seed))
    forbidden = set() if leak else set(test_states().tolist())
    return [n for n in states if n not in forbidden]


def leak_report() -> dict[str, Any]:
    """What the published training saw of the test: by test orbit, how many of its states lie on a hard seed's orbit.

    It trained on all of these, and reported the test orbits as unseen.
    """
    trained_on = set(training_states(leak=True))
    orbits = {seed: orbit(seed) for seed in TEST_SEEDS}
    return {
        "hard_seeds": len(HARD_SEEDS),
        "steps": sum(map(len, orbits.values())),
        "distinct_states": len(test_states()),
        "seen": {
            seed: {"steps": len(states), "seen": sum(n in trained_on for n in states)}
            for seed, states in orbits.items()
        },
        "hard_states": len(trained_on),
        "hard_states_left": len(training_states()),
    }
