"""A tick that takes minutes: Ctrl-C is heard, a second one ends it at once, and what was before it is saved."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentsim.config.load import load_config
from agentsim.loop.simulation import Simulation
from agentsim.runs.recorded import resume

pytestmark = pytest.mark.usefixtures("folder")

START = """
world: {id: agentsim/ChaseAvoid-v0}
clock: {tick_hz: 60}
"""
# a compiled learning step of minutes, in two ways
SLOW = {
    "replay": """
brain:
  kind: stepping
  layers: [{units: 2048}, {units: 2048}, {}]
  replay: {capacity: 1000, per_tick: 65536}
""",
    "block": """
brain:
  kind: stepping
  layers: [{units: 512}, {units: 512}, {}]
  schedule: {block: 4, epochs: 10000}
""",
}


@pytest.mark.parametrize("slow", SLOW)
def test_a_second_interrupt_ends_a_long_tick(slow: str) -> None:
    """At the first one somebody hears that it was heard. The state is that of a whole tick."""
    Path("slow.yaml").write_text(START + SLOW[slow])
    Simulation(load_config("slow.yaml"), drawn=False).warm_up()  # whatever has to be compiled
    command = [sys.executable, "-m", "agentsim", "run", "slow.yaml", "--headless", "--out", "here"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not Path("here/checkpoint.safetensors").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    time.sleep(2.5)
    os.kill(process.pid, signal.SIGINT)
    time.sleep(1.0)
    assert process.poll() is None
    os.kill(process.pid, signal.SIGINT)
    asked = time.monotonic()
    _, said = process.communicate(timeout=60)
    taken = time.monotonic() - asked
    assert process.returncode == 130 and "Traceback" not in said, said
    assert "finishing what was begun; once more ends it at once" in said
    ticks = int(said.rpartition("saved at tick ")[2].partition(";")[0])
    simulation = resume(Path("here"))
    assert simulation.tick_index == ticks == (3 if slow == "block" else 0)
    simulation.close()
    assert taken < 4  # two seconds, on a machine that does nothing else


def test_a_third_one_ends_the_process() -> None:
    """Where even the second one is not heard: somebody else's compiled code, at work for half a minute."""
    code = """
import numpy as np
from agentsim.system.process import end_on_signals
matrix = np.random.default_rng(0).normal(size=(4000, 4000))
with end_on_signals(lambda number: None, lambda wanted: None):
    print("begun", flush=True)
    np.linalg.svd(matrix)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "begun\n"
    before = time.monotonic()
    for _ in range(3):
        os.kill(process.pid, signal.SIGINT)
        time.sleep(0.3)
    assert process.wait(5) == 128 + signal.SIGINT and time.monotonic() - before < 5
    process.stdout.close()
