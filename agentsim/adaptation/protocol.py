"""One run of the adaptation protocol: live through the phases, note every tick, and say what it came to.

What is right is the oracle's answer to what the brain saw, on every tick, also where the teacher is silent.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agentsim.adaptation import metrics
from agentsim.adaptation.metrics import Span
from agentsim.config.load import Config
from agentsim.errors import UserError
from agentsim.loop.building import timetable
from agentsim.loop.probe import probe_simulation
from agentsim.loop.simulation import Simulation
from brains.brain import NO_LABEL

Result = dict[str, Any]
FIGURES = ("latency", "accuracy", "score", "phases", "windows", "updates", "samples", "hash")
VERSION = "adapt 2"  # counts up when the figures of the same run change
LAST_SECONDS = 15  # of a phase, which are compared with the ceiling


class _Notes:
    """Every tick of a run, and the probes at the end of its phases."""

    def __init__(self, simulation: Simulation, ends: set[int], ticks: int) -> None:
        self.ends = ends
        self.observations = np.zeros((ticks, simulation.environment.body.observation_size), np.float32)
        self.actions = np.zeros(ticks, np.int64)
        self.labels = np.full(ticks, NO_LABEL)
        self.events: dict[str, NDArray[np.int64]] = {}
        self.probes: list[dict[str, float]] = []
        self.probing = 0.0  # CPU seconds

    def note(self, simulation: Simulation) -> None:
        """Called after every tick."""
        tick, experience = simulation.tick_index - 1, simulation.last
        if experience is None or simulation.error is not None:
            return
        self.observations[tick] = experience.observation[0]
        self.actions[tick] = experience.action[0]
        if experience.teacher_action is not None:
            self.labels[tick] = experience.teacher_action[0]
        for name, count in simulation.environment.events.items():
            if count:
                self.events.setdefault(name, np.zeros(len(self.actions), np.int64))[tick] = count
        if tick + 1 in self.ends:
            before = time.process_time()
            self.probes.append(probe_simulation(simulation))
            self.probing += time.process_time() - before


def run_once(config: Config) -> Result | None:
    """Run to the end; None if it was interrupted. Raises UserError."""
    simulation = Simulation(hashed_once(config), drawn=False)
    oracle, ticks = simulation.environment.body.oracle, simulation.end_tick or 0
    assert oracle is not None, "suites let no other world through"
    starts = [0, *sorted(tick for tick in timetable(config, simulation.environment.tasks) if 0 < tick < ticks)]
    notes = _Notes(simulation, {*starts[1:], ticks}, ticks)
    with simulation:
        simulation.warm_up()
        before = time.process_time()
        simulation.run(on_tick=notes.note)
        taken = time.process_time() - before - notes.probing
    if simulation.interrupted is not None:
        return None
    if simulation.error is not None:
        raise UserError(str(simulation.error))
    answers = oracle(notes.observations)
    right, spoken = notes.actions == answers, notes.labels != NO_LABEL
    totals = simulation.telemetry.overall()
    return {
        "ticks": ticks,
        "latency": simulation.brain.latency,
        "updates": totals.learning_steps,
        "samples": samples(config, totals.learning_steps, int(spoken.sum())),
        "mislabelled": float((spoken & (notes.labels != answers)).sum() / max(1, spoken.sum())),
        "rollbacks": totals.rollbacks,
        "cpu_seconds": taken,
        "hash": simulation.state_hash(),
        **_figures(simulation, notes, right, metrics.phases(starts, ticks)),
    }


def hashed_once(config: Config) -> Config:
    """The config without rolling hashes on the way: of a large replay they cost more than its ticks."""
    ticks = round((config.run.seconds or 0.0) * config.clock.tick_hz)
    return config.model_copy(update={"run": config.run.model_copy(update={"hash_every": max(1, ticks)})})


def samples(config: Config, updates: int, labelled: int) -> int:
    """Samples that `updates` trained on, of a run with so many labelled ticks: a replayed batch and, once a tick and in
    a stepping brain, the fresh one; the mean of several; or one each. Up to the few ticks before a pipeline is full."""
    if not config.learn.steps_per_tick:
        return 0
    replay, schedule = config.one_brain.get("replay"), config.one_brain.get("schedule")
    if replay:
        fresh = labelled if config.one_brain.kind == "stepping" else 0
        if stride := config.one_brain.get("stride"):
            ages = range(stride["sweeps"], stride["hold"] + stride["sweeps"], stride["sweeps"])
            return int(updates * stride["lanes"] * sum(age >= stride["ripe"] for age in ages) / len(ages))
        batch = (config.one_brain.get("gate") or {}).get("batch", replay["per_tick"])
        return int(updates * batch + fresh)
    return int(updates * schedule["accumulate"]) if isinstance(schedule, dict) and "accumulate" in schedule else updates


def _figures(simulation: Simulation, notes: _Notes, right: metrics.Right, spans: list[Span]) -> dict[str, Any]:
    """Everything that is reported about one run."""
    second = round(simulation.config.clock.tick_hz)
    world, telemetry = simulation.environment.world, simulation.telemetry
    rates, names = world.score_rates or {}, world.score_events or {}
    phases: list[dict[str, Any]] = []
    windows: list[dict[str, Any]] = []
    for k, (span, probe) in enumerate(zip(spans, notes.probes, strict=True)):
        task = telemetry.task_name(telemetry.totals.phases[k].task)
        events = notes.events.get(names.get(task or "", ""), np.zeros(len(right), np.int64))

        def score(stretch: Span, task: str | None = task, events: NDArray[np.int64] = events) -> float | None:
            return metrics.score(events, stretch, rates[task]) if task in rates else None

        others = [share for name, share in probe.items() if name != task]
        after_switch: dict[str, Any] = dict.fromkeys(("first_window", "lowest_window", "recovery"))
        if k:
            after_switch = {
                "first_window": metrics.accuracy(right, metrics.windows(span, second)[0]),
                "lowest_window": metrics.lowest_window(right, span, second),
                "recovery": metrics.recovery(right, spans[k - 1], span, second),
            }
        phases.append(
            {
                "task": task,
                "start": span[0],
                "ticks": span[1] - span[0],
                "accuracy": metrics.accuracy(right, span),
                "score": score(span),
                "score_last_15s": score(metrics.last(span, LAST_SECONDS * second)),
                "events": {name: int(counts[slice(*span)].sum()) for name, counts in notes.events.items()},
                **after_switch,
                "probe": probe,
                "retention": float(np.mean(others)) if others else None,
            }
        )
        for window in metrics.windows(span, second):
            found = {"accuracy": metrics.accuracy(right, window), "score": score(window)}
            windows.append({"start": window[0], "ticks": window[1] - window[0], "phase": k, **found})
    scores = [(phase["score"], phase["ticks"]) for phase in phases if phase["score"] is not None]
    return {
        "accuracy": float(right.mean()),
        "score": sum(value * n for value, n in scores) / sum(n for _, n in scores) if scores else None,
        "phases": phases,
        "windows": windows,
    }
