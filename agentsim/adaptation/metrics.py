"""What the ticks of one run come to: windows and phases cut exactly at the switches, recovery, scores. Time is ticks.

`right`: (ticks,) bool, whether the action was the right one; `starts`: the tick on which each phase begins, 0 first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agentsim.loop.telemetry import SCORE_TICKS

Right = NDArray[np.bool_]
Span = tuple[int, int]  # from this tick on, up to but without that one

RECOVERED = 0.9  # of the level before the switch


def phases(starts: Sequence[int], ticks: int) -> list[Span]:
    """The phases of a run of so many ticks."""
    return list(zip(starts, [*starts[1:], ticks], strict=True))


def windows(phase: Span, size: int) -> list[Span]:
    """A phase in windows of `size` ticks from its first tick on; the last one is short if it does not come out even."""
    start, stop = phase
    return [(first, min(first + size, stop)) for first in range(start, stop, size)]


def accuracy(right: Right, span: Span) -> float:
    """The share of right actions."""
    return float(right[slice(*span)].mean())


def lowest_window(right: Right, phase: Span, size: int) -> float:
    """The lowest accuracy of the phase's whole windows; of the phase itself, if it is shorter than one."""
    whole = [span for span in windows(phase, size) if span[1] - span[0] == size]
    return min(accuracy(right, span) for span in whole or [phase])


def recovery(right: Right, before: Span, after: Span, size: int) -> int | None:
    """Ticks from a switch until a sliding window of `size` ticks is back at 90 % of the last one before the switch.

    The window lies wholly after the switch, so that `size` is the least. None if it never gets there in that phase.
    By definition the level is that on another task, so that a brain that was bad before the switch, or a constant, can
    "recover" at once: read it beside the accuracies.
    """
    level = accuracy(right, (max(before[0], before[1] - size), before[1]))
    counts = np.concatenate([[0], np.cumsum(right[slice(*after)])])
    back = np.flatnonzero(counts[size:] - counts[:-size] >= RECOVERED * level * size - 1e-9)
    return int(back[0]) + size if len(back) else None


def score(events: NDArray[np.integer], span: Span, rates: tuple[float, float]) -> float:
    """Where the rate of `events` (ticks,) lies between the baseline (0) and the oracle (1); rates per SCORE_TICKS."""
    baseline, oracle = rates
    start, stop = span
    rate = float(events[start:stop].sum()) * SCORE_TICKS / (stop - start)
    return (rate - baseline) / (oracle - baseline)


def last(phase: Span, ticks: int) -> Span:
    """The last `ticks` of a phase, or all of it."""
    return max(phase[0], phase[1] - ticks), phase[1]
