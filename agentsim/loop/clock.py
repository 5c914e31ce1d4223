"""A fixed-rate clock on absolute due times, and what every tick's timing was.

Due times are integer nanoseconds, `due_k = start + k * period`, computed from the exact ratio, so that no rounding adds
up. A tick that ends after the next due time is an overrun; the policy says what happens to the slots that have passed:

    slip      the next tick starts at once, late, and later due times count from its start
    catch_up  due times stay; up to max_catch_up ticks run back to back, slots beyond that are dropped
    skip      the slots that have passed are dropped; the next tick waits for the next slot

Lateness and response count from the due time, so that a loop that waits for its own slow tick does not look healthy.
"""

from __future__ import annotations

import time
from array import array
from fractions import Fraction
from math import ceil
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agentsim.config.sections import ClockConfig, Pacing

PHASES = ("sense", "act", "world", "learn", "record")
SENSE, ACT, WORLD, LEARN, RECORD = range(len(PHASES))

SECOND = 1_000_000_000  # ns
_SPIN = SECOND // 1000  # hybrid pacing spins for at most 1 ms
_NAP = SECOND // 20  # longest sleep in one go, so that a stop is noticed
_RING = 1024  # ticks that the window can look back on
_TAIL = 10_000  # fewer ticks than this say nothing about the 99.9th percentile


class TimeSource(Protocol):
    """Where the clock reads the time and sleeps: wall time, or a test's own."""

    def now(self) -> int:
        """Nanoseconds on a clock that never goes back."""

    def sleep(self, duration: int) -> None:
        """Return after about `duration` ns."""


class WallTime:
    """The machine's monotonic clock."""

    now = staticmethod(time.perf_counter_ns)

    def sleep(self, duration: int) -> None:
        """Sleep; on Linux the wake-up is some 60 us late."""
        time.sleep(duration / SECOND)


class Clock:
    """Paces ticks: `wait()` for the next due time, `begin()`, a `mark()` at the end of each phase, `end()`.

    `set_speed`, `set_pacing` and `restart` may be called while it runs, from any thread: they re-base the due times.
    """

    def __init__(self, config: ClockConfig, source: TimeSource | None = None) -> None:
        self.config = config
        self.source: TimeSource = source or WallTime()
        self.statistics = Statistics(config.tick_hz)
        self.due = self.start = 0
        self.phase = SENSE  # of the tick that is running: what failed if it fails
        self._marks = array("q", [0] * len(PHASES))
        self._waited = self._woken = False
        self._restarting = True  # the next tick is due when it is waited for
        self._base = 0  # due time of slot 0
        self._slot = 0  # the next slot since _base
        self.pacing: Pacing = config.pacing
        self.set_speed(config.speed)

    def set_speed(self, speed: float) -> None:
        """Scale the pace: 2 makes simulated time run twice as fast as wall time."""
        self.speed = speed
        self._period = Fraction(SECOND) / (Fraction(self.config.tick_hz) * Fraction(speed))
        self.period = max(1, round(self._period))  # ns
        self.restart()

    def set_pacing(self, pacing: Pacing) -> None:
        """Switch between sleeping, hybrid and flat out ("none")."""
        self.pacing = pacing
        self.restart()

    def restart(self) -> None:
        """Forget the due times: the next tick is due when it is next waited for (after a pause, for one)."""
        self._restarting = True
        self.statistics.asked_hz = None if self.pacing == "none" else self.config.tick_hz * self.speed

    def wake(self) -> None:
        """Make a `wait` that is under way in another thread, or the next one, return False within 50 ms."""
        self._woken = True

    def wait(self) -> bool:
        """Sleep until the next tick is due. False: woken before that, no tick is to run."""
        now = self.source.now()
        if self._restarting:
            self._restarting = False
            self.statistics.interrupted()
            self._base, self._slot = now, 0
        elif self.pacing == "none":
            self._base, self._slot = now, 0
        due = self._due()
        if now > due:
            due = self._overrun(due, now)
        spin = _SPIN if self.pacing == "hybrid" else 0
        while (left := due - spin - self.source.now()) > 0 and not self._woken:
            self.source.sleep(min(left, _NAP))
        while spin and self.source.now() < due and not self._woken:
            pass
        if self._woken:
            self._woken = False
            return False
        self.due, self._slot, self._waited = due, self._slot + 1, True
        return True

    def _due(self) -> int:
        return self._base + self._slot * self._period.numerator // self._period.denominator

    def _overrun(self, due: int, now: int) -> int:
        """Apply the policy when the next due time has passed; returns the due time of the next tick."""
        passed = (now - due) // self.period + 1  # slots whose due time has passed
        match self.config.overrun:
            case "slip":
                self.statistics.slipped_slots += passed - 1  # the next tick answers the first of them, late
                self._base, self._slot = now, 0
                return due
            case "catch_up":
                dropped = max(0, passed - self.config.max_catch_up)
            case "skip":
                dropped = passed
        self.statistics.dropped_slots += dropped
        self._slot += dropped
        return self._due()

    def begin(self) -> None:
        """The tick starts now. Without a `wait` before it, it was due now."""
        self.phase = SENSE
        self.start = self.source.now()
        if not self._waited:
            self.due = self.start
        self._waited = False

    def mark(self, phase: int) -> None:
        """`phase` has ended; the next one begins."""
        self._marks[phase] = self.source.now()
        self.phase = phase + 1

    def end(self) -> None:
        """The tick, with its record phase, has ended."""
        self._marks[RECORD] = end = self.source.now()
        self.statistics.add(self.due, self.start, end, self._marks, self.period)

    def slack(self) -> int:
        """Nanoseconds until the deadline of the current tick, which is the next due time; negative if it has passed.

        Flat out there is no deadline and no slack: 0.
        """
        return 0 if self.pacing == "none" else self.due + self.period - self.source.now()


class Statistics:
    """Timing of every tick since the start, in preallocated memory; all times are in nanoseconds.

    The rings hold the last 1024 ticks, tick i at index i % 1024: `due`, `start`, `end`, and `phases`, (1024, 5).
    Misses are ticks that ended after the next due time (flat out: ticks that took longer than a period). Slots that no
    tick answered are `dropped_slots` (catch_up, skip) or `slipped_slots` (passed when slip moved the clock).
    """

    def __init__(self, tick_hz: float) -> None:
        self.tick_hz = tick_hz
        self.asked_hz: float | None = None  # None: flat out
        self.n = 0
        self.due, self.start, self.end = (np.zeros(_RING, np.int64) for _ in range(3))
        self.phases = np.zeros((_RING, len(PHASES)), np.int64)
        self.lateness, self.execution, self.response = Histogram(), Histogram(), Histogram()
        self.misses = self.longest_run = self.dropped_slots = self.slipped_slots = 0
        self.worst_tick = -1  # the tick with the longest response, counted from the first tick of this process
        self._phase_sums = [0] * len(PHASES)
        self._run = 0
        self._previous = -1  # start of the tick before, -1 after an interruption
        self._intervals = self._running = 0

    def interrupted(self) -> None:
        """The time until the next tick is a pause, not a slow tick."""
        self._previous = -1

    def add(self, due: int, start: int, end: int, marks: array[int], period: int) -> None:
        """One tick: when it was due, started and ended, and when each of its phases ended."""
        i = self.n % _RING
        self.due[i], self.start[i], self.end[i] = due, start, end
        row, sums, before = self.phases[i], self._phase_sums, start
        for phase, mark in enumerate(marks):
            row[phase] = mark - before
            sums[phase] += mark - before
            before = mark
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
                name: s / self.n / 1e3 if self.n else None for name, s in zip(PHASES, self._phase_sums, strict=True)
            },
        }


class Histogram:
    """Durations in bins of equal ratio, 128 an octave: a percentile is right to 0.4 %, the maximum is exact."""

    _BITS = 7

    def __init__(self) -> None:
        self.n = self.maximum = 0
        self._counts = array("q", [0] * ((64 - self._BITS) << self._BITS))

    def add(self, duration: int) -> None:
        """Count a duration, in ns; one below 0 counts as 0."""
        shift = duration.bit_length() - self._BITS - 1
        if duration < 0:
            duration = shift = 0
        self._counts[(shift << self._BITS) + (duration >> shift) if shift > 0 else duration] += 1
        self.n += 1
        self.maximum = max(self.maximum, duration)

    def percentile(self, percent: float) -> float | None:
        """The nearest-rank percentile in ns, None of nothing."""
        if not self.n:
            return None
        rank = max(1, ceil(Fraction(str(percent)) * self.n / 100))
        index = int(np.searchsorted(np.cumsum(self._counts), rank))
        shift = max(0, (index >> self._BITS) - 1)
        low = (index - (shift << self._BITS)) << shift
        return min(low + ((1 << shift) - 1) / 2, float(self.maximum))

    def report(self) -> dict[str, float | None]:
        """p50, p99, p999 (None of fewer than 10,000) and max, in milliseconds."""
        percents = {"p50": 50, "p99": 99, "p999": 99.9}
        values = {name: self.percentile(p) for name, p in percents.items() if p < 99.5 or self.n >= _TAIL}
        values["max"] = float(self.maximum) if self.n else None
        return {name: None if (value := values.get(name)) is None else value / 1e6 for name in (*percents, "max")}
