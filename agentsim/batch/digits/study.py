"""Trainings on images compared: seeds side by side, each looked at once on the test set, beside trivial controls."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import typer
from rich.console import Console

from agentsim.batch import settings
from agentsim.batch.digits.exported import save_brain
from agentsim.batch.digits.figures import picture
from agentsim.batch.digits.images import CLASSES, PIXELS, Split, split_of
from agentsim.batch.digits.learners import ImageLearner, learner_of
from agentsim.batch.digits.settings import DigitsConfig, MnistConfig
from agentsim.batch.digits.stepping import SteppingLearner
from agentsim.batch.digits.task import ImagesTask
from agentsim.batch.settings import Asked, Study
from agentsim.batch.trials import Check, Trial, folder_of, seeded, train_all
from agentsim.errors import UserError
from agentsim.studies.intervals import as_interval, interval
from agentsim.studies.pages import Section, page, write
from agentsim.studies.report import print_table, report
from agentsim.studies.sweep import study_directory
from agentsim.system.files import write_whole

DEFAULTS = {"digits": ("eqprop", "backprop"), "mnist": ("eqprop", "backprop")}
VERSION = "images 1"
FIGURES = ("accuracy", "confusion", "settling")
BRAIN = "net.brain"  # of a training's folder
SETTLING_SWEEPS = 30  # of the image whose settling is drawn
AnyImages = type[DigitsConfig] | type[MnistConfig]


def run(asked: Asked, model: AnyImages, data_dir: Path | None) -> Study:
    """The result and what shows it. Raises UserError."""
    mode = model.mode
    sources = asked.configs or DEFAULTS[mode]
    trials = trials_of(sources, asked, model)
    return compare(trials, asked, mode, asked.command(mode), data_dir), show


def compare(trials: Sequence[Trial], asked: Asked, name: str, command: str, data_dir: Path | None) -> dict[str, Any]:
    """Do the trainings that are missing; the result, once it lies in --out as NAME.png, .html and .json. Raises
    UserError."""
    splits = {trial.config.data: split_of(trial.config.data, data_dir) for trial in trials}  # type: ignore[attr-defined]
    out = study_directory(asked.out, name)
    task = partial(ImagesTask, data_dir=data_dir)
    measure = partial(figures_of, splits=splits, out=out)
    swept = train_all(trials, task, measure, FIGURES, jobs=asked.jobs, out=out)
    rows: dict[str, dict[str, Any]] = {}
    for trial in trials:
        if trial in swept.kept:
            row = rows.setdefault(trial.name, {"name": trial.name, "kind": trial.config.network.kind, "runs": []})  # type: ignore[attr-defined]
            row["runs"].append({"seed": trial.config.seed, **swept.kept[trial]})
            keep_brain(trial, out)
    data = next(iter(splits))
    result = report(
        name,
        command=command,
        out=str(out),
        data=data,
        sizes={part: len(getattr(splits[data], part)) for part in ("train", "validation", "test")},
        controls=controls(splits[data]),
        interrupted=swept.interrupted,
        failed=swept.failed,
        rows=[*rows.values()],
    )
    drawn = picture(result)
    write(out, name, result, drawn, page(command, result, drawn, sections(result)))
    return result


def trials_of(sources: Sequence[str], asked: Asked, model: AnyImages) -> list[Trial]:
    """Every training that is asked for. Raises UserError for two configs of one name, for what cannot be built, and
    what `load` does."""
    configs = settings.load_all(model, sources, asked.overrides)
    for name, config in configs.items():
        try:
            learner_of(config, PIXELS[config.data])
        except ValueError as error:
            raise UserError(f"--config {name}: {error}; give network.transformer.patch a divisor of that") from error
        except (RuntimeError, MemoryError) as error:
            raise UserError(f"--config {name}: cannot be built: {str(error)[:200]}; give fewer units") from error
    if len({config.data for config in configs.values()}) > 1:
        raise UserError("--config: these are on different data; train them by two commands")
    return seeded(configs, asked.seeds, VERSION)


def figures_of(
    learner: ImageLearner | SteppingLearner, check: Check, *, splits: dict[str, Split], out: Path
) -> dict[str, Any]:
    """The one look at the test set: `accuracy`, the `confusion` of classes (true, said); and, of a network that
    settles, the energy of one test image sweep by sweep. What can be a brain becomes a brain file."""
    test = splits[learner.config.data].test  # type: ignore[attr-defined]
    said = learner.scores(test).argmax(1)
    confusion = np.zeros((CLASSES, CLASSES), int)
    np.add.at(confusion, (test.labels, said), 1)
    save_brain(learner, folder_of(learner.config, out) / BRAIN, f"{learner.config.network.kind}-{learner.config.seed}")
    return {
        "accuracy": float((said == test.labels).mean()),
        "confusion": confusion.tolist(),
        "settling": learner.settling(test.first(1), SETTLING_SWEEPS),
    }


def keep_brain(trial: Trial, out: Path) -> None:
    """Have a training's brain file beside the tables, as CONFIG-SEED.brain."""
    made = folder_of(trial.config, out) / BRAIN
    if made.exists():
        name = "".join(letter if letter.isalnum() or letter in "-._" else "_" for letter in trial.name)
        write_whole(out / f"{name}-{trial.config.seed}.brain", made.read_bytes())


def controls(split: Split) -> dict[str, float]:
    """What needs no network, on the same test set: the commonest class, the nearest mean of a class, and a linear
    softmax regression by scikit-learn, on at most 10,000 training images."""
    from sklearn.linear_model import LogisticRegression

    train, test = split.train, split.test
    commonest = np.bincount(train.labels).argmax()
    means = np.stack([train.flat[train.labels == label].mean(axis=0) for label in range(CLASSES)])
    nearest = (test.flat @ means.T - (means**2).sum(axis=1) / 2).argmax(axis=1)
    few = train.first(10_000)
    regression = LogisticRegression(C=0.1, max_iter=200).fit(few.flat, few.labels)
    return {
        "the commonest class": float((test.labels == commonest).mean()),
        "nearest class mean": float((test.labels == nearest).mean()),
        f"softmax regression on {len(few):,} images": float(regression.score(test.flat, test.labels)),
    }


# --- what is shown -------------------------------------------------------------------------------------------------

HEADINGS = ["trained", "seeds", "test %", "validation %", "by seed", "loss", "energy", "nudged", "residual", "sweeps"]
OF_LAST = {"loss": ".4f", "energy": ".3f", "nudged_energy": ".3f", "residual": ".1e", "sweeps": ".0f"}
OF_LAST |= {"gain": ".3f", "contraction": ".3f", "withheld": ".0f", "two_cycles": ".3f"}
HEADINGS += ["gain", "sqrt(gain) sigma", "withheld", "two-cycles", "parameters", "batches", "CPU s", "ms a batch"]


def sections(result: dict[str, Any]) -> list[Section]:
    """The table: trained networks, then the controls. Means over seeds, with 95 % intervals."""
    lines = [_line(row) for row in result["rows"]]
    blank = [""] * (len(HEADINGS) - 3)
    lines += [[name, "", f"{100 * accuracy:.2f}", *blank] for name, accuracy in result["controls"].items()]
    sizes = result["sizes"]
    title = f"{result['data']}: {sizes['train']:,} images learned, {sizes['validation']:,} to choose by, "
    return [(title + f"{sizes['test']:,} tested on", HEADINGS, lines)]


def _line(row: dict[str, Any]) -> list[str]:
    runs = row["runs"]
    best = [min(point["score"] for point in run["curve"] if not point["quick"]) for run in runs]
    last = [run["curve"][-1] for run in runs]
    figures = [_mean([point.get(name) for point in last], digits) for name, digits in OF_LAST.items()]
    return [
        row["name"],
        str(len(runs)),
        as_interval(interval(run["accuracy"] for run in runs), 100, 2),
        as_interval(interval(1 - score for score in best), 100, 2),
        " ".join(f"{100 * run['accuracy']:.2f}" for run in runs),
        *figures,
        _mean([run["parameters"] for run in runs], ",.0f"),
        _mean([run["batches"] for run in runs], ",.0f"),
        _mean([run["cpu_seconds"] for run in runs], ",.0f"),
        _mean([1e3 * run["cpu_seconds"] / run["batches"] for run in runs], ".2f"),
    ]


def _mean(values: Sequence[float | None], form: str) -> str:
    known = [value for value in values if value is not None]
    return format(sum(known) / len(known), form) if known else "-"


def show(result: dict[str, Any], console: Console) -> None:
    """The table, and where the files are."""
    for title, headings, lines in sections(result):
        print_table(console, headings, lines, title)
    mode = result["bench"]
    console.print("The test set is looked at once, by what was best on the validation set, which is never learned.")
    typer.echo(f"{mode}.png, {mode}.html, {mode}.json, brain files and trainings: {result['out']}", err=True)
