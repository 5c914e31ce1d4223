"""`agentsim run` while it compiles, as a process of its own: what it says, and that it can be ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.compilers import compilers

BRAIN = """
import agentsim
from agentsim.templates.my_brain import MyBrain

class SlowAnt(MyBrain):
    def kernels(self):
        return ["slow_kernels:one", "slow_kernels:two"]

    def warm_up(self):
        raise AssertionError("nothing is to be compiled on the way out")

    frozen_copy = warm_up

agentsim.register_brain("slow_ant", SlowAnt)
"""
KERNELS = """
import sys, time
if "agentsim.compiled.worker" in " ".join(sys.orig_argv):
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("slow_ant.py").write_text(BRAIN)
    Path("slow_kernels.py").write_text(KERNELS)


def start(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "agentsim", "run", "cartpole", "--brain", "slow_ant", "--import", "slow_ant"]
    pipe = subprocess.PIPE
    return subprocess.Popen([*command, *words], stdout=pipe, stderr=pipe, text=True, start_new_session=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_first_run_says_that_it_compiles_and_ends_at_once(number: signal.Signals) -> None:
    """As from a terminal, to the whole group of processes."""
    process = start("--headless", "--out", "here")
    assert process.stderr is not None and process.stderr.readline() == "compiling 2 kernels ...\n"
    children: list[psutil.Process] = []
    while not children:
        children = compilers(process.pid)
    os.killpg(process.pid, number)
    before = time.perf_counter()
    _, said = process.communicate(timeout=20)
    assert time.perf_counter() - before < 2  # one, and what a busy machine takes to end a process
    assert process.returncode == 128 + number
    assert "stopped and saved at tick 0; go on: agentsim run --resume here" in said and "Traceback" not in said
    assert not psutil.wait_procs(children, timeout=1)[1]
    assert Path("here/result.json").exists()


def test_a_run_imports_no_compiler_and_no_torch() -> None:
    """Kernels are compiled by other processes, and loaded without the compiler. CartPole's brain learns from reward."""
    code = (
        "import sys; from agentsim.cli.app import app\n"
        "app(['run', 'cartpole', '--headless', '--ticks', '5', '--pacing', 'none'], standalone_mode=False)\n"
        "print({'numba', 'torch', 'scipy', 'matplotlib', 'sklearn', 'pygame', 'triton'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stdout.splitlines()[-1] == "set()", ran.stderr
