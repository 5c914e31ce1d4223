"""A fixed-rate clock on absolute due times.

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
from typing import Protocol

from agentsim.config.sections import ClockConfig, Pacing
from agentsim.loop.timings import PHASES, RECORD, SECOND, SENSE, Statistics

_SPIN = SECOND // 1000  # hybrid pacing spins for at most 1 ms
_NAP = SECOND // 20  # longest sleep in one go, so that a stop is noticed


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
        period = Fraction(SECOND) / (Fraction(self.config.tick_hz) * Fraction(speed))
        self._numerator, self._denominator = period.as_integer_ratio()
        self.period = max(1, round(period))  # ns
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
        if self.pacing == "none":  # always due
            self.due, self._waited, self._woken = now, not self._woken, False
            return self._waited
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
        return self._base + self._slot * self._numerator // self._denominator

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
