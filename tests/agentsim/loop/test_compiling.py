"""Before the first tick, and before a brain that moves in: kernels are compiled, and a person is listened to."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from agentsim.compiled import cache
from agentsim.compiled.waiting import meanwhile
from agentsim.config.load import Config
from agentsim.loop.commands import SwapBrain
from agentsim.loop.listener import Listener
from agentsim.loop.simulation import Simulation
from agentsim.runs.recorded import record
from tests.compilers import compilers
from worlds.chase_avoid import ChaseAvoid

Make = Callable[..., Config]

KERNELS = """
import sys, time
from agentsim.compiled.jit import FLOATS, kernel

if {seconds} and "agentsim.compiled.worker" in " ".join(sys.orig_argv):
    time.sleep({seconds})

@kernel(FLOATS)
def first(x):
    x[0] = 1.0

@kernel(FLOATS)
def second(x):
    x[0] = 2.0
"""


class Witness(Listener):
    """Remembers what it is told, and does `then` the tenth time that kernels are not there yet."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.then, self.told, self.begun = then, [], 0
        self.children: list[psutil.Process] = []
        self.at = 0.0

    def __call__(self, done: int, total: int) -> None:
        self.told.append((done, total))
        if len(self.told) == 10:
            self.children = compilers()
            self.at = time.perf_counter()
            self.then()

    def begins(self) -> None:
        self.begun += 1


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, int], list[str]]]:
    """Writes a module of two kernels, which takes so long to import where it is compiled; an empty cache."""
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "kernels"))
    (tmp_path / "kernels").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    for remembered in (cache.folder, cache.path):
        remembered.cache_clear()

    def write(module: str, seconds: int) -> list[str]:
        module = f"kernels_{module}"
        (tmp_path / f"{module}.py").write_text(KERNELS.format(seconds=seconds))
        return [f"{module}:first", f"{module}:second"]

    yield write
    for remembered in (cache.folder, cache.path):
        remembered.cache_clear()


def needing(simulation: Simulation, names: list[str]) -> Simulation:
    """Have its brain need kernels."""
    simulation.brain.kernels = lambda: names  # type: ignore[attr-defined]
    return simulation


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    def compile_here(name: str) -> bytes:
        raise AssertionError(f"{name} was compiled by the simulation's own process")

    monkeypatch.setattr(cache, "compile_and_store", compile_here)


def test_what_a_brain_needs_is_there_before_the_first_tick(kernels: Any, make_config: Make) -> None:
    names = kernels("needed", 0)
    simulation, witness = needing(Simulation(make_config()), names), Witness()
    simulation.listen(witness)
    assert not any(map(cache.stored, names))
    with meanwhile(witness):
        simulation.run(3)
    assert all(map(cache.stored, names))
    assert (witness.told[0], witness.told[-1], witness.begun) == ((0, 2), (2, 2), 1)
    assert simulation.tick_index == 3
    simulation.run(3)
    assert witness.begun == 2


def test_what_a_world_needs_is_there_before_its_first_episode(
    kernels: Any, make_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, witness = kernels("world_needs", 0), Witness()
    monkeypatch.setattr(ChaseAvoid, "kernels", names, raising=False)
    there: list[bool] = []
    reset = ChaseAvoid.reset
    monkeypatch.setattr(
        ChaseAvoid,
        "reset",
        lambda self, **keys: (there.append(all(map(cache.stored, names))), reset(self, **keys))[1],
    )
    with meanwhile(witness):
        Simulation(make_config())
    assert there == [True] and witness.told[-1] == (2, 2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_it_compiles_ends_the_run_at_once(
    number: signal.Signals, kernels: Any, make_config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No child is left, nothing is compiled on the way out, and the run can go on from its first tick."""
    forbid(monkeypatch)
    witness = Witness(lambda: os.kill(os.getpid(), number))
    with needing(record(make_config(), tmp_path / "run"), kernels(f"slow_{number}", 60)) as simulation:
        monkeypatch.setattr(simulation.brain, "frozen_copy", None)  # what the last probe would ask for
        before = signal.getsignal(number)
        with meanwhile(witness):
            simulation.run(3)
        assert time.perf_counter() - witness.at < 1
        assert simulation.interrupted == number
        assert signal.getsignal(number) == before
    assert simulation.error is None
    assert simulation.warm_up_seconds is None and simulation.tick_index == 0
    assert simulation.close()["probe"] is None
    assert witness.children and not any(child.is_running() for child in witness.children)


def test_stop_does_the_same_and_it_can_be_taken_up_again(kernels: Any, make_config: Make) -> None:
    names = kernels("stopped", 60)
    simulation = needing(Simulation(make_config()), names)
    witness = Witness(simulation.stop)
    with meanwhile(witness):
        simulation.run(3)
    assert simulation.tick_index == 0 and simulation.interrupted is None
    assert not any(child.is_running() for child in witness.children)
    needing(simulation, kernels("stopped_not", 0))
    simulation.run(3)
    assert simulation.tick_index == 3 and simulation.warm_up_seconds is not None


def test_hanging_up_is_ignored_where_it_was(make_config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        simulation = Simulation(make_config())
        simulation.run(5, on_tick=lambda _: os.kill(os.getpid(), signal.SIGHUP))
        assert simulation.tick_index == 5 and simulation.interrupted is None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_kernel_that_cannot_be_compiled_is_named(kernels: Any, make_config: Make, tmp_path: Path) -> None:
    names = kernels("broken", 0)
    path = tmp_path / "kernels_broken.py"
    path.write_text(path.read_text().replace("= 2.0", "= 'two'"))
    simulation = needing(Simulation(make_config()), names)
    simulation.run(3)
    assert "warming up failed" in str(simulation.error) and "kernels_broken:second" in str(simulation.error)
    assert simulation.tick_index == 0


def test_a_brain_that_moves_in_is_compiled_first(
    kernels: Any, make_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = kernels("moves_in", 0)
    simulation, witness = Simulation(make_config()), Witness()
    simulation.run(3)
    monkeypatch.setattr(type(simulation.brain), "kernels", lambda self: names, raising=False)
    simulation.submit(SwapBrain(name="other", config={"kind": "linear"}))
    with meanwhile(witness):
        simulation.run(3)
    assert all(map(cache.stored, names))
    assert witness.told[-1] == (2, 2)
    assert simulation.brain_name == "other" and simulation.tick_index == 6


def test_stopping_while_a_brain_moves_in_cuts_the_tick_off(
    kernels: Any, make_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = kernels("never_in", 60)
    simulation = Simulation(make_config())
    witness = Witness(simulation.stop)
    simulation.run(3)
    monkeypatch.setattr(type(simulation.brain), "kernels", lambda self: names, raising=False)
    simulation.submit(SwapBrain(name="other", config={"kind": "linear"}))
    with meanwhile(witness), pytest.raises(KeyboardInterrupt):
        simulation.run(3)
    assert time.perf_counter() - witness.at < 1
    assert simulation.tick_index == 3 and not simulation.whole and simulation.error is None
    assert not any(child.is_running() for child in witness.children)
