"""`agentsim bench learning`: how well brains learn, over several seeds, beside the controls they must beat."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from agentsim.config.load import Config
from agentsim.errors import UserError
from agentsim.loop.building import timetable
from agentsim.loop.probe import probe_simulation
from agentsim.loop.simulation import Simulation
from agentsim.studies.curves import mean_curves, plot
from agentsim.studies.entries import Entry, entries, in_order, over_seeds
from agentsim.studies.intervals import as_interval, interval
from agentsim.studies.report import print_table, report
from agentsim.studies.sweep import Result, by_entry, study_directory, sweep
from agentsim.system.output import as_number
from brains.brain import Brain, figures_of

Results = dict[Entry, list[Result]]

VERSION = "learning 2"
FIGURES = (
    "world",
    "brain",
    "seed",
    "ticks",
    "hash",
    "accuracy",
    "score",
    "reward",
    "episodes",
    "learning_steps",
    "rollbacks",
)


def run_once(config: Config) -> Result | None:
    """Run to the end, with a probe at the end of every phase; None if it was interrupted. Raises UserError."""
    simulation = Simulation(config, drawn=False)
    end = simulation.end_tick or 0
    ends = {tick for tick in timetable(config, simulation.environment.tasks) if 0 < tick < end} | {end}
    probes = []
    probing = 0.0

    def at_the_end_of_a_phase(simulation: Simulation) -> None:
        nonlocal probing
        if simulation.tick_index in ends:
            before = time.process_time()
            probes.append(probe_simulation(simulation) or None)
            probing += time.process_time() - before

    with simulation:
        simulation.warm_up()
        before = time.process_time()
        simulation.run(on_tick=at_the_end_of_a_phase)
        taken = time.process_time() - before - probing
        simulated = _simulated(simulation.brain)
        result = simulation.close()
    if simulation.interrupted is not None:
        return None
    if simulation.error is not None:
        raise UserError(str(simulation.error))
    rows = simulation.telemetry.rows
    phases = [phase | {"probe": None} for phase in result["phases"]]
    for phase, found in zip(phases, probes, strict=False):
        phase["probe"] = found
    return {
        **{name: result[name] for name in FIGURES},
        "phases": phases,
        "curve": {name: [getattr(row, name) for row in rows] for name in ("tick", "accuracy", "score", "reward")},
        "returns": simulation.telemetry.returns,
        "cpu_seconds": taken,
        "simulated": simulated,
        "versions": result["versions"],
    }


def _simulated(brain: Brain) -> int:
    """Steps of a simulator that it has used, of a team all members together."""
    return sum(int(count) for name, count in figures_of(brain).items() if name.rpartition(".")[2] == "simulated")


def measure(
    sources: Sequence[str],
    brains: Sequence[str] = (),
    *,
    seeds: int = 10,
    seconds: float | None = None,
    ticks: int | None = None,
    jobs: int = 1,
    out: Path | None = None,
    modules: Sequence[str] = (),
) -> dict[str, Any]:
    """Run what is missing in `out` (else everything, in a new directory under runs/) and put the tables together.

    After Ctrl-C: the tables of what is there, `interrupted` being true. Raises UserError.
    """
    rows = entries(sources, brains, seconds=seconds, ticks=ticks)
    out = study_directory(out, "bench-learning")
    swept = sweep("runs", over_seeds(rows, seeds, VERSION), run_once, FIGURES, jobs=jobs, out=out, modules=modules)
    tables = []
    for source in sources:
        mine = [entry for entry in rows if entry.source == source]
        tables.append(summary(source, by_entry(swept, mine)))
    return report(
        "learning",
        out=str(out),
        picture=plot(tables, out / "learning.png"),
        seeds=seeds,
        interrupted=swept.interrupted,
        failed=swept.failed,
        tables=tables,
    )


def summary(source: str, results: Results) -> dict[str, Any]:
    """The table of one config: a row an entry, mean and 95 % interval over its seeds."""
    config = next(iter(results)).config
    threshold = _threshold(config.world.id)
    rows = in_order([_row(entry, found, threshold) for entry, found in results.items() if found])
    return {
        "config": source,
        "world": config.world.id,
        "ticks": round((config.run.seconds or 0) * config.clock.tick_hz),
        "tick_hz": config.clock.tick_hz,
        "threshold": threshold,
        "rows": rows,
    }


def _row(entry: Entry, results: list[Result], threshold: float | None) -> dict[str, Any]:
    episodes = [result["episodes"] for result in results]
    return {
        "name": entry.name,
        "control": entry.control,
        "best_of": entry.best_of,
        "seeds": len(results),
        "steps_per_tick": entry.config.learn.steps_per_tick,
        "updates_per_tick": interval(result["learning_steps"] / result["ticks"] for result in results),
        "accuracy": interval(result["accuracy"] for result in results),
        "score": interval(result["score"] for result in results),
        "phases": [_phase(phases) for phases in zip(*(result["phases"] for result in results), strict=True)],
        "reward_per_tick": interval(result["reward"] / result["ticks"] for result in results),
        "last_20_returns": interval(found["last_20_mean"] for found in episodes),
        "reached": None if threshold is None else sum(_reached(found, threshold) for found in episodes),
        "rollbacks": sum(result["rollbacks"] for result in results),
        "cpu_us_per_tick": interval(1e6 * result["cpu_seconds"] / result["ticks"] for result in results),
        "simulated": interval(result["simulated"] for result in results),
        "curve": mean_curves(results, entry.config.clock.tick_hz),
    }


def _phase(phases: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One phase over the seeds."""
    figures = ("accuracy", "score", "score_last_10s")
    probes = [phase["probe"] or {} for phase in phases]
    return {
        "task": phases[0]["task"],
        "start": phases[0]["start"],
        "ticks": phases[0]["ticks"],
        **{figure: interval(phase[figure] for phase in phases) for figure in figures},
        "probe": {task: interval(probe[task] for probe in probes) for task in probes[0]},
    }


def _reached(episodes: dict[str, Any], threshold: float) -> bool:
    """Whether the last 20 episodes, and no fewer, earned the threshold in the mean."""
    return episodes["count"] >= 20 and episodes["last_20_mean"] >= threshold


def _threshold(world: str) -> float | None:
    import gymnasium

    return gymnasium.spec(world).reward_threshold


def show(result: dict[str, Any], console: Console) -> None:
    """A table for each config: a line a phase and brain, without the columns that say nothing."""
    for found in result["tables"]:
        probed = list(dict.fromkeys(task for row in found["rows"] for p in row["phases"] for task in p["probe"]))
        reached = f"of the seeds >= {found['threshold']:g}" if found["threshold"] is not None else "reached"
        headings = ["brain", "seeds", "phase", "accuracy, %", "score", "its last 10 s", *(f"probe {t}" for t in probed)]
        headings += ["last 20 returns", reached, "reward/tick", "updates/tick", "CPU us/tick", "simulator steps"]
        lines = [line for row in found["rows"] for line in _lines(row, probed)]
        title = f"{found['config']}: {found['world']}, {found['ticks']:,} ticks, mean ± 95 %; controls below the brains"
        print_table(console, headings, lines, title)
    typer.echo(f"runs: {result['out']}   picture: {result['picture'] or '-'}", err=True)


def _lines(row: dict[str, Any], probed: Sequence[str]) -> list[list[str]]:
    lines = []
    for k, phase in enumerate(row["phases"]):
        first = k == 0
        lines.append(
            [
                row["name"] if first else "",
                f"{row['seeds']}" if first else "",
                f"{k + 1} {phase['task']}" if phase["task"] else "",
                as_interval(phase["accuracy"], 100),
                as_interval(phase["score"], 1, 2),
                as_interval(phase["score_last_10s"], 1, 2),
                *(as_interval(phase["probe"].get(task), 100) for task in probed),
                as_interval(row["last_20_returns"]) if first else "",
                as_number(row["reached"], 0) if first else "",
                as_interval(row["reward_per_tick"], 1, 4) if first else "",
                as_interval(row["updates_per_tick"], 1, 2) if first else "",
                as_interval(row["cpu_us_per_tick"], 1, 0) if first else "",
                f"{row['simulated']['mean']:,.0f}" if first else "",
            ]
        )
    return lines
