"""The figures of a run: what the brain did, what it knows when asked (the probe), and how well it kept time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from agentsim.machine import machine, versions
from brains.brain import Brain, Float
from brains.team import Team

if TYPE_CHECKING:
    from agentsim.simulation import Simulation
    from agentsim.telemetry import Phase


def probe(brain: Brain, world: Any, tasks: tuple[str, ...], count: int, rng: np.random.Generator) -> dict[str, float]:
    """What the brain knows: for each task, the share of `count` random states on which it takes the right action.

    A frozen copy with a lane a state holds each state's observation until it has settled. The brain itself is not
    touched. Empty if the world (an unwrapped Env) cannot sample states.
    """
    if not hasattr(world, "sample_states") or not count:
        return {}
    return {name: _share_right(brain, *world.sample_states(count, task, rng)) for task, name in enumerate(tasks)}


def _share_right(brain: Brain, observations: Float, right: NDArray[Any]) -> float:
    copy = brain.frozen_copy(lanes=len(observations))
    for _ in range(copy.settling_ticks):
        action = copy.act(observations)
    return float(np.mean(action == right))


def probe_agents(brain: Brain, agents: tuple[str, ...], world: Any, count: int, rng: Generator) -> dict[str, float]:
    """What the brain of each agent knows, asked as `probe` asks; of a brain that serves several, its first one."""
    if not hasattr(world, "sample_states") or not count:
        return {}
    members = [(m.brain, m.lanes[0]) for m in brain.members.values()] if isinstance(brain, Team) else [(brain, 0)]
    return {
        agents[lane]: _share_right(member, *world.sample_states(count, lane, rng))
        for member, lane in members
        if not getattr(member, "is_the_oracle", False)
    }


def probe_simulation(simulation: Simulation, count: int | None = None) -> dict[str, float]:
    """`probe` of a simulation's brain, with the same random states whenever it is asked.

    Empty for a brain that `is_the_oracle`: it would say what the oracle knows.
    """
    if getattr(simulation.brain, "is_the_oracle", False):
        return {}
    count = simulation.config.run.probe_states if count is None else count
    rng = np.random.default_rng(simulation.streams["probe"])
    environment = simulation.environment
    if environment.agents:
        return probe_agents(simulation.brain, environment.agents, environment.unwrapped, count, rng)
    return probe(simulation.brain, environment.unwrapped, environment.tasks, count, rng)


def phase_figures(simulation: Simulation, phase: Phase) -> dict[str, Any]:
    """One phase: from which tick, how many, on what task, and how well; `score_last_10s` is its end."""
    telemetry = simulation.telemetry
    return {
        "task": telemetry.task_name(phase.task),
        "start": phase.start,
        "ticks": phase.sums.ticks,
        "accuracy": phase.sums.accuracy,
        "score": telemetry.score_of(phase.task, phase.sums),
        "score_last_10s": telemetry.recent_score(phase),
        "reward": phase.sums.reward,
        "events": phase.sums.events,
    }


def result(simulation: Simulation, probed: dict[str, float] | None) -> dict[str, Any]:
    """Everything a run comes to, with its last probe, ready for JSON; null where there is nothing to say."""
    telemetry, totals = simulation.telemetry, simulation.telemetry.totals
    overall = telemetry.overall()
    phases = [phase_figures(simulation, phase) for phase in telemetry.current()]
    scores = [(phase["score"], phase["ticks"]) for phase in phases if phase["score"] is not None]
    returns = totals.last_returns
    timing = simulation.clock.statistics.report()
    return {
        "world": simulation.config.world.id,
        "brain": simulation.brain_name,
        "seed": simulation.config.run.seed,
        "ticks": simulation.tick_index,
        "hash": simulation.state_hash() if simulation.whole else None,
        "accuracy": overall.accuracy,
        "score": sum(score * ticks for score, ticks in scores) / sum(t for _, t in scores) if scores else None,
        "probe": probed,
        "agents": telemetry.overall_agents(),
        "phases": phases,
        "reward": overall.reward,
        "events": overall.events,
        "episodes": {"count": totals.episodes, "last_20_mean": float(np.mean(returns)) if returns else None},
        "learning_steps": overall.learning_steps,
        "rollbacks": overall.rollbacks,
        **timing,
        "warm_up_seconds": simulation.warm_up_seconds,
        "frames": simulation.frames,
        "backend": getattr(simulation.brain, "backend", None),
        "versions": versions(),
        "machine": machine(),
        "error": None if simulation.error is None else str(simulation.error),
    }
