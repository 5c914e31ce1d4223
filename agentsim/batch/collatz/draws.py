"""Random odd numbers: the published evaluation set, the published training distribution, and fresh sets."""

from __future__ import annotations

import hashlib
import random

import numpy as np
from numpy.typing import NDArray

from agentsim.batch.collatz.arithmetic import LIMBS, NOT_SEEN, Limbs, advance, windows

EVALUATION_SEED, EVALUATION_SIZE = 42, 50_000
EVALUATION_DIGEST = "1171ef2f61cf9424621d5678397c0ac5707acae3726f586d684d5643203aeede"
TRAINING_BITS = (3, 125)  # bit lengths of random training numbers, both ends included
EVALUATION_BITS = (2, 128)
LN_2 = np.log(2.0)
DRIFT = 0.2877  # 2 ln 2 - ln 3: what a step loses on average
STEPS, WEIGHED = 1_500, 10_000  # as far as numbers of 128 bits go, mostly; whose orbits are held at a time


def evaluation_set() -> list[int]:
    """The 50,000 published test numbers, in their order. Python's own generator makes them the same everywhere."""
    generator = random.Random(EVALUATION_SEED)
    chosen: dict[int, None] = {}
    while len(chosen) < EVALUATION_SIZE:
        bits = generator.randint(*EVALUATION_BITS)
        n = generator.randint(2 ** (bits - 1), 2**bits - 1)
        chosen[n + (n % 2 == 0)] = None
    return list(chosen)


def digest(numbers: list[int]) -> str:
    """sha256 of the numbers in decimal, joined by commas."""
    return hashlib.sha256(",".join(map(str, numbers)).encode()).hexdigest()


def random_odd(generator: np.random.Generator, count: int, bits: tuple[int, int] = TRAINING_BITS) -> Limbs:
    """(count, limbs) odd numbers above 1, their bit length uniform over `bits`, at least 2 and at most 128, both
    included, and uniform given their length; an even one is raised by 1."""
    top = generator.integers(bits[0], bits[1], size=count, endpoint=True).astype(np.uint64) - np.uint64(1)
    words = generator.integers(0, 2**64, size=(count, 2), dtype=np.uint64)
    one, word = np.uint64(1), np.uint64(64)
    wide = top >= word
    highest = one << (top % word)  # the leading bit of n, in its limb
    leading = words[:, 0] & (highest - one) | highest
    numbers = np.zeros((count, LIMBS), np.uint64)
    numbers[:, 0] = np.where(wide, words[:, 1], leading) | one
    numbers[:, 1] = np.where(wide, leading, np.uint64(0))
    return numbers


def interior(generator: np.random.Generator, count: int, bits: tuple[int, int]) -> Limbs:
    """(count, LIMBS) states of the orbits of random numbers, anywhere on an orbit of average length.

    They differ from random numbers: none is a multiple of 3, two in three are 2 mod 3, and what they come from is low.
    """
    numbers = random_odd(generator, count, bits)
    average = windows(numbers, 0).logs[:, 0] / DRIFT
    advance(numbers, (generator.random(count) * average).astype(np.int64))
    return numbers


def expansion_weights(numbers: Limbs) -> NDArray[np.float64]:
    """w_expansion of (N, limbs) odd numbers above 1: log10 of how far above n its orbit climbs, even values included,
    plus 1, to 4 decimals.

    The even value after T^j(n) is T^(j+1)(n) 2^k. Where 1 is not reached in STEPS steps, more are made.
    """
    weights = np.empty(len(numbers))
    for start in range(0, len(numbers), WEIGHED):
        part = slice(start, start + WEIGHED)
        steps = STEPS
        while ((found := windows(numbers[part], steps)).one == NOT_SEEN).any():
            steps *= 2
        peak = (found.logs[:, 1:] + found.halvings * LN_2).max(axis=1, where=found.logs[:, :-1] > 0, initial=0.0)
        weights[part] = np.maximum(0.0, peak - found.logs[:, 0]) / np.log(10) + 1
    return weights.round(4)
