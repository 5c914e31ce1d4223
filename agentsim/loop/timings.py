"""What the timing of every tick was, measured without allocating."""

from __future__ import annotations

from array import array
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

PHASES = ("sense", "act", "world", "learn", "record")
SENSE, ACT, WORLD, LEARN, RECORD = range(len(PHASES))

SECOND = 1_000_000_000  # ns
_RING = 1024  # ticks that the window can look back on
_TAIL = 10_000  # fewer ticks than this say nothing about the 99.9th percentile


class Statistics:
    """Timing of every tick since the start, in preallocated memory; all times are in nanoseconds.

    The rings hold the last 1024 ticks, tick i at index i % 1024: `due`, `start`, `end`, and `phases`.
    Misses are ticks that ended after the next due time (flat out: ticks that took longer than a period). Slots that no
    tick answered are `dropped_slots` (catch_up, skip) or `slipped_slots` (passed when slip moved the clock).
    """

    def __init__(self, tick_hz: float) -> None:
        self.tick_hz = tick_hz
        self.asked_hz: float | None = None  # None: flat out
        self.n = 0
        self._due, self._start, self._end = (array("q", bytes(8 * _RING)) for _ in range(3))
        self._marks = array("q", bytes(8 * _RING * len(PHASES)))  # when each phase ended, a tick's one after the other
        self.due, self.start, self.end = map(_as_numpy, (self._due, self._start, self._end))
        self.lateness, self.execution, self.response = Histogram(), Histogram(), Histogram()
        self.misses = self.longest_run = self.dropped_slots = self.slipped_slots = 0
        self.worst_tick = -1  # the tick with the longest response, counted from the first tick of this process
        self._phase_sums = np.zeros(len(PHASES), np.int64)  # of the ticks before those in the rings
        self._run = 0
        self._previous = -1  # start of the tick before, -1 after an interruption
        self._intervals = self._running = 0

    def interrupted(self) -> None:
        """The time until the next tick is a pause, not a slow tick."""
        self._previous = -1

    def add(self, due: int, start: int, end: int, marks: array[int], period: int) -> None:
        """One tick: when it was due, started and ended, and when each of its phases ended."""
        i = self.n % _RING
        if i == 0 and self.n:
            self._phase_sums += self.phases.sum(0)
        self._due[i], self._start[i], self._end[i] = due, start, end
        self._marks[i * len(PHASES) : (i + 1) * len(PHASES)] = marks
        if end - due > self.response.maximum:
            self.worst_tick = self.n
        self.lateness.add(start - due)
        self.execution.add(end - start)
        self.response.add(end - due)
        if end > due + period:
            self.misses += 1
            self._run += 1
            self.longest_run = max(self.longest_run, self._run)
        else:
            self._run = 0
        if self._previous >= 0:
            self._intervals += 1
            self._running += start - self._previous
        self._previous = start
        self.n += 1

    @property
    def phases(self) -> NDArray[np.int64]:
        """(1024, 5): how long each phase took."""
        return np.diff(_as_numpy(self._marks).reshape(_RING, -1), prepend=self.start[:, None])

    def last(self, count: int = _RING) -> NDArray[np.int64]:
        """Ring indices of the last `count` ticks, oldest first."""
        return np.arange(max(0, self.n - min(count, _RING)), self.n) % _RING

    @property
    def achieved_hz(self) -> float | None:
        """Ticks started a second since the start, without pauses; None before the second tick."""
        return self._intervals * SECOND / self._running if self._running else None

    @property
    def recent_hz(self) -> float | None:
        """Ticks started a second over the last 120 ticks, pauses and all: what a display shows."""
        starts = self.start[self.last(120)]
        return (len(starts) - 1) * SECOND / int(starts[-1] - starts[0]) if len(starts) > 1 else None

    @property
    def real_time_factor(self) -> float | None:
        """Simulated seconds in a wall second."""
        return None if self.achieved_hz is None else self.achieved_hz / self.tick_hz

    def report(self) -> dict[str, Any]:
        """Everything measured, ready for JSON; milliseconds, and microseconds for the phases' means."""
        answered, slots = self.n - self.misses, self.n + self.dropped_slots + self.slipped_slots
        phase_sums = self._phase_sums + self.phases[self.last((self.n - 1) % _RING + 1)].sum(0)
        return {
            "n": self.n,
            "asked_hz": self.asked_hz,
            "achieved_hz": self.achieved_hz,
            "real_time_factor": self.real_time_factor,
            "misses": self.misses,
            "miss_share": self.misses / self.n if self.n else None,
            "longest_miss_run": self.longest_run,
            "worst_tick": self.worst_tick if self.n else None,
            "dropped_slots": self.dropped_slots,
            "slipped_slots": self.slipped_slots,
            "availability": answered / slots if self.n else None,
            "lateness_ms": self.lateness.report(),
            "execution_ms": self.execution.report(),
            "response_ms": self.response.report(),
            "phase_us": {
                name: s / self.n / 1e3 if self.n else None for name, s in zip(PHASES, phase_sums.tolist(), strict=True)
            },
        }


class Histogram:
    """Durations in bins of equal ratio, 128 an octave: a percentile is right to 0.4 %, the maximum is exact."""

    _BITS = 7

    def __init__(self) -> None:
        self.maximum = 0
        self._counts = array("q", [0] * ((64 - self._BITS) << self._BITS))

    def add(self, duration: int) -> None:
        """Count a duration, in ns; one below 0 counts as 0."""
        index = max(0, duration)
        if (shift := index.bit_length() - self._BITS - 1) > 0:
            index = (shift << self._BITS) + (index >> shift)
        self._counts[index] += 1
        self.maximum = max(self.maximum, duration)

    @property
    def n(self) -> int:
        """How many were counted."""
        return int(_as_numpy(self._counts).sum())

    def percentile(self, percent: float) -> float | None:
        """The nearest-rank percentile in ns, None of nothing."""
        counted = np.cumsum(_as_numpy(self._counts))
        if not (n := int(counted[-1])):
            return None
        rank = max(1, ceil(Fraction(str(percent)) * n / 100))
        index = int(np.searchsorted(counted, rank))
        shift = max(0, (index >> self._BITS) - 1)
        low = (index - (shift << self._BITS)) << shift
        return min(low + ((1 << shift) - 1) / 2, float(self.maximum))

    def report(self) -> dict[str, float | None]:
        """p50, p99, p999 (None of fewer than 10,000) and max, in milliseconds."""
        percents, n = {"p50": 50, "p99": 99, "p999": 99.9}, self.n
        values = {name: self.percentile(p) for name, p in percents.items() if p < 99.5 or n >= _TAIL}
        values["max"] = float(self.maximum) if n else None
        return {name: None if (value := values.get(name)) is None else value / 1e6 for name in (*percents, "max")}


def _as_numpy(values: array[int]) -> NDArray[np.int64]:
    """The same memory: NumPy reads many at once, and writing one is faster without."""
    return np.frombuffer(values, np.int64)
