"""The commands that go on from runs: resume, replay, compare."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agentsim.cli.app import app
from agentsim.config.load import load_brain, load_config
from agentsim.loop.commands import SwapBrain
from agentsim.runs.recorded import record
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


@pytest.mark.usefixtures("ant")
def test_what_is_another_module_now_is_said() -> None:
    """A module that was edited since; one that is not imported; and other versions, which here are made up."""
    figures(*RUN, "--pacing", "none", "--ticks", "60", "--out", "here")
    assert "edited" not in call("replay", "here", "--headless", "--import", "ant").stderr
    origin = Path("here/versions.json")
    kept = json.loads(origin.read_text())
    assert list(kept["modules"]) == ["ant"] and len(kept["modules"]["ant"]) == 32
    origin.write_text(json.dumps({**kept, "numpy": "1.0", "modules": {"ant": "0" * 32}}))
    said = call("replay", "here", "--headless", "--import", "ant").stderr
    assert "ant has been edited since this run began" in said
    assert "this run began with numpy 1.0, now it is " in said


@pytest.mark.usefixtures("ant")
def test_a_run_says_which_module_it_needs() -> None:
    """Without the module that knows its brain neither resume nor replay can; a comparison reads figures alone."""
    words = [sys.executable, "-m", "agentsim", *RUN, "--pacing", "none", "--ticks", "60", "--out", "here"]
    subprocess.run(words, check=True, capture_output=True)
    for again in (["run", "--resume", "here", "--headless"], ["replay", "here", "--headless"]):
        assert "this run was started with --import ant: give that again" in refused(*again)
    (row,) = figures("compare", "here")["runs"]
    assert (row["brain"], row["ticks"]) == ("ant", 60)


def test_a_comparison_names_all_brains_that_lived_in_a_run(tmp_path: Path) -> None:
    config = load_config("arena", "random", ["clock.pacing=none"])
    with record(config, tmp_path / "run") as simulation:
        simulation.run(100)
        for name in ("constant", "random"):
            simulation.submit(SwapBrain(name=name, config=dict(load_brain(name))))
            simulation.run(100)
    (row,) = figures("compare", tmp_path / "run")["runs"]
    assert row["brain"] == "random, then constant (2 swaps)"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_picture_on_a_full_disk_is_an_error(tmp_path: Path) -> None:
    """And a device stays one."""
    with record(load_config("arena", "random", ["clock.pacing=none"]), tmp_path / "run") as simulation:
        simulation.run(100)
    assert "No space left" in refused("compare", tmp_path / "run", "--out", "/dev/full")
    assert Path("/dev/full").is_char_device()
