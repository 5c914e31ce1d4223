"""What a brain knows when asked (the probe): a frozen copy answers random states, the brain itself is not touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from brains.brain import Brain, Float
from brains.team import Team
from worlds.world import World

if TYPE_CHECKING:
    from agentsim.loop.simulation import Simulation


def probe(brain: Brain, world: World, tasks: tuple[str, ...], count: int, rng: Generator) -> dict[str, float]:
    """What the brain knows: for each task, the share of `count` random states on which it takes the right action.

    A frozen copy with a lane a state holds each state's observation until it has settled. The brain itself is not
    touched. Empty if the world cannot sample states.
    """
    if world.sample_states is None or not count:
        return {}
    return {name: _share_right(brain, *world.sample_states(count, task, rng)) for task, name in enumerate(tasks)}


def _share_right(brain: Brain, observations: Float, right: NDArray[Any]) -> float:
    copy = brain.frozen_copy(lanes=len(observations))
    for _ in range(copy.settling_ticks):
        action = copy.act(observations)
    return float(np.mean(action == right))


def probe_agents(brain: Brain, agents: tuple[str, ...], world: World, count: int, rng: Generator) -> dict[str, float]:
    """What the brain of each agent knows, asked as `probe` asks; of a brain that serves several, its first one."""
    if world.sample_states is None or not count:
        return {}
    members = [(m.brain, m.lanes[0]) for m in brain.members.values()] if isinstance(brain, Team) else [(brain, 0)]
    return {
        agents[lane]: _share_right(member, *world.sample_states(count, lane, rng))
        for member, lane in members
        if getattr(member, "probed", True)
    }


def probe_simulation(simulation: Simulation, count: int | None = None) -> dict[str, float]:
    """`probe` of a simulation's brain, with the same random states whenever it is asked.

    Empty for a brain that is not to be `probed`: it would say what the oracle or a simulator knows.
    """
    if not getattr(simulation.brain, "probed", True):
        return {}
    count = simulation.config.run.probe_states if count is None else count
    rng = np.random.default_rng(simulation.streams["probe"])
    environment = simulation.environment
    if environment.agents:
        return probe_agents(simulation.brain, environment.agents, environment.world, count, rng)
    return probe(simulation.brain, environment.world, environment.tasks, count, rng)
