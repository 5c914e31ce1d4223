"""The command line of the benchmarks."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agentsim.bench import ticks
from agentsim.cli.app import app


@pytest.mark.parametrize("what", ["", "ticks", "loop", "worlds", "learning", "controls", "collatz"])
def test_help_shows_examples(what: str) -> None:
    result = CliRunner().invoke(app, ["bench", *what.split(), "--help"])
    assert result.exit_code == 0 and "agentsim bench" in result.stdout.split("Examples:")[1]


def test_ticks_are_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "measure", lambda **options: {"bench": "ticks", "bound": math.inf, **options})
    for words in ([], ["ticks"]):
        result = CliRunner().invoke(app, ["bench", *words, "--scaling", "--json"])
        assert json.loads(result.stdout) == {"bench": "ticks", "bound": None, "scaling": True, "repeats": 11}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["learning", "arrena"], "arena"),
        (["learning", "arena", "--brain", "nobody"], "unknown brain"),
        (["learning", "arena", "--seconds", "1", "--ticks", "1"], "contradict"),
        (["learning", "arena", "--seconds", "0.001"], "give at least one"),
        (["learning", "arena", "--seconds", "inf"], "give at least one tick, and an end"),
        (["learning", "arena", "--ticks", "1" + 400 * "0"], "give at least one tick, and an end"),
        (["learning", "arena", "--out", __file__], "directory"),
        (["learning", "arena", "--seeds", "0"], "--seeds"),
        (["nothing"], "nothing"),
    ],
)
def test_bad_input_is_refused(words: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["bench", *words])
    assert result.exit_code == 2 and message in result.stderr and result.stdout == ""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_shows_the_table(sent: signal.Signals, tmp_path: Path) -> None:
    """As in a terminal: SIGINT to the whole group of processes, once a run is finished; exit status 130. The same with
    SIGTERM to the first process alone; nobody is left who could write."""
    command = "learning cartpole --brain random --ticks 40000 --seeds 40 --jobs 2 --json --out kept"
    process = subprocess.Popen(
        [sys.executable, "-m", "agentsim", "bench", *command.split()],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("kept/*.json")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, sent) if sent == signal.SIGINT else process.send_signal(sent)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    found = json.loads(stdout)
    assert found["interrupted"] and found["failed"] == [] and found["tables"][0]["rows"]
    assert "Traceback" not in stderr
