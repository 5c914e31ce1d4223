"""What a V is trained on: random numbers and hard orbits, but nothing of the test orbits.

A batch is a function of the seed and its index (and of what was mined before), so that going on exactly needs no state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from agentsim.batch.collatz.arithmetic import LIMBS, Limbs, to_limbs, windows
from agentsim.batch.collatz.draws import evaluation_set, interior, random_odd
from agentsim.batch.collatz.evaluation import Potential, margins
from agentsim.batch.collatz.orbits import HARD_SEEDS, test_states, training_states
from agentsim.batch.collatz.samples import Pairs
from agentsim.batch.collatz.settings import CollatzConfig

# The first number of an evaluation's stream of random numbers is its seed, and its second 0 (evaluation.py); the second
# of a training's is one of these, so that no seed makes them the same.
BATCH, MINING = 1, 2
CHANCES = (0.5, 0.75)  # of a halving to be the last of its step, in numbers that climb
EXACT = 1e13  # states below this are recovered exactly from their logarithms; all test states are


@cache
def _evaluation_numbers() -> Limbs:
    """The published test numbers, (50,000, 2), by their lowest limb, of which no two are equal."""
    numbers = to_limbs(evaluation_set(), 2)
    return numbers[np.argsort(numbers[:, 0])]


def in_evaluation_set(numbers: Limbs) -> NDArray[np.bool_]:
    """(N,): whether n, (N, limbs), is one of the published test numbers."""
    known = _evaluation_numbers()
    nearest = known[np.searchsorted(known[:, 0], numbers[:, 0]).clip(max=len(known) - 1)]
    same = (nearest == numbers[:, :2]).all(axis=1)
    return np.asarray(same & ~numbers[:, 2:].any(axis=1))


def forbidden(numbers: Limbs, ahead: Sequence[int] = (1,)) -> NDArray[np.bool_]:
    """(N,): whether n, or T^j(n) for a j of `ahead`, lies on a test orbit or is one of the published test numbers (of
    the T^j(n), those below EXACT: random numbers hardly ever meet a larger one). So is 1, which has no margin.
    """
    logs = windows(numbers, max(ahead)).logs[:, [0, *ahead]]
    states = np.rint(np.exp(np.minimum(logs, np.log(EXACT)))).astype(np.uint64)
    small = np.stack([states.ravel(), np.zeros(states.size, np.uint64)], axis=1)
    tested = in_evaluation_set(small).reshape(states.shape) & (logs < np.log(EXACT))
    on_orbit = np.isin(states, test_states())
    return np.asarray((tested | on_orbit).any(axis=1) | in_evaluation_set(numbers) | (states[:, 0] == 1))


Draw = Callable[[np.random.Generator, int, tuple[int, int]], Limbs]


def allowed(
    draw: Draw, generator: np.random.Generator, count: int, bits: tuple[int, int], ahead: Sequence[int]
) -> Limbs:
    """(count, LIMBS) drawn numbers, drawn again where they are forbidden."""
    numbers = draw(generator, count, bits)
    while (wrong := forbidden(numbers, ahead)).any():
        numbers[wrong] = draw(generator, int(wrong.sum()), bits)
    return numbers


def climbing(generator: np.random.Generator, count: int, bits: tuple[int, int]) -> Limbs:
    """(count, LIMBS) odd numbers above 1 of at most so many bits, whose first steps climb as those of a random number
    hardly ever do, but those of a path record must.

    With halvings k_1 .. k_m of sum S, T^m(n) = (3^m n + c) / 2^S; that this is odd says what n is mod 2^(S + 1). The
    halvings are geometric with one chance for all of n; a random n has 1/2, and above ln 2 / ln 3 = .63 it climbs.
    """
    found = []
    for size, chance in zip(
        generator.integers(bits[0], bits[1], size=count, endpoint=True).tolist(),
        generator.uniform(*CHANCES, size=count),
        strict=True,
    ):
        c, total, power = 0, 0, 1
        for k in generator.geometric(chance, size=generator.integers(size)).tolist():
            if total + k >= size:
                break
            c, total, power = 3 * c + (1 << total), total + k, 3 * power
        modulus = 2 << total
        n = ((1 << total) - c) * pow(power, -1, modulus) % modulus
        above = int.from_bytes(generator.bytes(16), "little") >> (128 - size)
        found.append(max(n | above >> (total + 1) << (total + 1), 3))
    return to_limbs(found)


@dataclass(frozen=True)
class Sampler:
    """Batches of a config. `hard` are the allowed states of the hard orbits, (H, LIMBS), by the seed that leads to them
    first; `until` (seeds + 1,) says how many of them the first seeds have."""

    config: CollatzConfig
    hard: Limbs
    until: NDArray[np.int64]

    @staticmethod
    def of(config: CollatzConfig) -> Sampler:
        """The sampler of a config."""
        hard = to_limbs(training_states())
        kept = ~forbidden(hard, config.loss.ahead)
        counts = [len(training_states(HARD_SEEDS[:seeds])) for seeds in range(len(HARD_SEEDS) + 1)]
        return Sampler(config, hard[kept], np.concatenate([[0], kept.cumsum()])[counts])

    def batch(self, index: int, mined: Limbs) -> tuple[Pairs, NDArray[np.bool_]]:
        """The pairs of a batch, and which of them are from a hard orbit, (N,)."""
        sampling, ahead = self.config.sampling, self.config.loss.ahead
        generator = np.random.default_rng([self.config.seed, BATCH, index])
        seeds = len(HARD_SEEDS)
        if sampling.curriculum is not None:
            seeds = min(seeds, seeds * index // sampling.curriculum)
        pool = self.hard[: self.until[seeds]]
        count = round(sampling.batch * sampling.hard_share) if len(pool) else 0
        rest = sampling.batch - count
        steep = round(rest * sampling.climbing_share)
        inside = min(round(rest * sampling.interior_share), rest - steep)
        parts: list[tuple[Draw, int]] = [(random_odd, rest - steep - inside), (climbing, steep), (interior, inside)]
        numbers = np.concatenate([allowed(draw, generator, size, sampling.bits, ahead) for draw, size in parts])
        if sampling.mining is not None:
            again = mined[generator.random(len(mined)) < sampling.mining.probability][: len(numbers)]
            numbers[: len(again)] = again
        if count:
            numbers = np.concatenate([numbers, pool[generator.integers(len(pool), size=count)]])
        return Pairs.of(numbers, self.config.lookahead, max(ahead)), np.arange(len(numbers)) >= len(numbers) - count

    def mine(self, index: int, mined: Limbs, potential: Potential) -> Limbs:
        """What is mined after this batch: the worst of many random numbers come in, the oldest leave."""
        mining = self.config.sampling.mining
        if mining is None or (index + 1) % mining.every:
            return mined
        generator = np.random.default_rng([self.config.seed, MINING, index])
        numbers = allowed(random_odd, generator, mining.of, self.config.sampling.bits, self.config.loss.ahead)
        found = margins(potential, Pairs.of(numbers, self.config.lookahead), self.config.lookahead)
        worst = np.argsort(found, kind="stable")[: mining.worst]
        return np.concatenate([mined, numbers[worst]])[-mining.kept :]


def nothing_mined() -> Limbs:
    """Before the first batch."""
    return np.empty((0, LIMBS), np.uint64)
