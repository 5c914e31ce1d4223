"""The clock on virtual time: due times, every overrun policy with an injected stall of 50 ms, and what is measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agentsim.config.sections import ClockConfig
from agentsim.loop.clock import Clock
from agentsim.loop.timings import PHASES, Histogram

MS = 1_000_000  # ns


def live(clock: Clock, time: Any, costs_ms: list[float]) -> tuple[list[float], list[float]]:
    """Run one tick a cost; due times and starts in ms, counted from the first due time."""
    dues, starts = [], []
    for cost in costs_ms:
        assert clock.wait()
        clock.begin()
        time.pass_ms(cost)
        for phase in range(len(PHASES) - 1):
            clock.mark(phase)
        clock.end()
        dues.append(clock.due)
        starts.append(clock.start)
    return [(due - dues[0]) / MS for due in dues], [(start - dues[0]) / MS for start in starts]


def make(time: Any, **keys: Any) -> Clock:
    return Clock(ClockConfig(**{"tick_hz": 100, **keys}), time)  # a period of 10 ms


def test_due_times_are_absolute_and_do_not_drift(virtual_time: Any) -> None:
    """due_k = start + floor(k * 10^9 / hz), whatever the ticks cost: after a million ticks at 60 Hz, to the ns."""
    clock = Clock(ClockConfig(tick_hz=60), virtual_time)
    clock.wait()
    start = clock.due
    for k in range(1, 400):
        clock.wait()
        assert clock.due == start + k * 1_000_000_000 // 60
    assert live(make(virtual_time), virtual_time, [3, 9, 1, 7])[1] == [0, 10, 20, 30]


def test_slip_rebases_and_runs_every_tick_late(virtual_time: Any) -> None:
    """The stalled tick ends at 50; the next starts there, 40 late on its slot at 10, and the clock counts from it."""
    clock = make(virtual_time, overrun="slip")
    dues, starts = live(clock, virtual_time, [50, 1, 1, 1])
    assert (dues, starts) == ([0, 10, 60, 70], [0, 50, 60, 70])
    statistics = clock.statistics
    assert (statistics.misses, statistics.dropped_slots) == (2, 0)
    assert statistics.slipped_slots == 4  # those at 20, 30, 40 and 50 have passed
    assert statistics.report()["availability"] == 2 / (4 + 4)
    assert statistics.lateness.maximum == 40 * MS
    assert statistics.response.maximum == 50 * MS


def test_catch_up_runs_back_to_back(virtual_time: Any) -> None:
    """Slots 10..40 have passed when the stall ends at 50; they run at once, 1 ms each, and slot 60 is on time."""
    clock = make(virtual_time, overrun="catch_up", max_catch_up=10)
    dues, starts = live(clock, virtual_time, [50, 1, 1, 1, 1, 1, 1])
    assert dues == [0, 10, 20, 30, 40, 50, 60]
    assert starts == [0, 50, 51, 52, 53, 54, 60]
    assert clock.statistics.dropped_slots == 0


def test_catch_up_is_bounded(virtual_time: Any) -> None:
    """Of the five slots that are due at 50 (10, 20, 30, 40, 50) two run; three are dropped and count as unanswered."""
    clock = make(virtual_time, overrun="catch_up", max_catch_up=2)
    dues, starts = live(clock, virtual_time, [50, 1, 1, 1])
    assert (dues, starts) == ([0, 40, 50, 60], [0, 50, 51, 60])
    assert clock.statistics.dropped_slots == 3
    in_time = 2  # the one that stalled and the one due at 40 were not
    assert clock.statistics.report()["availability"] == in_time / (4 + 3)


def test_skip_drops_the_slots_that_have_passed(virtual_time: Any) -> None:
    """A stall of 50 ms and a bit: slots 10..50 are dropped, the next tick is on time in slot 60."""
    clock = make(virtual_time, overrun="skip")
    dues, starts = live(clock, virtual_time, [50.5, 1, 1])
    assert dues == starts == [0, 60, 70]
    assert clock.statistics.dropped_slots == 5
    assert clock.statistics.misses == 1


def test_hybrid_and_flat_out(virtual_time: Any) -> None:
    class Spinning(type(virtual_time)):  # type: ignore[misc]
        def now(self) -> int:
            self.time += 1000  # time passes while spinning
            return self.time

    dues, starts = live(make(Spinning(), pacing="hybrid"), virtual_time, [1, 1, 1])
    assert dues == [0, 10, 20]
    assert all(0 <= start - due < 0.01 for due, start in zip(dues, starts, strict=True))
    clock = make(virtual_time, pacing="none")
    assert live(clock, virtual_time, [3, 4, 12])[1] == [0, 3, 7]
    assert (clock.slack(), clock.statistics.asked_hz, clock.statistics.misses) == (0, None, 1)


def test_slack_counts_from_the_due_time(virtual_time: Any) -> None:
    """A tick that starts 3 ms late and has worked for 2 has 5 of its 10 left, and after 6 more is 1 over."""
    clock = make(virtual_time)
    clock.wait()
    virtual_time.pass_ms(3)
    clock.begin()
    virtual_time.pass_ms(2)
    assert clock.slack() == 5 * MS
    virtual_time.pass_ms(6)
    assert clock.slack() == -MS


def test_speed_changes_live(virtual_time: Any) -> None:
    clock = make(virtual_time)
    live(clock, virtual_time, [1, 1])
    clock.set_speed(4)
    assert live(clock, virtual_time, [1, 1, 1])[0] == [0, 2.5, 5]
    assert clock.statistics.asked_hz == 400


def test_a_pause_is_not_a_slow_tick(virtual_time: Any) -> None:
    clock = make(virtual_time)
    live(clock, virtual_time, [1] * 11)
    virtual_time.pass_ms(60_000)
    clock.restart()
    live(clock, virtual_time, [1] * 11)
    assert clock.statistics.achieved_hz == pytest.approx(100)
    assert clock.statistics.misses == 0


def test_wake_ends_a_wait(virtual_time: Any) -> None:
    clock = make(virtual_time)
    clock.wait()
    clock.wake()
    assert not clock.wait()
    assert clock.wait()


def test_statistics_of_known_ticks(virtual_time: Any) -> None:
    """Costs 1, 1, 25, 1, 1 at 10 ms, slip: due 0, 10, 20, 30, 55; the third tick ends at 45, the fourth at 46.

    The slot at 40 has passed when the fourth starts: of six slots three are answered in time.
    """
    clock = make(virtual_time)
    live(clock, virtual_time, [1, 1, 25, 1, 1])
    report = clock.statistics.report()
    assert (report["n"], report["misses"], report["miss_share"]) == (5, 2, 0.4)
    assert (report["longest_miss_run"], report["worst_tick"], report["availability"]) == (2, 2, 0.5)
    assert report["execution_ms"]["max"] == report["response_ms"]["max"] == 25
    assert report["lateness_ms"]["max"] == 15
    assert report["execution_ms"]["p50"] == pytest.approx(1, rel=0.004)
    assert report["execution_ms"]["p999"] is None
    assert report["achieved_hz"] == pytest.approx(4 / 0.055)
    assert report["real_time_factor"] == pytest.approx(4 / 0.055 / 100)
    assert report["phase_us"]["sense"] == pytest.approx((1 + 1 + 25 + 1 + 1) / 5 * 1000)
    np.testing.assert_array_equal(clock.statistics.last(2), [3, 4])
    assert list(clock.statistics.phases[2]) == [25 * MS, 0, 0, 0, 0]


@pytest.mark.parametrize("ticks", [0, 1, 1023, 1024, 1025, 2048, 2500])
def test_means_of_phases_are_over_all_ticks_and_not_only_those_in_the_rings(ticks: int, virtual_time: Any) -> None:
    """Tick k senses for k ns and acts for 3; the rings hold the last 1024."""
    clock = make(virtual_time)
    for k in range(ticks):
        clock.begin()
        virtual_time.time += k
        clock.mark(0)
        virtual_time.time += 3
        for phase in (1, 2, 3):
            clock.mark(phase)
        clock.end()
    found = clock.statistics.report()["phase_us"]
    expected = {"sense": (ticks - 1) / 2 / 1000, "act": 0.003, "world": 0.0, "learn": 0.0, "record": 0.0}
    assert found == (pytest.approx(expected) if ticks else dict.fromkeys(expected))


def test_percentiles_are_within_the_resolution() -> None:
    """Nearest rank: the smallest duration that ceil(percent n / 100) do not exceed; over nine decades."""
    durations = np.random.default_rng(0).lognormal(12, 3, 10_000).astype(np.int64)
    histogram = Histogram()
    for duration in durations.tolist():
        histogram.add(duration)
    for percent, rank in {0: 1, 0.1: 10, 1: 100, 25: 2500, 50: 5000, 99: 9900, 99.9: 9990, 100: 10_000}.items():
        expected = np.sort(durations)[rank - 1]
        assert histogram.percentile(percent) == pytest.approx(expected, rel=1 / 256, abs=0.5)
    assert histogram.maximum == durations.max()
    assert histogram.report()["p999"] is not None  # of 10,000
    assert Histogram().report() == {"p50": None, "p99": None, "p999": None, "max": None}
