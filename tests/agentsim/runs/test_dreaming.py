"""A run of the dream world with a person's hand in it: recorded, replayed and resumed to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentsim.config.load import load_config
from agentsim.loop.commands import Draw, ResetWorld, SetLearning, SwitchTask
from agentsim.loop.simulation import Simulation
from agentsim.runs.directory import COMMANDS, HASHES, METRICS
from agentsim.runs.recorded import record, replay, resume

HAND: dict[int, Any] = {
    20: SwitchTask(task=3),
    75: Draw(x=0.2, y=0.9, to_x=0.4, to_y=0.2),
    76: Draw(x=0.4, y=0.2, to_x=0.6, to_y=0.2),
    90: SwitchTask(task=10),
    100: SetLearning(on=False),
    130: ResetWorld(),
}
TICKS = 150


def live(simulation: Simulation, until: int) -> None:
    def act(simulation: Simulation) -> None:
        if simulation.tick_index in HAND and simulation.tick_index < until:
            simulation.submit(HAND[simulation.tick_index])

    act(simulation)
    simulation.run(until - simulation.tick_index, act)
    assert simulation.error is None
    simulation.close()


def recorded(run: Path, *stops: int) -> list[str]:
    """Everything that a run writes and that does not speak of wall time."""
    config = load_config("dreaming", overrides=["clock.pacing=none", "run.hash_every=10", "world.options.ticks=40"])
    live(record(config, run), stops[0])
    for stop in stops[1:]:
        live(resume(run), stop)
    return [(run / name).read_text() for name in (METRICS, HASHES, COMMANDS)]


@pytest.mark.parametrize("stop", [30, 76, 95, 140])
def test_stopped_and_resumed_it_is_the_same_run(stop: int, tmp_path: Path) -> None:
    assert recorded(tmp_path / "cut", stop, TICKS) == recorded(tmp_path / "whole", TICKS)
    for name in ("cut", "whole"):
        again, check = replay(tmp_path / name)
        again.run()
        assert (again.tick_index, check.first_difference) == (TICKS, None)
