"""Collatz without training: windows against Python's integers, the published test set, closed forms, exact figures."""

from __future__ import annotations

import math
import random
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsim.batch.collatz import closed_forms, draws, evaluation, orbits
from agentsim.batch.collatz.arithmetic import (
    LIMBS,
    LimbOverflowError,
    next_residues,
    residues,
    to_integers,
    to_limbs,
    windows,
)
from agentsim.batch.collatz.closed_forms import CLOSED_FORMS
from agentsim.batch.collatz.kernels import NOT_SEEN
from agentsim.batch.collatz.samples import POWER, Pairs
from agentsim.bench import collatz

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
        assert found.logs[row, j] == pytest.approx(math.log(state), rel=1e-15, abs=1e-15)
        if state == 1 and one == NOT_SEEN:
            one = j
        if j < steps:
            state, k = syracuse(state)
            assert found.halvings[row, j] == k
    assert found.one[row] == one


# --- windows -----------------------------------------------------------------------------------------------------


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


def test_the_yardstick_of_the_benchmark_does_the_same_work() -> None:
    """Python's integers and the kernels, which `agentsim bench collatz` compares, give the same windows."""
    numbers = draws.evaluation_set()[:50]
    found = windows(to_limbs(numbers), 40)
    for row, (logs, halvings) in enumerate(collatz.in_python(numbers, 40)):
        assert found.logs[row] == pytest.approx(logs, rel=1e-15)
        assert found.halvings[row].tolist() == halvings
    rows = collatz.measure(repeats=1, block=1e-3)["rows"]
    assert [row["lookahead"] for row in rows] == list(collatz.LOOKAHEADS)
    assert all(row["ratio"] == pytest.approx(row["windows_per_second"] / row["python"]) for row in rows)


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


@settings(deadline=None)
@given(st.lists(ODD.filter(lambda n: n > 1), min_size=1, max_size=9), st.integers(1, 60))
def test_what_is_seen_of_the_successor_is_what_is_seen_of_it_as_a_number(numbers: list[int], lookahead: int) -> None:
    """Pairs.there, cut out of the window of n, is the view of T(n) made anew; and a longer window hides what is far."""
    there = Pairs.of(to_limbs(numbers), 60).there(lookahead)
    anew = Pairs.of(to_limbs([syracuse(n)[0] for n in numbers]), lookahead).here(lookahead)
    for name in ("logs", "halvings", "one", "residue"):
        assert np.array_equal(getattr(there, name), getattr(anew, name)), name


# --- which numbers -----------------------------------------------------------------------------------------------


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


def test_the_leak_is_the_one_that_was_found() -> None:
    """The specification's counts: 23 of 24, 41 of 41, 62 of 62, 113 of 113 and 32 of 189; 429 steps, 340 distinct."""
    found = orbits.leak_report()
    assert [(orbit["seen"], orbit["steps"]) for orbit in found["seen"].values()] == [
        (23, 24),
        (41, 41),
        (62, 62),
        (113, 113),
        (32, 189),
    ]
    assert (found["steps"], found["distinct_states"], found["hard_seeds"]) == (429, 340, 49)


def test_nothing_to_train_on_lies_on_a_test_orbit() -> None:
    forbidden = set()
    for seed in (111, 27, 703, 26623, 626331):
        state = seed
        while state != 1:
            forbidden.add(state)
            state = syracuse(state)[0]
    numbers = [*range(1, 9_000, 2), *forbidden, *(2**64 + n for n in forbidden)]
    assert orbits.on_test_orbit(to_limbs(numbers)).tolist() == [n in forbidden for n in numbers]
    states = orbits.training_states()
    assert not set(states) & forbidden
    assert {n for seed in orbits.HARD_SEEDS for n in orbits.orbit(seed)} >= set(states)


# --- closed forms ------------------------------------------------------------------------------------------------


@cache
def found(lookahead: int, form: str) -> dict[str, Any]:
    test = evaluation.test_set(200)
    return evaluation.examine(CLOSED_FORMS[form], lookahead, test)


# The specification's table: violations of 429, and pass in % as it is printed there.
PUBLISHED = {
    (10, "B"): (216, "50.28"),
    (10, "C"): (176, "83.48"),
    (10, "D"): (64, "94.356"),
    (10, "F81"): (60, "97.768"),
    (20, "B"): (185, "51.24"),
    (20, "C"): (117, "91.69"),
    (20, "D"): (33, "98.090"),
    (20, "F81"): (32, "99.164"),
    (46, "D"): (0, "99.806"),
    (46, "F81"): (0, "99.906"),
    (50, "B"): (115, "55.48"),
    (50, "C"): (30, "99.160"),
    (50, "D"): (0, "99.878"),
    (50, "F81"): (0, "99.950"),
    (100, "B"): (51, "64.46"),
    (100, "C"): (6, "99.946"),
    (100, "D"): (0, "99.998"),
    (100, "F81"): (0, "99.998"),
    (140, "D"): (0, "100.000"),
    (200, "B"): (0, "82.01"),
    (200, "C"): (0, "100"),
    (200, "D"): (0, "100"),
}


@pytest.mark.parametrize(("lookahead", "form"), PUBLISHED)
def test_closed_forms_give_the_published_figures(lookahead: int, form: str) -> None:
    violations, passed = PUBLISHED[lookahead, form]
    figures = found(lookahead, form)
    digits = len(passed.partition(".")[2])
    assert figures["violations"] == violations
    assert f"{100 * figures['passed']:.{digits}f}" == passed


def test_the_other_published_figures_of_d_and_c() -> None:
    """D at L = 100: 49,999 of 50,000, growth 100.000, weighted 99.997; C: 27 failures."""
    d = found(100, "D")
    assert (d["failures"], f"{100 * d['growth']:.3f}", f"{100 * d['weighted']:.3f}") == (1, "100.000", "99.997")
    assert found(100, "C")["failures"] == 27


def test_the_published_worst_case() -> None:
    """D at L = 100 on the whole orbit of 2^200 - 1: 99 violations."""
    pairs = Pairs.of(to_limbs(orbits.orbit(2**200 - 1)), 100)
    assert (evaluation.margins(closed_forms.tilted_maximum, pairs, 100) <= 0).sum() == 99


def test_the_published_counts_below_four_million() -> None:
    """D at L = 50 on 3, 5, ... below 4,000,000: 2,043 violations."""
    assert evaluation.violations({"D": (closed_forms.tilted_maximum, 50)}, evaluation.all_odd()) == {"D": 2_043}


@settings(deadline=None)
@given(st.lists(ODD.filter(lambda n: n > 1), min_size=1, max_size=20), st.integers(1, 30))
def test_the_margin_of_d_is_at_least_c_where_the_maximum_is_not_last(numbers: list[int], lookahead: int) -> None:
    """The identity behind D: a maximum at j < L of T(n) is at j + 1 of n, and there larger by c."""
    pairs = Pairs.of(to_limbs(numbers), lookahead)
    there = pairs.there(lookahead)
    tilted = there.logs + closed_forms.TILT * np.arange(lookahead + 1)
    inside = tilted.argmax(axis=1) < lookahead
    margins = evaluation.margins(closed_forms.tilted_maximum, pairs, lookahead)
    assert (margins[inside] >= closed_forms.TILT - 1e-12).all()


def test_bounds_of_the_predecessors_mod_3() -> None:
    """n = 1 mod 3 comes at best from (4n - 1) / 3, n = 2 mod 3 from (2n - 1) / 3, a multiple of 3 from nothing."""
    c = closed_forms.TILT
    expected = [math.inf, math.log(4 / 3) - c, math.log(2 / 3) - c]
    assert closed_forms.predecessor_bounds(1) == pytest.approx(expected)


@given(st.integers(2**40, 2**60).map(lambda n: n | 1), st.integers(1, 4))
@settings(deadline=None, max_examples=30)
def test_bounds_of_the_predecessors_by_walking_back(n: int, power: int) -> None:
    """P_a by its recursion over the predecessors themselves, as integers."""

    def bound(n: int, a: int) -> float:
        if a == 0:
            return -math.inf
        before = [(2**k * n - 1) // 3 for k in range(1, 25) if (2**k * n - 1) % 3 == 0]
        return min((max(math.log(m), bound(m, a - 1)) for m in before), default=math.inf) - closed_forms.TILT

    table = closed_forms.predecessor_bounds(power)
    expected = bound(n, power)
    assert math.log(n) + table[n % 3**power] == (expected if math.isinf(expected) else pytest.approx(expected))


@pytest.mark.parametrize("form", CLOSED_FORMS)
def test_every_closed_form_looks_at_nothing_but_its_window(form: str) -> None:
    """Two numbers with the same view get the same V: cut from windows of 12 and of 60 steps, and one by one."""
    numbers = to_limbs([7, 27, 2**100 + 1, 2**127 - 1, 1])
    short, long = Pairs.of(numbers, 12), Pairs.of(numbers, 60)
    potential = CLOSED_FORMS[form]
    values = potential(short.here(12))
    assert np.array_equal(values, potential(long.here(12)))
    assert np.array_equal(values, [potential(short[row : row + 1].here(12))[0] for row in range(5)])


# --- margins -----------------------------------------------------------------------------------------------------


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
