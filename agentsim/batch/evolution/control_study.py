"""Evolution strategies in classic control: seeds side by side, tested in Gymnasium's own environment, beside random
search of as many steps and the best that the first generation holds."""

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
    """Returns of fresh episodes in Gymnasium's own environment: of the mean, which is written as a brain file, of the
    best by random search in as many steps, and of the best member of generation 0."""
    config = learner.config
    _, arrays = read_stamped(folder_of(config, out) / CHECKPOINT, Header)  # what is kept besides the learner
    save_policy(learner, out / f"{named[config.model_dump_json()]}-{config.seed}.brain")
    found = {"evolved": tested(config, learner.parameters, EPISODES)}
    check(0)
    searched, tried = random_search(config, int(arrays["steps"][0]))
    found |= {"searched": tested(config, searched, EPISODES)}
    check(0)
    return {**found, "first": tested(config, first_generation(config), EPISODES), "tried": tried}


# --- what is shown -------------------------------------------------------------------------------------------------

HEADINGS = ["policy", "seeds", "mean return", "solved", "by seed", "solved after generations", "million steps", "CPU s"]


def sections(result: dict[str, Any]) -> list[Section]:
    """A row for what was evolved and for what it must beat."""
    lines = []
    for row in result["rows"]:
        for name, words in NAMES.items():
            runs = row["runs"]
            means = [float(np.mean(run[name])) for run in runs]
            cells = [f"{row['name']}: {words}", str(len(means)), as_interval(interval(means))]
            cells += [f"{sum(mean >= result['target'] for mean in means)} of {len(means)}"]
            cells += [" ".join(f"{mean:.0f}" for mean in means)]
            evolved = name == "evolved"
            cells += [_solved_after(runs, result["target"]) if evolved else ""]
            steps = as_interval(interval(run["curve"][-1]["steps"] / 1e6 for run in runs), digits=2)
            cells += ["" if name == "first" else steps]
            seconds = as_interval(interval(run["cpu_seconds"] for run in runs), digits=2)
            lines.append([*cells, seconds if evolved else ""])
    title = f"{result['environment']}: return of {result['episodes']} fresh episodes in Gymnasium's own environment; "
    return [(title + f"solved from {result['target']:g}", HEADINGS, lines)]


def _solved_after(runs: Sequence[dict[str, Any]], target: float) -> str:
    """Generations until validation first says so, of the seeds where it does."""
    first = [next((point["batch"] for point in run["curve"] if -point["score"] >= target), None) for run in runs]
    return as_interval(interval(first), digits=0)


def show(result: dict[str, Any], console: Console) -> None:
    """The table, and where the files are."""
    for title, headings, lines in sections(result):
        print_table(console, headings, lines, title)
    console.print("The unperturbed mean is tested, that of the best look at validation episodes. Steps: those of all")
    console.print("members in a perfect simulator; random search has as many, and judges every policy by 5 episodes.")
    typer.echo(f"{result['bench']}.png, .html, .json, trainings and brains: {result['out']}", err=True)
    if result["rows"]:
        run = result["rows"][0]
        typer.echo(f"watch one: agentsim run {_world(result)} --brain {result['out']}/{run['name']}-0.brain", err=True)


def _world(result: dict[str, Any]) -> str:
    return {"CartPole-v1": "cartpole", "Acrobot-v1": "acrobot"}.get(result["environment"], "mountain-car")


def picture(result: dict[str, Any]) -> bytes:
    """A PNG: return of the unperturbed mean on validation episodes by steps of all members, a line a seed."""
    figure, axis = pyplot().subplots(figsize=(9, 5))
    for k, row in enumerate(result["rows"]):
        for run in row["runs"]:
            steps, found = zip(*((point["steps"], -point["score"]) for point in run["curve"]), strict=True)
            axis.plot(steps, found, color=f"C{k % 10}", linewidth=0.8, alpha=0.6)
    axis.axhline(result["target"], color="gray", linestyle=":", linewidth=1)
    axis.set_xlabel("steps of all members")
    axis.set_ylabel("return of the mean, validation episodes")
    axis.set_title(result["environment"])
    axis.grid(alpha=0.3)
    return png(figure)
