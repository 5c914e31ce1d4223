"""The commands that go on from runs: resume, replay, compare."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agentsim.cli.app import app
from tests.agentsim.cli.command_line import RUN, call, figures, refused

pytestmark = pytest.mark.usefixtures("folder")


@pytest.mark.usefixtures("ant")
def test_resumed_equals_uninterrupted_and_replay_agrees() -> None:
    whole = figures(*RUN, "--pacing", "none", "--ticks", "250")
    figures(*RUN, "--pacing", "none", "--ticks", "130", "--out", "half")
    resumed = figures("run", "--resume", "half", "--ticks", "250", "--headless", "--import", "ant")
    assert (resumed["ticks"], resumed["hash"]) == (250, whole["hash"])
    replayed = figures("replay", "half", "--headless", "--import", "ant")
    assert (replayed["first_difference"], replayed["hash"]) == (None, whole["hash"])
    for total in (["--ticks", "250"], ["--seconds", "1"], []):
        assert "already at tick 250" in refused("run", "--resume", "half", *total, "--headless")


@pytest.mark.usefixtures("ant")
def test_a_speed_that_no_config_may_hold_is_refused_and_nothing_is_touched() -> None:
    figures(*RUN, "--pacing", "none", "--ticks", "30", "--out", "here")
    before = {path.name: path.read_bytes() for path in Path("here").iterdir()}
    for words in (["replay", "here"], ["run", "--resume", "here", "--ticks", "60"]):
        for speed in ("1e9", "1e-9"):
            assert f"--speed {float(speed):g}: speed" in refused(*words, "--speed", speed, "--headless")
    assert {path.name: path.read_bytes() for path in Path("here").iterdir()} == before


@pytest.mark.usefixtures("ant")
def test_replay_reports_a_difference() -> None:
    figures(*RUN, "--pacing", "none", "--ticks", "250", "--out", "here")
    path = Path("here/hash.jsonl")
    lines = path.read_text().splitlines()
    lines[1] = json.dumps({**json.loads(lines[1]), "hash": "0" * 32})
    path.write_text("\n".join(lines) + "\n")
    result = call("replay", "here", "--headless")
    assert result.exit_code == 1 and "another state hash after 200 ticks" in result.stderr


@pytest.mark.usefixtures("ant")
def test_compare_draws_and_tabulates() -> None:
    for seed in ("1", "2"):
        figures(*RUN, "--pacing", "none", "--ticks", "240", "--seed", seed, "--out", f"run{seed}")
    rows = figures("compare", "run1", "run2", "--out", "curves.png")["runs"]
    assert [(row["seed"], row["ticks"]) for row in rows] == [(1, 240), (2, 240)]
    assert Path("curves.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    table = call("compare", "run1", "run2").stdout
    assert "run1" in table and "240" in table
    assert "cannot be written" in refused("compare", "run1", "--out", "no/such/folder.png")
    Path("run1/metrics.jsonl").write_text("{}\n")
    assert "run1/metrics.jsonl:1" in refused("compare", "run1")


@pytest.mark.usefixtures("ant")
def test_compare_takes_means_over_ticks() -> None:
    """The accuracy of a run is that of its ticks, not that of its rows: checked against the run's own count."""
    result = figures(*RUN, "--pacing", "none", "--ticks", "240", "--out", "here")
    (row,) = figures("compare", "here")["runs"]
    assert row["accuracy"] == pytest.approx(result["accuracy"], abs=1e-12)
    assert row["reward_per_tick"] == pytest.approx(result["reward"] / 240)
    assert row["events_per_minute"]["catches"] == result["events"]["catches"] * 3600 / 240


def test_a_refused_resume_leaves_the_run_as_it_was(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    start = ["run", "arena", "--brain", "random", "--headless", "--pacing", "none", "--ticks", "3", "--out"]
    assert CliRunner().invoke(app, [*start, str(directory)]).exit_code == 0
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    assert CliRunner().invoke(app, ["run", "--resume", str(directory), "--ticks", "3"]).exit_code == 2
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before
