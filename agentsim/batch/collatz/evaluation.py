"""How good a V is: margins V(n) - V(T(n)) over sets of numbers. A violation is a margin that is not above 0."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agentsim.batch.collatz.arithmetic import LIMBS, Limbs, to_limbs
from agentsim.batch.collatz.draws import evaluation_set, expansion_weights, interior, random_odd
from agentsim.batch.collatz.orbits import TEST_SEEDS, orbit
from agentsim.batch.collatz.samples import Pairs, Values, View

FRESH_SEED, FRESH = 20_261_122, 500_000
FRESH_BITS = (32, 128)  # where training, with some 100,000 numbers of each length, has seen next to none
INTERIOR, INTERIOR_BITS = 200_000, (64, 128)
ALL_ODD = 4_000_000
CHUNK = 5_000  # numbers whose windows are held at a time

Potential = Callable[[View], Values]
Asked = tuple[Potential, int]  # a V and its lookahead


def margins(potential: Potential, pairs: Pairs, lookahead: int) -> Values:
    """(N,): V(n) - V(T(n)), of n above 1. Where that is not a number, as between two infinities, -inf: a violation."""
    found = np.empty(len(pairs))
    for start in range(0, len(pairs), CHUNK):
        part = slice(start, start + CHUNK)
        with np.errstate(invalid="ignore"):
            found[part] = potential(pairs[part].here(lookahead)) - potential(pairs[part].there(lookahead))
    return np.where(np.isnan(found), -np.inf, found)


@dataclass(frozen=True)
class TestSet:
    """N numbers, such as the 50,000 published ones, with their weights; and the steps of the five orbits in a row."""

    numbers: Pairs
    weights: NDArray[np.float64]
    steps: Pairs
    orbit: NDArray[np.int64]  # (429,): the seed whose orbit a step belongs to

    __test__ = False  # pytest: not a test


@cache
def test_set(lookahead: int, chosen: tuple[int, ...] | None = None) -> TestSet:
    """The test set, or numbers of one's own in its place, seen with at most this lookahead."""
    numbers = to_limbs(evaluation_set() if chosen is None else chosen)
    orbits = {seed: orbit(seed) for seed in TEST_SEEDS}
    return TestSet(
        Pairs.of(numbers, lookahead),
        expansion_weights(numbers),
        Pairs.of(to_limbs([n for states in orbits.values() for n in states]), lookahead),
        np.repeat(list(orbits), [len(states) for states in orbits.values()]),
    )


def examine(potential: Potential, lookahead: int, test: TestSet) -> dict[str, Any]:
    """The figures of a V on the test set. Shares are of 1; `weighted` counts a number w_expansion times.

    {orbits: {seed: {violations, at: [position, ...], worst, values: [V of each state, ...]}}, violations,
    worst_on_orbits, failures, passed, weighted, growth, growth_weighted, worst, margins: (N,) float64}.
    """
    orbits = {}
    on_orbits, values = margins(potential, test.steps, lookahead), potential(test.steps.here(lookahead))
    for seed in TEST_SEEDS:
        of_orbit, its_values = on_orbits[test.orbit == seed], values[test.orbit == seed]
        at = np.flatnonzero(~(of_orbit > 0)).tolist()
        worst = float(of_orbit.min())
        orbits[str(seed)] = {"violations": len(at), "at": at, "worst": worst, "values": its_values.tolist()}
    found = margins(potential, test.numbers, lookahead)
    passed, grows = found > 0, test.numbers.grows
    return {
        "orbits": orbits,
        "violations": sum(orbit["violations"] for orbit in orbits.values()),
        "worst_on_orbits": float(on_orbits.min()),
        "failures": int((~passed).sum()),
        "passed": float(passed.mean()),
        "weighted": float(np.average(passed, weights=test.weights)),
        "growth": float(passed[grows].mean()),
        "growth_weighted": float(np.average(passed[grows], weights=test.weights[grows])),
        "worst": float(found.min()),
        "margins": found,
    }


def fresh_numbers(count: int = FRESH, seed: int = FRESH_SEED, bits: tuple[int, int] = FRESH_BITS) -> Limbs:
    """Random numbers, (count, LIMBS), their bit lengths uniform over `bits`; no training draws from this generator."""
    return random_odd(np.random.default_rng([seed, 0]), count, bits)


def interior_states(count: int = INTERIOR) -> Limbs:
    """(count, LIMBS) states of at least FRESH_BITS[0] bits from the orbits of random numbers, one of each orbit.

    Where the world leads, and not where it starts: none is a multiple of 3, for which any V may be as large as it
    likes, and residues tell less.
    """
    states = interior(np.random.default_rng([FRESH_SEED, 1, 0]), 2 * count, INTERIOR_BITS)
    large = (states[:, 0] >= np.uint64(1 << FRESH_BITS[0] - 1)) | states[:, 1:].any(axis=1)
    return states[large][:count]


def all_odd(below: int = ALL_ODD) -> Limbs:
    """3, 5, 7, ... below this, (N, LIMBS)."""
    numbers = np.zeros((len(range(3, below, 2)), LIMBS), np.uint64)
    numbers[:, 0] = np.arange(3, below, 2, dtype=np.uint64)
    return numbers


def in_chunks(numbers: Limbs, lookahead: int) -> Iterator[Pairs]:
    """The pairs of many numbers, CHUNK at a time."""
    for start in range(0, len(numbers), CHUNK):
        yield Pairs.of(numbers[start : start + CHUNK], lookahead)


def violations(
    asked: Mapping[str, Asked], numbers: Limbs, on_part: Callable[[int], None] = lambda done: None
) -> dict[str, int]:
    """How many of many numbers are violations, of every V asked for; `on_part` hears how many more are done."""
    found = dict.fromkeys(asked, 0)
    for part in in_chunks(numbers, max(lookahead for _, lookahead in asked.values())):
        for name, (potential, lookahead) in asked.items():
            found[name] += int((~(margins(potential, part, lookahead) > 0)).sum())
        on_part(len(part))
    return found
