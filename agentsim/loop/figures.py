"""The figures of a run: what the brain did, what it knows when asked, and how well it kept time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from agentsim.errors import FAILURES
from agentsim.system.machine import machine, versions

if TYPE_CHECKING:
    from agentsim.loop.simulation import Simulation
    from agentsim.loop.telemetry import Phase


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


def _hash_of(simulation: Simulation) -> str | None:
    """The hash of the last state; None where that is spoilt, or the brain or the world cannot tell it."""
    try:
        return simulation.state_hash() if simulation.whole else None
    except FAILURES:  # it has been said already
        return None


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
        "hash": _hash_of(simulation),
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
        "frames": None,  # unless somebody who draws says how many
        "backend": getattr(simulation.brain, "backend", None),
        "versions": versions(),
        "machine": machine(),
        "error": None if simulation.error is None else str(simulation.error),
    }
