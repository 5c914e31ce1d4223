"""GRUs by an evolution strategy: seeds side by side, beside frequencies and backprop for as much time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from agentsim.batch import settings
from agentsim.batch.evolution.sequence import Reader, SequenceTask, judged
from agentsim.batch.evolution.settings import SequenceConfig
from agentsim.batch.evolution.tokens import TEST, digest, drawn, frequencies, read, source_of
from agentsim.batch.settings import Asked, Study
from agentsim.batch.trials import Check, Trial, seeded, train_all
from agentsim.errors import UserError
from agentsim.studies.figure import png, pyplot
from agentsim.studies.intervals import as_interval, interval
from agentsim.studies.pages import Section, page, write
from agentsim.studies.report import print_table, report
from agentsim.studies.sweep import study_directory

VERSION = "sequences by evolution 1"
FIGURES = ("loss", "accuracy", "controls")
BACKPROP = "backprop, as much CPU time"


def run(asked: Asked, model: type[SequenceConfig], overrides: Sequence[str] = ()) -> Study:
    """The result and what shows it. Raises UserError."""
    sources = asked.configs or settings.names(model.mode)
    configs = settings.load_all(model, sources, [*overrides, *asked.overrides])
    trials = seeded(configs, asked.seeds, VERSION)
    for config in configs.values():
        source_of(config)
    out = study_directory(asked.out, model.mode)
    swept = train_all(trials, SequenceTask, figures_of, FIGURES, jobs=asked.jobs, out=out)
    after = [against(trial, kept["cpu_seconds"]) for trial, kept in swept.kept.items()]
    kept, failed, interrupted = dict(swept.kept), list(swept.failed), swept.interrupted
    if after and not interrupted:
        second = train_all(after, SequenceTask, figures_of, FIGURES, jobs=asked.jobs, out=out)
        kept, failed, interrupted = kept | second.kept, failed + second.failed, second.interrupted
    rows: dict[str, dict[str, Any]] = {}
    for trial in [*trials, *after]:
        if trial in kept:
            row = rows.setdefault(trial.name, {"name": trial.name, "runs": []})
            row["runs"].append({"seed": trial.config.seed, **kept[trial]})
    bits = model.mode == "text_es"
    result = report(
        model.mode,
        command=asked.command(model.mode, *["--data FILE"] * bits),
        out=str(out),
        unit="bits a byte" if bits else "nats",
        units_a_nat=1 / math.log(2) if bits else 1.0,
        bar=None if bits else model.bar,
        interrupted=interrupted,
        failed=failed,
        rows=[*rows.values()],
    )
    drawn_ = picture(result)
    write(out, model.mode, result, drawn_, page(f"agentsim train {model.mode}", result, drawn_, sections(result)))
    return result, show


def text_overrides(data: Path | None, hidden: int | None) -> list[str]:
    """What --data and --hidden say. Raises UserError."""
    if data is None:
        raise UserError("text_es: no text; name a file with --data FILE")
    content = read(data, 0)
    return [f"data={data.resolve()}", f"digest='{digest(content)}'"] + [f"hidden={hidden}"] * (hidden is not None)


def against(trial: Trial, seconds: float) -> Trial:
    """The same by backprop, for so many seconds of CPU time."""
    length = {"method": "backprop", "minutes": seconds / 60, "batches": None}
    return Trial(f"{trial.name}: {BACKPROP}", trial.config.model_copy(update=length), version=VERSION)


def figures_of(learner: Reader, check: Check) -> dict[str, Any]:
    """Cross-entropy in nats and accuracy of the test, and what frequencies come to."""
    check(0)
    config = learner.config
    source = source_of(config)
    loss, accuracy = judged(learner, source.vocabulary, drawn(config, source, TEST))
    return {"loss": loss, "accuracy": accuracy, "controls": frequencies(config, source)}


# --- what is shown -------------------------------------------------------------------------------------------------

HEADINGS = [
    "what",
    "seeds",
    "test",
    "worst",
    "accuracy %",
    "below the bar after",
    "CPU s",
    "ms a batch",
    "% of the way",
]


def sections(result: dict[str, Any]) -> list[Section]:
    """What was trained, then the controls; the share of the way is that from the unigram to backprop."""
    unit, lines, rows = result["units_a_nat"], [], result["rows"]
    ends = {row["name"]: sum(run["loss"] for run in row["runs"]) / len(row["runs"]) for row in rows}
    for row in rows:
        runs, way = row["runs"], "-"
        losses = [unit * run["loss"] for run in runs]
        if (best := ends.get(f"{row['name']}: {BACKPROP}")) is not None:
            unigram = sum(run["controls"]["unigram"] for run in runs) / len(runs)
            way = f"{100 * (unigram - ends[row['name']]) / (unigram - best):.0f}"
        lines.append(
            [
                row["name"],
                str(len(runs)),
                as_interval(interval(losses), digits=4),
                f"{max(losses):.4f}",
                as_interval(interval(run["accuracy"] for run in runs), 100, 2),
                _below(runs, result["bar"]),
                as_interval(interval(run["cpu_seconds"] for run in runs), digits=2),
                f"{sum(1e3 * run['cpu_seconds'] / run['batches'] for run in runs) / len(runs):.1f}",
                way,
            ]
        )
    runs = rows[0]["runs"] if rows else []
    for name in runs[0]["controls"] if runs else ():
        losses = [unit * run["controls"][name] for run in runs]
        lines.append([name, "", as_interval(interval(losses), digits=4), f"{max(losses):.4f}", *[""] * 5])
    return [(f"{result['bench']}: cross-entropy in {result['unit']} of what comes next", HEADINGS, lines)]


def _below(runs: Sequence[dict[str, Any]], bar: float | None) -> str:
    """Batches until validation is first below the bar, the latest of all seeds."""
    if bar is None:
        return "-"
    first = [next((point["batch"] for point in run["curve"] if point["score"] < bar), None) for run in runs]
    late = [batch for batch in first if batch is not None]
    return f"at most {max(late)}" if len(late) == len(first) else f"{len(late)} of {len(first)} seeds"


def show(result: dict[str, Any], console: Console) -> None:
    """The table, and where the files are."""
    for title, headings, lines in sections(result):
        print_table(console, headings, lines, title)
    console.print("The unperturbed mean is tested, the one of the best look at validation sequences. Frequencies are")
    console.print("counted in what is learned. % of the way: from the unigram to backprop.")
    typer.echo(f"{result['bench']}.png, .html, .json and trainings: {result['out']}", err=True)


def picture(result: dict[str, Any]) -> bytes:
    """A PNG: the validation cross-entropy by CPU time, a line a seed."""
    figure, axis = pyplot().subplots(figsize=(9, 5))
    for k, row in enumerate(result["rows"]):
        for number, run in enumerate(row["runs"]):
            seconds = [point["cpu_seconds"] for point in run["curve"]]
            scores = [result["units_a_nat"] * point["score"] for point in run["curve"]]
            axis.plot(seconds, scores, color=f"C{k % 10}", linewidth=0.8, label=None if number else row["name"])
    axis.set_yscale("log")
    axis.set_xlabel("CPU seconds")
    axis.set_ylabel(f"cross-entropy of validation, {result['unit']}")
    axis.grid(alpha=0.3)
    if result["rows"]:
        axis.legend(fontsize=7)
    return png(figure)
