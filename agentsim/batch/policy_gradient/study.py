"""Engines of a policy gradient compared: seeds side by side, each tested on fresh episodes, beside trivial controls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from agentsim.batch import settings
from agentsim.batch.policy_gradient.cartpole import SOLVED
from agentsim.batch.policy_gradient.controls import linear_search, untrained
from agentsim.batch.policy_gradient.settings import PolicyConfig
from agentsim.batch.policy_gradient.task import TEST, PolicyLearner, PolicyTask, greedy_returns
from agentsim.batch.settings import Asked, Study
from agentsim.batch.training import Header
from agentsim.batch.trials import Check, Trial, folder_of, seeded, train_all
from agentsim.config.stamped import read_stamped
from agentsim.errors import UserError
from agentsim.runs.checkpoint import CHECKPOINT
from agentsim.studies.figure import png, pyplot
from agentsim.studies.intervals import as_interval, interval
from agentsim.studies.pages import Section, page, write
from agentsim.studies.report import print_table, report
from agentsim.studies.sweep import study_directory

MODE = PolicyConfig.mode
DEFAULTS = ("eqprop", "backprop")
VERSION = "policy gradient 1"
EPISODES = 100  # of a test
FIGURES = ("last", "best")


def run(asked: Asked) -> Study:
    """The result and what shows it. Raises UserError."""
    trials = trials_of(asked.configs or DEFAULTS, asked)
    out = study_directory(asked.out, MODE)
    swept = train_all(trials, PolicyTask, partial(figures_of, out=out), FIGURES, jobs=asked.jobs, out=out)
    rows: dict[str, dict[str, Any]] = {}
    for trial in trials:
        if trial in swept.kept:
            row = rows.setdefault(trial.name, {"name": trial.name, **_about(trial.config), "runs": []})
            row["runs"].append({"seed": trial.config.seed, **judged(swept.kept[trial], row["steps"])})
    first = [trial.config for trial in trials if trial.name == trials[0].name and trial in swept.kept]
    result = report(
        MODE,
        command=asked.command(MODE),
        out=str(out),
        episodes=EPISODES,
        solved=SOLVED,
        observation_noise=_about(trials[0].config)["observation_noise"],
        interrupted=swept.interrupted,
        failed=swept.failed,
        rows=[*rows.values()],
        differences=differences([*rows.values()]),
        controls=controls(first, rows[trials[0].name]["runs"][0]["batches"]) if first else [],
    )
    drawn = picture(result)
    write(out, MODE, result, drawn, page(f"agentsim train {MODE}", result, drawn, sections(result)))
    return result, show


def trials_of(sources: Sequence[str], asked: Asked) -> list[Trial]:
    """Every training that is asked for. Raises UserError for two configs of one name or with different noise, and what
    `load` does."""
    configs = settings.load_all(PolicyConfig, sources, asked.overrides)
    if len({config.observation_noise for config in configs.values()}) > 1:
        raise UserError("--config: these differ in observation_noise; train them by two commands")
    return seeded(configs, asked.seeds, VERSION)


def figures_of(learner: PolicyLearner, check: Check, *, out: Path) -> dict[str, Any]:
    """Greedy returns of fresh episodes: of the `best` by validation, and of the `last` network, which lies in the
    checkpoint."""
    _, arrays = read_stamped(folder_of(learner.config, out) / CHECKPOINT, Header)
    last = PolicyLearner(learner.config)
    last.load_state_dict(
        {name.removeprefix("learner."): array for name, array in arrays.items() if name.startswith("learner.")}
    )
    found = {name: greedy_returns(one, TEST, EPISODES).tolist() for name, one in (("last", last), ("best", learner))}
    check(0)
    return found


def _about(config: Any) -> dict[str, Any]:
    return {"kind": config.engine.kind, "steps": config.steps, "observation_noise": config.observation_noise}


def judged(kept: dict[str, Any], steps: int) -> dict[str, Any]:
    """A training's result with means of its returns; the area under the curve, as a mean of what validation says; and
    after how many steps that first says that it is solved."""
    points = [point for point in kept["curve"] if not point["quick"]]
    solved = [point["batch"] * steps for point in points if -point["score"] >= SOLVED]
    return {
        **kept,
        "last_return": float(np.mean(kept["last"])),
        "best_return": float(np.mean(kept["best"])),
        "area": float(np.mean([-point["score"] for point in points])),
        "solved_after": solved[0] if solved else None,
    }


def differences(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Seed by seed, of every row that settles minus every row of backprop: {name, last, best, area}, intervals."""
    found = []
    for one in rows:
        for other in rows:
            if (one["kind"], other["kind"]) == ("eqprop", "backprop"):
                baseline = {run["seed"]: run for run in other["runs"]}
                pairs = [(run, baseline[run["seed"]]) for run in one["runs"] if run["seed"] in baseline]
                of = {
                    figure: interval(mine[key] - its[key] for mine, its in pairs)
                    for figure, key in (("last", "last_return"), ("best", "best_return"), ("area", "area"))
                }
                found.append({"name": f"{one['name']} - {other['name']}", "seeds": len(pairs), **of})
    return found


def controls(configs: Sequence[Any], batches: int) -> list[dict[str, Any]]:
    """Of the same seeds, what has no gradient: rows of {name, runs: [{seed, last_return}]}."""
    known: dict[str, Callable[[Any], NDArray[np.int64]]] = {
        "random linear search": lambda config: linear_search(config, batches * config.steps, EPISODES),
        f"{configs[0].engine.kind}, untrained": lambda config: untrained(config, EPISODES),
    }
    return [
        {
            "name": name,
            "runs": [{"seed": config.seed, "last_return": float(control(config).mean())} for config in configs],
        }
        for name, control in known.items()
    ]


# --- what is shown -------------------------------------------------------------------------------------------------

HEADINGS = ["policy", "seeds", "last net", "solved", "by seed", "best net", "solved", "area", "solved after"]
HEADINGS += ["residual", "gain", "parameters", "steps", "CPU s"]


def sections(result: dict[str, Any]) -> list[Section]:
    """The table: what was trained, then the controls; and the differences. Means over seeds, with 95 % intervals."""
    lines = [_line(row) for row in result["rows"]]
    for row in result["controls"]:
        found = [run["last_return"] for run in row["runs"]]
        cells = [row["name"], str(len(found)), as_interval(interval(found)), _solved(found), _each(found)]
        lines.append([*cells, *[""] * (len(HEADINGS) - len(cells))])
    noise = f", observation noise {result['observation_noise']:g}" if result["observation_noise"] else ""
    title = f"CartPole-v1: greedy return of {result['episodes']} fresh episodes{noise}; solved from {SOLVED:.0f}"
    pairs = [
        [pair["name"], str(pair["seeds"]), *(as_interval(pair[figure]) for figure in ("last", "best", "area"))]
        for pair in result["differences"]
    ]
    paired = ("Seed by seed", ["difference", "seeds", "last net", "best net", "area"], pairs)
    return [(title, HEADINGS, lines), *([paired] if pairs else [])]


def _line(row: dict[str, Any]) -> list[str]:
    runs = row["runs"]
    last, best = ([run[key] for run in runs] for key in ("last_return", "best_return"))
    ends = [run["curve"][-1] for run in runs]
    return [
        row["name"],
        str(len(runs)),
        as_interval(interval(last)),
        _solved(last),
        _each(last),
        as_interval(interval(best)),
        _solved(best),
        as_interval(interval(run["area"] for run in runs)),
        _mean([run["solved_after"] for run in runs], ",.0f"),
        _mean([end.get("residual") for end in ends], ".1e"),
        _mean([end.get("gain") for end in ends], ".3f"),
        _mean([run["parameters"] for run in runs], ",.0f"),
        _mean([run["batches"] * row["steps"] for run in runs], ",.0f"),
        _mean([run["cpu_seconds"] for run in runs], ",.0f"),
    ]


def _solved(found: Sequence[float]) -> str:
    return f"{sum(each >= SOLVED for each in found)} of {len(found)}"


def _each(found: Sequence[float]) -> str:
    return " ".join(f"{each:.0f}" for each in found)


def _mean(values: Sequence[float | None], form: str) -> str:
    known = [value for value in values if value is not None]
    return format(sum(known) / len(known), form) if known else "-"


def show(result: dict[str, Any], console: Console) -> None:
    """The tables, and where the files are."""
    for title, headings, lines in sections(result):
        print_table(console, headings, lines, title)
    console.print("No training or validation episode begins as a test episode does. Area: mean validation return of")
    console.print("all looks. Solved after: steps until validation first says so, of the seeds where it does.")
    typer.echo(f"{MODE}.png, {MODE}.html, {MODE}.json and trainings: {result['out']}", err=True)


def picture(result: dict[str, Any]) -> bytes:
    """A PNG: greedy return on the validation episodes by environment steps, a thin line a seed, a thick one their mean
    where all were looked at alike."""
    figure, axis = pyplot().subplots(figsize=(9, 5))
    for k, row in enumerate(result["rows"]):
        curves = []
        for run in row["runs"]:
            points = [point for point in run["curve"] if not point["quick"]]
            curves.append(([point["batch"] * row["steps"] for point in points], [-point["score"] for point in points]))
            axis.plot(*curves[-1], color=f"C{k % 10}", linewidth=0.7, alpha=0.4)
        if all(steps == curves[0][0] for steps, _ in curves):
            mean = np.mean([found for _, found in curves], axis=0)
            axis.plot(curves[0][0], mean, color=f"C{k % 10}", linewidth=2, label=row["name"].replace("$", r"\$"))
    axis.axhline(SOLVED, color="gray", linestyle=":", linewidth=1)
    axis.set_xlabel("environment steps")
    axis.set_ylabel("greedy return, validation episodes")
    axis.set_title("CartPole-v1 by policy gradient")
    axis.grid(alpha=0.3)
    if axis.get_legend_handles_labels()[0]:
        axis.legend()
    return png(figure)
