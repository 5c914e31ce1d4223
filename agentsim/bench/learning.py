"""`agentsim bench learning`: how well brains learn, over several seeds, beside the controls they must beat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from agentsim.bench.curves import mean_curves, plot
from agentsim.bench.entries import Entry, entries
from agentsim.bench.intervals import as_interval, interval
from agentsim.bench.report import progress, report, table
from agentsim.bench.runs import Result, Run, all_results, read_result, write_result
from agentsim.errors import UserError
from agentsim.recording import new_run_directory
from agentsim.terminal import as_number

Results = dict[Entry, list[Result]]
MERITS = {"accuracy": "accuracy", "score": "score", "last_20_returns": "returns", "reward_per_tick": "reward"}


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
    if out is None:
        out = new_run_directory("bench-learning")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {out}: {error.strerror}; give a directory that can be written") from error
    runs = [Run(entry, entry.config.run.seed + k) for k in range(seeds) for entry in rows]
    kept = {run: found for run in runs if (found := read_result(run, out)) is not None}
    missing = [run for run in runs if run not in kept]
    typer.echo(f"{len(missing)} runs, {jobs} at a time; {len(kept)} already in {out}", err=True)
    failed: list[dict[str, Any]] = []
    interrupted = False
    bar, task = progress("runs", len(missing))
    try:
        with bar:
            for run, result in all_results(missing, jobs, modules):
                if isinstance(result, str):
                    failed.append({"config": run.entry.source, "row": run.entry.name, "seed": run.seed, "why": result})
                else:
                    kept[run] = result
                    write_result(run, result, out)
                bar.advance(task)
    except KeyboardInterrupt:
        interrupted = True
    tables = []
    for source in sources:
        mine = [entry for entry in rows if entry.source == source]
        results = {entry: [kept[run] for run in runs if run.entry is entry and run in kept] for entry in mine}
        tables.append(summary(source, results))
    picture = plot(tables, out / "learning.png")
    return report(
        "learning", out=str(out), picture=picture, seeds=seeds, interrupted=interrupted, failed=failed, tables=tables
    )


def summary(source: str, results: Results) -> dict[str, Any]:
    """The table of one config: a row an entry, mean and 95 % interval over its seeds."""
    config = next(iter(results)).config
    threshold = _threshold(config.world.id)
    rows = [_row(entry, found, threshold) for entry, found in results.items() if found]
    rows = [row for row in rows if not row["best_of"]] + _best(rows)
    rows.sort(key=lambda row: row["control"])
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


def _best(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of every `best_of` the row that did best by accuracy, and the one that did best by score, if it is another one;
    where nobody says what is right, by returns, else by reward."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["best_of"]:
            groups.setdefault(row["best_of"], []).append(row)
    best = []
    for group, members in groups.items():
        known = [figure for figure in MERITS if all(row[figure] for row in members)]
        winners: dict[str, list[str]] = {}
        for figure in [figure for figure in known if figure in ("accuracy", "score")] or known[:1]:
            winner = max(members, key=lambda row: row[figure]["mean"])
            winners.setdefault(winner["name"], []).append(MERITS[figure])
        for row in members:
            if row["name"] in winners:
                best.append(row | {"name": f"{group} by {' and '.join(winners[row['name']])}: {row['name']}"})
    return best


def _threshold(world: str) -> float | None:
    import gymnasium

    return gymnasium.spec(world).reward_threshold


def show(result: dict[str, Any], console: Console) -> None:
    """A table for each config: a line a phase and brain, without the columns that say nothing."""
    for found in result["tables"]:
        probed = list(dict.fromkeys(task for row in found["rows"] for p in row["phases"] for task in p["probe"]))
        reached = f"of the seeds >= {found['threshold']:g}" if found["threshold"] is not None else "reached"
        headings = ["brain", "seeds", "phase", "accuracy, %", "score", "its last 10 s", *(f"probe {t}" for t in probed)]
        headings += ["last 20 returns", reached, "reward/tick", "updates/tick", "CPU us/tick"]
        lines = [line for row in found["rows"] for line in _lines(row, probed)]
        title = f"{found['config']}: {found['world']}, {found['ticks']:,} ticks, mean ± 95 %; controls below the brains"
        console.print(table(headings, lines, title))
        console.print()
    for failure in result["failed"]:
        typer.echo(f"failed: {failure['config']}, {failure['row']}, seed {failure['seed']}: {failure['why']}", err=True)
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
            ]
        )
    return lines
