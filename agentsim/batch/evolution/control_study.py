"""Evolution strategies in small worlds: seeds side by side, tested in the environment itself, beside random search of
as many steps and the best that the first generation holds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import typer
from rich.console import Console

from agentsim.batch import settings
from agentsim.batch.evolution.control import ControlTask, Policy, first_generation, random_search, tested
from agentsim.batch.evolution.exported import save_policy
from agentsim.batch.evolution.ray_pool import coordinator_of
from agentsim.batch.evolution.settings import ControlConfig, Workers
from agentsim.batch.evolution.workers import in_words
from agentsim.batch.settings import Asked, Study
from agentsim.batch.training import Header
from agentsim.batch.trials import Check, folder_of, seeded, train_all
from agentsim.config.stamped import read_stamped
from agentsim.runs.checkpoint import CHECKPOINT
from agentsim.studies.figure import png, pyplot
from agentsim.studies.intervals import as_interval, interval
from agentsim.studies.pages import Section, page, write
from agentsim.studies.report import print_table, report
from agentsim.studies.sweep import study_directory

VERSION = "control by evolution 1"
EPISODES = 100  # of a test
NAMES = {"evolved": "the mean, evolved", "searched": "random search, as many steps", "first": "best of generation 0"}


def run(asked: Asked, model: type[ControlConfig], workers: Workers) -> Study:
    """The result and what shows it. Raises UserError."""
    configs = settings.load_all(model, asked.configs or settings.names(model.mode), asked.overrides)
    trials = seeded(configs, asked.seeds, VERSION)
    out = study_directory(asked.out, model.mode)
    named = {trial.config.model_dump_json(): trial.name for trial in trials}
    measure = partial(figures_of, out=out, named=named)
    with coordinator_of(workers) as judges:
        task, jobs = partial(ControlTask, judges=judges), 1 if judges else asked.jobs
        swept = train_all(trials, task, measure, (*NAMES, "tried"), jobs=jobs, out=out)
    rows: dict[str, dict[str, Any]] = {}
    for trial in trials:
        if trial in swept.kept:
            row = rows.setdefault(trial.name, {"name": trial.name, "runs": []})
            row["runs"].append({"seed": trial.config.seed, **swept.kept[trial]})
    result = report(
        model.mode,
        command=asked.command(model.mode),
        out=str(out),
        environment=model.environment,
        measure=model.measure,
        tasks=[*model.tasks],
        searched_by=model.searched_by,
        lived_in=model.lived_in,
        target=model.target,
        episodes=EPISODES,
        workers=None if judges is None else judges.figures(),
        interrupted=swept.interrupted,
        failed=swept.failed,
        rows=[*rows.values()],
    )
    drawn = picture(result)
    write(out, model.mode, result, drawn, page(f"agentsim train {model.mode}", result, drawn, sections(result)))
    return result, show


def figures_of(learner: Policy, check: Check, *, out: Path, named: dict[str, str]) -> dict[str, Any]:
    """What fresh episodes come to in the environment itself: of the mean, which is written as a brain file, of the
    best by random search in as many steps, and of the best member of generation 0."""
    config = learner.config
    _, arrays = read_stamped(folder_of(config, out) / CHECKPOINT, Header)  # what is kept besides the learner
    save_policy(learner, out / f"{named[config.model_dump_json()]}-{config.seed}.brain")
    found = {"evolved": tested(learner, learner.parameters, EPISODES)}
    check(0)
    searched, tried = random_search(config, int(arrays["steps"][0]))
    found |= {"searched": tested(learner, searched, EPISODES)}
    check(0)
    return {**found, "first": tested(learner, first_generation(config), EPISODES), "tried": tried}


# --- what is shown -------------------------------------------------------------------------------------------------

HEADINGS = ["policy", "seeds", "mean", "solved", "by seed", "solved after generations", "million steps", "CPU s"]


def sections(result: dict[str, Any]) -> list[Section]:
    """A row for what was evolved and for what it must beat; and what each is worth in each task of the world."""
    lines, apart, tasks = [], [], result["tasks"]
    digits = 2 if tasks else 1
    for row in result["rows"]:
        for name, words in NAMES.items():
            runs = row["runs"]
            means = [float(np.mean(run[name])) for run in runs]
            cells = [f"{row['name']}: {words}", str(len(means)), as_interval(interval(means), digits=digits)]
            first = cells[:2]
            for k in range(len(tasks)):
                own = interval(float(np.mean(run[name][k :: len(tasks)])) for run in runs)
                first = [*first, as_interval(own, digits=digits)]
            apart.append(first)
            cells += [f"{sum(mean >= result['target'] for mean in means)} of {len(means)}"]
            cells += [" ".join(f"{mean:.{digits - 1 + bool(tasks)}f}" for mean in means)]
            evolved = name == "evolved"
            cells += [_solved_after(runs, result["target"]) if evolved else ""]
            steps = as_interval(interval(run["curve"][-1]["steps"] / 1e6 for run in runs), digits=2)
            cells += ["" if name == "first" else steps]
            seconds = as_interval(interval(run["cpu_seconds"] for run in runs), digits=2)
            lines.append([*cells, seconds if evolved else ""])
    whole, where = f"{result['measure']} of {result['episodes']} fresh episodes", "in the environment itself"
    title = f"{result['environment']}: {whole} {where}; solved from {result['target']:g}"
    found: list[Section] = [(title, HEADINGS, lines)]
    return [*found, ("The same by task", ["policy", "seeds", *tasks], apart)] if tasks else found


def _solved_after(runs: Sequence[dict[str, Any]], target: float) -> str:
    """Generations until validation first says so, of the seeds where it does."""
    first = [next((point["batch"] for point in run["curve"] if -point["score"] >= target), None) for run in runs]
    return as_interval(interval(first), digits=0)


def show(result: dict[str, Any], console: Console) -> None:
    """The table, and where the files are."""
    for title, headings, lines in sections(result):
        print_table(console, headings, lines, title)
    console.print("The unperturbed mean is tested, that of the best look at validation episodes. Steps: those of all")
    judged = f"{result['searched_by']} episodes."
    console.print(f"members in a perfect simulator; random search has as many, and judges every policy by {judged}")
    if result["workers"]:
        console.print(in_words(result["workers"]))
    typer.echo(f"{result['bench']}.png, .html, .json, trainings and brains: {result['out']}", err=True)
    if result["rows"]:
        row = result["rows"][0]
        brain = f"{result['out']}/{row['name']}-{row['runs'][0]['seed']}.brain"
        typer.echo(f"watch one: agentsim run {result['lived_in']} --brain {brain}", err=True)


def picture(result: dict[str, Any]) -> bytes:
    """A PNG: the measure of the unperturbed mean on validation episodes by steps of all members, a line a seed."""
    figure, axis = pyplot().subplots(figsize=(9, 5))
    for k, row in enumerate(result["rows"]):
        for run in row["runs"]:
            steps, found = zip(*((point["steps"], -point["score"]) for point in run["curve"]), strict=True)
            axis.plot(steps, found, color=f"C{k % 10}", linewidth=0.8, alpha=0.6)
    axis.axhline(result["target"], color="gray", linestyle=":", linewidth=1)
    axis.set_xlabel("steps of all members")
    axis.set_ylabel(f"{result['measure']} of the mean, validation episodes")
    axis.set_title(result["environment"])
    axis.grid(alpha=0.3)
    return png(figure)
