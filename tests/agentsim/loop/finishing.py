"""A simulation that has come to its end."""

from __future__ import annotations

from agentsim.config.load import Config
from agentsim.loop.clock import Clock
from agentsim.loop.simulation import Simulation


def finished(config: Config, ticks: int, clock: Clock | None = None) -> Simulation:
    simulation = Simulation(config, clock=clock)
    simulation.run(ticks)
    assert simulation.error is None
    assert simulation.tick_index == ticks
    return simulation
