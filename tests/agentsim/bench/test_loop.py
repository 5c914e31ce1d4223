"""What a whole tick costs: that the figures are what they say; never how fast it is."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from agentsim.bench import loop


def test_a_tick_is_its_phases_and_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """One case: all its ticks took a block at least, and not more CPU time than there was (twice, for a median)."""
    monkeypatch.setattr(loop, "CASES", (("cartpole", "random"),))
    before = time.process_time()
    result = loop.measure(repeats=3, block=0.01)
    spent = time.process_time() - before
    (row,) = result["rows"]
    assert row["us"] == pytest.approx(sum(row["phases_us"].values()) + row["rest_us"])
    assert all(value > 0 for value in row["phases_us"].values())
    assert row["error"] is None
    assert 0.01 < row["ticks"] * row["us"] / 1e6 < 2 * spent
    console = Console(file=io.StringIO(), record=True, width=120)
    loop.show(result, console)
    assert "cartpole" in console.export_text()
