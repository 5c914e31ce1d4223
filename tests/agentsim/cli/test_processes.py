"""agentsim as a process of its own: its exit status, its pipes, its signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.agentsim.cli.command_line import RUN, figures

pytestmark = pytest.mark.usefixtures("folder")


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "agentsim", *words]


def test_bad_input_from_a_shell() -> None:
    answer = subprocess.run(command("run", "none.yaml"), capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("agentsim: none.yaml: no such file") and answer.stderr.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("words", [["list"], ["list", "--json"], ["doctor"]])
def test_a_full_disk_is_said_in_one_line(words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        answer = subprocess.run(command(*words), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert answer.returncode == 1
    assert answer.stderr.startswith("agentsim: [Errno 28]") and answer.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [["list"], ["list", "--json"]])
def test_a_reader_may_leave(words: list[str]) -> None:
    """As `head` does: the exit status is the command's own, and nothing is said."""
    reader, writer = os.pipe()
    os.close(reader)
    answer = subprocess.run(command(*words), stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.usefixtures("ant")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_saves_and_says_how_to_resume(number: signal.Signals) -> None:
    process = subprocess.Popen(
        command(*RUN, "--out", "here", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not Path("here/metrics.jsonl").exists() or not Path("here/metrics.jsonl").read_text():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    ticks = json.loads(out)["ticks"]
    assert f"stopped and saved at tick {ticks}; go on: agentsim run --resume here" in err and "Traceback" not in err
    resumed = figures("run", "--resume", "here", "--ticks", str(ticks + 10), "--headless", "--import", "ant")
    assert resumed["ticks"] == ticks + 10
