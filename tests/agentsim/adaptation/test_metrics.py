"""The figures of an adaptation run, against sequences counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from agentsim.adaptation import metrics
from agentsim.loop.telemetry import SCORE_TICKS


def bits(text: str) -> np.ndarray:
    return np.array([letter == "1" for letter in text])


def test_windows_are_cut_at_the_switches() -> None:
    """Seven ticks in windows of three: 3, 3, 1; the next phase starts its own."""
    spans = metrics.phases([0, 7], 13)
    assert spans == [(0, 7), (7, 13)]
    assert [metrics.windows(span, 3) for span in spans] == [[(0, 3), (3, 6), (6, 7)], [(7, 10), (10, 13)]]


def test_lowest_window_is_of_the_whole_ones() -> None:
    """Of 110 | 100 | 0 the last is no window; a phase that is shorter than one is its own."""
    right = bits("1101000")
    assert metrics.lowest_window(right, (0, 7), 3) == pytest.approx(1 / 3)
    assert metrics.lowest_window(right, (0, 2), 3) == 1.0
    assert metrics.accuracy(right, (2, 4)) == 0.5


@pytest.mark.parametrize(
    ("before", "after", "ticks"),
    [
        ("0011111", "11111", 5),  # level 1: the first window already
        ("0011111", "0011111", 7),  # five right ones in a row only at the seventh tick
        ("0011111", "1111011110", None),  # never five of five
        ("1100000", "00000", 5),  # level 0 is reached by anything
        ("0000011", "00001", None),  # level 2 of 5, so 1.8 of 5 are asked, and one is there
        ("0000011", "000011", 6),
        ("0000011", "1111", None),  # the phase is shorter than a window
        ("11", "01011", None),  # a phase before that is shorter than a window is its own level
    ],
)
def test_recovery(before: str, after: str, ticks: int | None) -> None:
    right, switch = bits(before + after), len(before)
    assert metrics.recovery(right, (0, switch), (switch, len(right)), 5) == ticks


def test_ninety_per_cent_is_enough() -> None:
    """Level 1 with windows of ten: nine right ones are back, eight are not."""
    before = bits("1" * 10)
    for after, ticks in (("1011111111", 10), ("1001111111", None)):
        right = np.concatenate([before, bits(after)])
        assert metrics.recovery(right, (0, 10), (10, 20), 10) == ticks


def test_score_lies_between_baseline_and_oracle() -> None:
    """Two events in ten ticks are 720 in 3,600: 0.25 of the way from 20 to 2,820; a falling scale works likewise."""
    events = np.array([0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 9])
    assert SCORE_TICKS == 3_600
    assert metrics.score(events, (0, 10), (20.0, 2820.0)) == pytest.approx(0.25)
    assert metrics.score(events, (0, 10), (1440.0, 0.0)) == pytest.approx(0.5)
    assert metrics.last((10, 100), 15) == (85, 100) and metrics.last((10, 20), 15) == (10, 20)
