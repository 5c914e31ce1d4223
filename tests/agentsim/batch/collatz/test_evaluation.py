"""What is counted as a violation: against V's whose figures are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from agentsim.batch.collatz import evaluation, orbits
from agentsim.batch.collatz.arithmetic import LIMBS, to_integers


def test_a_constant_is_wrong_everywhere_and_what_is_no_number_is_a_violation() -> None:
    """The trivial control, and V = nan, V = inf: none of their margins is above 0."""
    test = evaluation.test_set(200)
    for value in (1.0, math.nan, math.inf):
        figures = evaluation.examine(lambda view, value=value: np.full(len(view), value), 20, test)  # type: ignore[misc]
        assert (figures["violations"], figures["failures"]) == (429, 50_000)


def test_figures_of_a_v_that_is_right_where_n_shrinks() -> None:
    """V = ln n: its violations are the growth steps, which Python's integers count; its growth figure is 0."""
    test = evaluation.test_set(200)
    figures = evaluation.examine(lambda view: view.logs[:, 0], 20, test)
    growing = {str(seed): sum(n % 4 == 3 for n in orbits.orbit(seed)) for seed in orbits.TEST_SEEDS}
    assert {seed: orbit["violations"] for seed, orbit in figures["orbits"].items()} == growing
    assert figures["orbits"]["27"]["at"] == [j for j, n in enumerate(orbits.orbit(27)) if n % 4 == 3]
    assert (figures["failures"], figures["growth"]) == (24_930, 0.0)
    shrinks = ~test.numbers.grows
    assert figures["weighted"] == pytest.approx(test.weights[shrinks].sum() / test.weights.sum())
    assert figures["worst"] == pytest.approx(-math.log(5 / 3), abs=1e-12)  # of 3, which goes to 5


def test_large_sets_are_measured_in_parts() -> None:
    """V = ln n fails where n grows, n = 3 mod 4; V = -ln n where it shrinks."""
    both: dict[str, evaluation.Asked] = {
        "ln n": (lambda view: view.logs[:, 0], 2),
        "-ln n": (lambda view: -view.logs[:, 0], 9),
    }
    assert evaluation.violations(both, evaluation.all_odd(300_000)) == {"ln n": 75_000, "-ln n": 74_999}
    inside = evaluation.interior_states(5_000)
    assert len(inside) == 5_000
    assert all(n % 3 and n % 2 and n >= 2**31 for n in to_integers(inside)[:2_000] if n.bit_length() < 64)
    fresh = evaluation.fresh_numbers(70_000)
    assert fresh.shape == (70_000, LIMBS)
    growing = int((fresh[:, 0] % np.uint64(4) == 3).sum())
    assert evaluation.violations(both, fresh) == {"ln n": growing, "-ln n": 70_000 - growing}
