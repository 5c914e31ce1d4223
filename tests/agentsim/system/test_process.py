"""Garbage collection around a loop, and one compute thread."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from agentsim.system.process import CollectInSlack, one_compute_thread

MS = 1_000_000  # ns


def test_garbage_waits_for_slack() -> None:
    collections = []
    gc.callbacks.append(lambda phase, info: collections.append(phase))
    try:
        with CollectInSlack() as garbage:
            collections.clear()
            kept = [[] for _ in range(20_000)]
            assert not gc.isenabled()
            garbage.between_ticks(slack=0, paced=True)
            assert not collections
            garbage.between_ticks(slack=1_000 * MS, paced=True)
            assert collections
        assert gc.isenabled()
        assert gc.get_freeze_count() == 0
        assert len(kept) == 20_000
    finally:
        gc.callbacks.pop()


def test_an_interrupt_while_python_shuts_down_leaves_the_exit_status() -> None:
    """What is deleted last, after Python has put its signal handlers away, sends the second Ctrl-C."""
    code = """
import os, signal, sys
class Late:
    def __del__(self, kill=os.kill, process=os.getpid(), number=signal.SIGINT):
        kill(process, number)
late = Late()
sys.argv = ["agentsim", "--version"]
from agentsim.cli import main
main()
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def test_torch_computes_on_one_thread_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    class Torch:
        threads = 4

        def get_num_threads(self) -> int:
            return self.threads

        def set_num_threads(self, threads: int) -> None:
            self.threads = threads

    torch = Torch()
    monkeypatch.setitem(sys.modules, "torch", torch)  # type: ignore[arg-type]
    with one_compute_thread():
        assert torch.threads == 1
    assert torch.threads == 4
