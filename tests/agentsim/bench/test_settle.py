"""`agentsim bench settle`: every row is there, and ratios are those of the times."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from agentsim.bench import settle
from agentsim.cli.app import app
from brains.eqprop.core import Core


def test_rows_and_ratios(monkeypatch: pytest.MonkeyPatch) -> None:
    measure = settle.measure
    monkeypatch.setattr(settle, "measure", lambda **given: measure(**given, block=0.002))
    done = CliRunner().invoke(app, ["bench", "settle", "--repeats", "1", "--json"])
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)["rows"]
    assert len(rows) == 8
    ours, update = rows[0]["us"], rows[6]["us"]
    for row in rows:
        assert row["us"] > 0
        if "ratio" in row:
            assert row["ratio"] == pytest.approx(row["us"] / (update if "large" in row["what"] else ours))


def test_all_loops_settle_to_the_same_outputs() -> None:
    """What is timed beside the kernel does the same: twenty sweeps of one network from its own drive."""
    core = Core((settle.INPUTS, settle.HIDDEN, settle.OUTPUTS), ("clip2", "clip"), cost="squared_error", free_sweeps=20)
    by_reference = settle._by_the_reference(core)().states  # type: ignore[attr-defined]
    core.settle(by_reference[0].numpy())
    np.testing.assert_allclose(core.states[1], by_reference[1], atol=1e-5)
    np.testing.assert_allclose(core.states[2], by_reference[2], atol=1e-5)
