"""Means over seeds and their intervals, against the tables of Student's t."""

from __future__ import annotations

import math

import pytest

from agentsim.studies import intervals


@pytest.mark.parametrize(
    ("freedom", "t"), [(1, 12.7062), (2, 4.3027), (3, 3.1824), (9, 2.2622), (30, 2.0423), (1000, 1.9623)]
)
def test_t_quantiles_are_those_of_the_tables(freedom: int, t: float) -> None:
    assert intervals.t_quantile(freedom) == pytest.approx(t, abs=5e-5)


def test_interval_is_t_times_the_standard_error() -> None:
    """Of 1, 2, 3: mean 2, deviation 1, two degrees of freedom. What is None does not count."""
    found = intervals.interval([1, 2, None, 3])
    assert found == {"mean": 2.0, "half_width": pytest.approx(4.3027 / math.sqrt(3), abs=1e-4), "n": 3}
    assert intervals.interval([5.0]) == {"mean": 5.0, "half_width": None, "n": 1}
    assert intervals.interval([None]) is None
    assert intervals.as_interval(found, 100) == "200.0 ± 248.4"
    assert intervals.as_interval(None) == "-"


def test_an_interval_of_a_share_stays_within_what_there_is() -> None:
    """Two seeds, 30.4 and 62.0 %: Student's t says 46.2 +- 201.2, which says no more than 0 to 100."""
    found = intervals.interval([0.304, 0.620])
    assert found is not None and found["half_width"] == pytest.approx(12.7062 * 0.158, rel=1e-4)
    assert intervals.as_interval(found, 100) == "46.2 (0 to 100)"
    assert intervals.as_interval({"mean": 0.99, "half_width": 0.02, "n": 9}, 100) == "99.0 ± 2.0"
    assert intervals.as_interval({"mean": -3.0, "half_width": 2.0, "n": 9}, 1) == "-3.0 ± 2.0"
