"""The convergence study as a table: ranks, populations, shapings and mistakes, beside what a formula says of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from agentsim.batch import settings
from agentsim.batch.evolution.ray_pool import coordinator_of
from agentsim.batch.evolution.regression import LOST, Regression, RegressionTask, theory
from agentsim.batch.evolution.settings import RegressionConfig, Workers
from agentsim.batch.evolution.workers import in_words
from agentsim.batch.settings import Asked, Study
from agentsim.batch.trials import Check, Trial, seeded, train_all
from agentsim.errors import UserError
from agentsim.studies.figure import png, pyplot
from agentsim.studies.intervals import as_interval, interval
from agentsim.studies.pages import Section, page, write
from agentsim.studies.report import print_table, report
from agentsim.studies.sweep import study_directory

MODE = RegressionConfig.mode
VERSION = "regression by evolution 1"
RANKS, POPULATIONS = (1, 4, 16), (128, 512, 2048)
OTHERS = ("clt", "sign", "zscore", "centered-rank", "int8")
NEAR = 0.05  # of the formula, relatively
FAR = 10, 1000  # by which the distance has to fall at least, and where raw differences are told


def run(
    asked: Asked,
    ranks: Sequence[int],
    populations: Sequence[int],
    fitness: str | None,
    broken: Sequence[str],
    workers: Workers,
) -> Study:
    """The result and what shows it. Raises UserError."""
    trials = trials_of(asked, ranks, populations, fitness, broken)
    with coordinator_of(workers) as judges:
        out = study_directory(asked.out, MODE)
        task, jobs = partial(RegressionTask, judges=judges), 1 if judges else asked.jobs
        swept = train_all(trials, task, figures_of, ("start",), jobs=jobs, out=out)
    rows: dict[str, dict[str, Any]] = {}
    for trial in trials:
        if trial in swept.kept:
            row = rows.setdefault(trial.name, {"name": trial.name, **_about(trial.config), "runs": []})
            kept = swept.kept[trial]
            row["runs"].append({"seed": trial.config.seed, **kept, "distance": kept["curve"][-1]["score"]})
    words = [f"--rank {rank}" for rank in ranks] + [f"--population {population}" for population in populations]
    words += [f"--fitness {fitness}"] * bool(fitness) + [f"--broken {mistake}" for mistake in broken]
    result = report(
        MODE,
        command=asked.command(MODE, *words),
        out=str(out),
        workers=None if judges is None else judges.figures(),
        interrupted=swept.interrupted,
        failed=swept.failed,
        rows=[*rows.values()],
        alarms=[alarm for row in rows.values() for alarm in alarms(row)],
    )
    drawn = picture(result)
    write(out, MODE, result, drawn, page(f"agentsim train {MODE}", result, drawn, sections(result)))
    return result, show


def trials_of(
    asked: Asked, ranks: Sequence[int], populations: Sequence[int], fitness: str | None, broken: Sequence[str]
) -> list[Trial]:
    """Every training that is asked for; without a config, rank or population, the grid of raw and one row of each other
    shaping. Raises UserError."""
    sources: Sequence[str] = asked.configs or ("raw",)
    grid = not (asked.configs or ranks or populations or broken)
    ranks, populations = (RANKS, POPULATIONS) if grid else (ranks, populations)
    configs: dict[str, RegressionConfig] = {}
    mistakes: Sequence[str | None] = broken or (None,)
    asked_for = [*itertools.product(sources, ranks or (None,), populations or (None,), mistakes)]
    for source, rank, population, mistake in asked_for + [(name, None, None, None) for name in OTHERS if grid]:
        keys = {"evolution.rank": rank, "evolution.population": population, "fitness": fitness, "broken": mistake}
        changes = [f"{key}={value}" for key, value in keys.items() if value is not None]
        config = settings.load(RegressionConfig, source, [*asked.overrides, *changes])
        name = name_of(Path(source).stem, config)
        if name in configs:
            raise UserError(f"{name}: the table has this row already; name it once, or rename the file")
        configs[name] = config
    return seeded(configs, asked.seeds, VERSION)


def name_of(stem: str, config: RegressionConfig) -> str:
    """Of a row."""
    words = [stem, f"rank {config.evolution.rank}", f"population {config.evolution.population:,}"]
    words += ["perfect fitness"] if config.fitness == "perfect" else []
    words += [f"broken: {config.broken}"] if config.broken != "no" else []
    return ", ".join(words)


def figures_of(learner: Regression, check: Check) -> dict[str, Any]:
    """How far it was. How far it ended, its last point says: not the best, which hides what goes wrong."""
    check(0)
    return {"start": Regression(learner.config).distance}


def _about(config: Any) -> dict[str, Any]:
    own = config.evolution
    about = {"shaping": own.shaping, "rank": own.rank, "population": own.population, "fitness": config.fitness}
    return {**about, "broken": config.broken, "theory": theory(config) if own.shaping == "raw" else None}


def alarms(row: dict[str, Any]) -> list[str]:
    """What is not as it should be, in words."""
    ends = [run["curve"][-1] for run in row["runs"]]
    found = []
    cosine = sum(end["cosine"] for end in ends) / len(ends)
    if row["theory"] and abs(cosine / row["theory"] - 1) > NEAR:
        found.append(f"cosine {cosine:.3f} is not within {NEAR:.0%} of the formula's {row['theory']:.3f}")
    correlation = min(end["correlation"] for end in ends)
    if correlation < 0.99:
        found.append(f"correlation {correlation:.3f}: the differences do not say what the gradient says")
    if any(run["distance"] >= LOST for run in row["runs"]):
        found.append("it diverged")
    elif any(run["distance"] > run["start"] / FAR[row["shaping"] == "raw"] for run in row["runs"]):
        found.append("it does not get near")
    if any(end["ties"] > 0.5 for end in ends):
        found.append("most pairs are ties")
    if lost := max(end["lost"] for end in ends):
        found.append(f"{lost:.0%} of differences are no numbers: inf - inf")
    return [f"{row['name']}: {words}" for words in found]


# --- what is shown -------------------------------------------------------------------------------------------------

HEADINGS = ["what", "seeds", "cosine", "formula", "halves", "correlation", "noise / signal", "ties %", "hundredfold"]
HEADINGS += ["distance at first", "at last", "CPU ms a generation"]


def sections(result: dict[str, Any]) -> list[Section]:
    """The table, and what is alarming."""
    lines = []
    for row in result["rows"]:
        ends, runs = [run["curve"][-1] for run in row["runs"]], row["runs"]
        fallen = [end["fallen"] for end in ends]
        lines.append(
            [
                row["name"],
                str(len(runs)),
                as_interval(interval(end["cosine"] for end in ends), digits=3),
                "-" if row["theory"] is None else f"{row['theory']:.3f}",
                as_interval(interval(end["halves"] for end in ends), digits=3),
                f"{min(end['correlation'] for end in ends):.4f}",
                as_interval(interval(end["noise"] for end in ends)),
                f"{100 * max(end['ties'] for end in ends):.0f}",
                as_interval(interval(fallen), digits=0) if min(fallen) >= 0 else "never",
                f"{max(run['start'] for run in runs):.1f}",
                f"{max(run['distance'] for run in runs):.1e}",
                f"{sum(1e3 * run['cpu_seconds'] / run['batches'] for run in runs) / len(runs):.1f}",
            ]
        )
    alarming = ("Alarms", ["what"], [[alarm] for alarm in result["alarms"]])
    title = "W (16, 64) from Y = X W_t', fresh X in every generation; distance |W - W_t|, the worst seed's"
    return [(title, HEADINGS, lines), *([alarming] if result["alarms"] else [])]


def show(result: dict[str, Any], console: Console) -> None:
    """The tables, and where the files are."""
    for title, headings, lines in sections(result):
        print_table(console, headings, lines, title)
    console.print(
        "Cosine, of the estimate with the true gradient, halves, of two estimates by half the pairs each, and"
    )
    console.print("correlation, of a pair's difference with <E, gradient>: means until the distance is a hundredth of")
    console.print("the first. CPU counts these figures too. The unperturbed mean is judged, never a member.")
    if result["workers"]:
        console.print(in_words(result["workers"]))
    typer.echo(f"{MODE}.png, {MODE}.html, {MODE}.json and trainings: {result['out']}", err=True)


def picture(result: dict[str, Any]) -> bytes:
    """A PNG: the distance by generations, a line a row, of its first seed."""
    figure, axis = pyplot().subplots(figsize=(9, 5))
    for k, row in enumerate(result["rows"]):
        points = row["runs"][0]["curve"]
        axis.plot(
            [point["batch"] for point in points],
            [point["score"] for point in points],
            color=f"C{k % 10}",
            linestyle="-" if k < 10 else "--",
            label=row["name"].replace("$", r"\$"),
        )
    axis.set_yscale("log")
    axis.set_xlabel("generations")
    axis.set_ylabel("distance to the target")
    axis.grid(alpha=0.3)
    if result["rows"]:
        axis.legend(fontsize=7)
    return png(figure)
