"""Random numbers: the published set, its weights, and uniform lengths."""

from __future__ import annotations

import math

import numpy as np
import pytest

from agentsim.batch.collatz import draws, evaluation
from agentsim.batch.collatz.arithmetic import to_integers, to_limbs


def test_the_evaluation_set_is_the_published_one() -> None:
    """Its digest, its first six numbers and its growth steps are published."""
    numbers = draws.evaluation_set()
    assert draws.digest(numbers) == draws.EVALUATION_DIGEST
    assert numbers[:6] == [6994456467885842758128215, 315881, 285320985015814582857473923, 33, 5887, 1130727385]
    assert len(set(numbers)) == 50_000
    assert sum(n % 4 == 3 for n in numbers) == 24_930 == evaluation.test_set(1).numbers.grows.sum()


def test_weights_say_how_far_an_orbit_climbs() -> None:
    """log10 of the highest value over n, plus 1: the whole orbit in Python's integers."""
    numbers = [*draws.evaluation_set()[:300], 27, 3, 2**128 - 1]
    for n, weight in zip(numbers, draws.expansion_weights(to_limbs(numbers)), strict=True):
        state = peak = n
        while state != 1:
            state = 3 * state + 1 if state % 2 else state // 2
            peak = max(peak, state)
        assert weight == round(math.log10(peak) - math.log10(n) + 1, 4)


def test_random_numbers_have_uniform_lengths_and_are_odd() -> None:
    generator = np.random.default_rng(0)
    numbers = to_integers(draws.random_odd(generator, 60_000, (2, 128)))
    lengths = np.bincount([n.bit_length() for n in numbers], minlength=129)
    assert all(n % 2 for n in numbers)
    assert lengths[:2].sum() == 0 and len(lengths) == 129
    assert abs(lengths[2:] - 60_000 / 127).max() < 5 * math.sqrt(60_000 / 127)
    second = [n >> (n.bit_length() - 2) & 1 for n in numbers if n.bit_length() > 2]
    assert np.mean(second) == pytest.approx(0.5, abs=5 * 0.5 / math.sqrt(len(second)))
    assert {n.bit_length() for n in to_integers(draws.random_odd(generator, 500, (64, 65)))} == {64, 65}
