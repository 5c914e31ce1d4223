"""Windows, residues and limbs against Python's integers."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsim.batch.collatz.arithmetic import (
    NOT_SEEN,
    LimbOverflowError,
    advance,
    next_residues,
    residues,
    to_integers,
    to_limbs,
    windows,
)
from agentsim.batch.collatz.samples import POWER

ODD = st.integers(1, 2**128 - 1).map(lambda n: n | 1)


def syracuse(n: int) -> tuple[int, int]:
    """T(n) and k by the definition, in Python's integers."""
    n, k = 3 * n + 1, 0
    while n % 2 == 0:
        n, k = n // 2, k + 1
    return n, k


def check_window(n: int, steps: int, found: Any, row: int) -> None:
    """Every figure of one row against Python's integers; logarithms to 4 ulp of the largest."""
    state, one = n, NOT_SEEN
    for j in range(steps + 1):
        assert math.isclose(found.logs[row, j], math.log(state), rel_tol=1e-15, abs_tol=1e-15)
        if state == 1 and one == NOT_SEEN:
            one = j
        if j < steps:
            state, k = syracuse(state)
            assert found.halvings[row, j] == k
    assert found.one[row] == one


def test_windows_are_those_of_pythons_integers() -> None:
    """1,000 random numbers of up to 128 bits and the hardest ones, 300 steps each."""
    generator = random.Random(7)
    numbers = [generator.getrandbits(generator.randint(1, 128)) | 1 for _ in range(1_000)]
    numbers += [(2 ** (64 * k) * m - 1) // 3 | 1 for k in (1, 2, 3, 4) for m in (1, 7, 10, 2**60 + 1)]
    numbers += [2**128 - 1, 2**200 - 1, 2**64 - 1, 2**64 + 1, (2**64 - 2) // 3 | 1, (4**150 - 1) // 3, 1, 3]
    found = windows(to_limbs(numbers), 300)
    for row, n in enumerate(numbers):
        check_window(n, 300, found, row)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 2**380 - 1).map(lambda n: n | 1), min_size=1, max_size=5), st.integers(0, 40))
def test_windows_of_any_numbers(numbers: list[int], steps: int) -> None:
    """With limbs to spare: every carry, every shift by whole limbs, every fall from two limbs to one."""
    found = windows(to_limbs(numbers, 8), steps)
    for row, n in enumerate(numbers):
        check_window(n, steps, found, row)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**384 - 1), max_size=6))
def test_limbs_and_integers_are_the_same_numbers(numbers: list[int]) -> None:
    assert to_integers(to_limbs(numbers)) == numbers


def test_a_number_that_outgrows_its_limbs_is_said_so() -> None:
    """2^128 - 1 grows by 3/2 a step: its step k needs more than 192 bits when 3^k 2^(129 - k) > 2^192."""
    step = next(k for k in range(1, 128) if 3**k * 2 ** (129 - k) >= 2**192)
    with pytest.raises(LimbOverflowError, match=rf"leaves 192 bits at its step {step}; give more than 3 limbs"):
        windows(to_limbs([5, 2**128 - 1], 3), 300)
    windows(to_limbs([2**128 - 1], 3), step - 1)
    with pytest.raises(LimbOverflowError, match="385 bits"):
        to_limbs([2**384])
    with pytest.raises(LimbOverflowError, match="a number of 384 bits leaves 384 bits at its step 1"):
        windows(to_limbs([2**384 - 1]), 1)


def test_states_on_the_way_to_1_are_those_of_pythons_integers() -> None:
    """27 is 1 after 41 steps, and stays there; 2^128 - 1 leaves 192 bits, the others do not wait for it."""
    limbs, steps = to_limbs([27, 27, 27, 2**127 - 1, 5], 3), np.array([0, 40, 99, 2, 1])
    advance(limbs, steps)
    assert to_integers(limbs) == [27, 5, 1, syracuse(syracuse(2**127 - 1)[0])[0], 1]
    limbs = to_limbs([2**128 - 1, 27], 3)
    with pytest.raises(LimbOverflowError, match="row 0 leaves 192 bits"):
        advance(limbs, np.array([300, 40]))
    assert to_integers(limbs)[1] == 5


def test_what_is_no_odd_number_is_refused() -> None:
    with pytest.raises(ValueError, match="6 is even"):
        windows(to_limbs([3, 6]), 5)
    with pytest.raises(ValueError, match="-1"):
        to_limbs([-1])
    with pytest.raises(ValueError, match="at most 15"):
        windows(to_limbs([3], 16), 5)


@settings(deadline=None)
@given(st.lists(ODD, min_size=1, max_size=9), st.integers(1, POWER))
def test_residues_are_those_of_pythons_integers(numbers: list[int], power: int) -> None:
    modulus, limbs = 3**power, to_limbs(numbers)
    assert residues(limbs, modulus).tolist() == [n % modulus for n in numbers]
    following = next_residues(residues(limbs, modulus), windows(limbs, 1).halvings[:, 0], modulus)
    assert following.tolist() == [syracuse(n)[0] % modulus for n in numbers]
