"""Jobs that are timed take turns."""

from __future__ import annotations

import time

from agentsim.studies import timing


def test_jobs_take_turns() -> None:
    """After the warm-up every repeat runs every job once, in order."""
    calls: list[str] = []

    def job(name: str) -> timing.Job:
        def run(count: int) -> None:
            calls.append(name)
            end = time.process_time() + 2e-5 * count
            while time.process_time() < end:
                pass

        return run

    seconds = timing.interleaved([job("a"), job("b")], repeats=3, block=1e-3, advance=lambda: calls.append("|"))
    assert seconds.shape == (3, 2) and (seconds >= 2e-5).all()
    assert "".join(calls)[-12:] == "a|b|a|b|a|b|"
