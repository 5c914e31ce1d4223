"""Digits two at a time, over seeds: what stands in for old images, compared, beside what needs no net."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import typer
from rich.console import Console
from threadpoolctl import threadpool_limits

from agentsim.batch import settings
from agentsim.batch.digits.images import CLASSES, Images, split_of
from agentsim.batch.dream.task import by_label, recognition
from agentsim.batch.settings import Asked, Study
from agentsim.batch.split.settings import TASKS, SplitConfig
from agentsim.batch.split.task import EACH, RANK, SplitLearner, SplitTask
from agentsim.batch.trials import Check, Trial, seeded, train_all
from agentsim.errors import UserError
from agentsim.studies.figure import png, pyplot
from agentsim.studies.intervals import as_interval, interval
from agentsim.studies.pages import Section, page, write
from agentsim.studies.report import print_table, report
from agentsim.studies.sweep import study_directory

MODE = SplitConfig.mode
DEFAULTS, DEFAULT_REPLAYS = ("mnist",), ("dream", "gaussian", "none")
VERSION = "split 1"
FIGURES = ("accuracy", "recall", "rightly", "forgetting", "bytes")


def run(asked: Asked, replays: Sequence[str], data_dir: Path | None) -> Study:
    """The result and what shows it. Raises UserError."""
    trials = trials_of(asked.configs or DEFAULTS, replays, asked)
    config: SplitConfig = trials[0].config  # type: ignore[assignment]
    split = split_of(config.data, data_dir)
    out = study_directory(asked.out, MODE)
    task, measure = partial(SplitTask, data_dir=data_dir), partial(figures_of, test=split.test)
    with threadpool_limits(1):  # numpy's: CPU seconds are those of one thread, in this process too
        swept = train_all(trials, task, measure, FIGURES, jobs=asked.jobs, out=out)
        images = [own.first(config.most) for own in by_label(split.train)]
        beside = [] if swept.interrupted else controls(images, split.test)
    rows: dict[str, dict[str, Any]] = {}
    for trial in trials:
        if trial in swept.kept:
            row = rows.setdefault(trial.name, {"name": trial.name, "runs": []})
            row["runs"].append({"seed": trial.config.seed, **swept.kept[trial]})
    result = report(
        MODE,
        command=asked.command(MODE, *(f"--replay {replay}" for replay in replays)),
        out=str(out),
        data=config.data,
        interrupted=swept.interrupted,
        failed=swept.failed,
        rows=[*rows.values()],
        controls=beside,
    )
    drawn = picture(result)
    write(out, MODE, result, drawn, page(f"agentsim train {MODE}", result, drawn, sections(result)))
    return result, show


def trials_of(sources: Sequence[str], replays: Sequence[str], asked: Asked) -> list[Trial]:
    """Every training that is asked for. Raises UserError for two rows of one name or of different data, and what
    `load` does."""
    found: dict[str, SplitConfig] = {}
    for source in sources:
        for replay in replays:
            config = settings.load(SplitConfig, source, [*asked.overrides, f"replay={replay}"])
            name = f"{Path(source).stem}, {replay}"
            if name in found:
                raise UserError(f"{name}: the table has another row of that name; rename the file, or ask once")
            found[name] = config
    if len({(config.data, config.most) for config in found.values()}) > 1:
        raise UserError("--config: these are on different images; train them by two commands")
    return seeded(found, asked.seeds, VERSION)


def figures_of(learner: SplitLearner, check: Check, *, test: Images) -> dict[str, Any]:
    """The one look at the test set: `accuracy` and `recall` of each label; what was named `rightly` of the validation
    images of each task after each task, what of it was forgotten, and how many bytes were kept from task to task."""
    check(0)
    return {
        "accuracy": recognition(learner.net, test),
        "recall": [recognition(learner.net, own) for own in by_label(test)],
        "rightly": learner.rightly.tolist(),
        "forgetting": forgetting(learner.rightly),
        "bytes": kept_bytes(learner),
    }


def forgetting(rightly: Any) -> float:
    """The mean, over all tasks but the last, of the best that was ever named rightly minus what is in the end
    (A. Chaudhry et al., ECCV 2018); of (tasks, tasks), a row after each task."""
    return float((rightly[:, :-1].max(axis=0) - rightly[-1, :-1]).mean())


def kept_bytes(learner: SplitLearner) -> int:
    """What the last task begins with, at ten labels: parameters and mean images of four bytes a number, chains of a bit
    a pixel; and beside the net a Gaussian's mean and components, or real images of a byte a pixel."""
    net, config = learner.net, learner.config
    count, chains, size = net.chains.shape
    beside = {"gaussian": 4 * (RANK + 1) * size * count, "real": config.replayed // 2 * size * count}
    return 4 * (net.size + net.means.size) + count * chains * size // 8 + beside.get(config.replay, 0)


def controls(images: Sequence[Images], test: Images) -> list[dict[str, Any]]:
    """What is a sum over the images of a label, or of all, and so forgets nothing, whatever the order; of the same
    images and the same test set: {name, accuracy, bytes}."""
    means = np.stack([own.flat.mean(axis=0, dtype=np.float64) for own in images])
    labels, size = means.shape
    scatter = np.stack([np.cov(own.flat.T, bias=True) for own in images])
    shared = scatter.mean(axis=0) + 1e-2 * np.eye(size)
    found = [
        ("nearest mean image", _linear(means, np.eye(size)), 4 * labels * size),
        ("one Gaussian, means a label (LDA)", _linear(means, shared), 4 * size * (labels + size)),
        (
            "a Gaussian a label",
            [_density(*each) for each in zip(means, scatter, strict=True)],
            4 * labels * size * (1 + size),
        ),
    ]
    x = test.flat.astype(np.float64)
    return [
        {
            "name": name,
            "accuracy": float((np.stack([score(x) for score in scores], 1).argmax(1) == test.labels).mean()),
            "bytes": count,
        }
        for name, scores, count in found
    ]


def _linear(means: Any, covariance: Any) -> list[Any]:
    directions = np.linalg.solve(covariance, means.T).T
    return [
        lambda x, mean=mean, towards=towards: (x - mean / 2) @ towards
        for mean, towards in zip(means, directions, strict=True)
    ]


def _density(mean: Any, covariance: Any) -> Any:
    whole = covariance + 0.05 * np.eye(len(mean))
    inverse, volume = np.linalg.inv(whole), np.linalg.slogdet(whole)[1]
    return lambda x: -(((x - mean) @ inverse) * (x - mean)).sum(1) - volume


# --- what is shown -------------------------------------------------------------------------------------------------

HEADINGS = [
    "learned, replayed",
    "seeds",
    "test %",
    "by seed",
    "worst label %",
    "forgotten %",
    "kept, MB",
    "anew",
    "CPU s",
]


def sections(result: dict[str, Any]) -> list[Section]:
    """The table: nets, then what needs none. Means over seeds, with 95 % intervals."""
    lines = [_line(row) for row in result["rows"]]
    for row in result["controls"]:
        kept = f"{row['bytes'] / 1e6:.2f}"
        lines.append([row["name"], "", f"{100 * row['accuracy']:.2f}", "", "", "", kept, "", ""])
    return [(f"{result['data']}, {EACH} labels at a time: the test set after all {TASKS} tasks", HEADINGS, lines)]


def _line(row: dict[str, Any]) -> list[str]:
    runs = row["runs"]
    return [
        row["name"],
        str(len(runs)),
        as_interval(interval(run["accuracy"] for run in runs), 100, 2),
        " ".join(f"{100 * run['accuracy']:.2f}" for run in runs),
        as_interval(interval(min(run["recall"]) for run in runs), 100, 1),
        as_interval(interval(run["forgetting"] for run in runs), 100, 1),
        f"{np.mean([run['bytes'] for run in runs]) / 1e6:.2f}",
        f"{sum(run['curve'][-1]['restarts'] for run in runs):.0f}",
        f"{np.mean([run['cpu_seconds'] for run in runs]):,.0f}",
    ]


def show(result: dict[str, Any], console: Console) -> None:
    """The table, and where the files are."""
    for title, headings, lines in sections(result):
        print_table(console, headings, lines, title)
    console.print(
        "Forgotten: of the validation images of earlier tasks, the best that ever was minus what is in the end."
    )
    console.print("Anew: pools that collapsed and began again. The test set is looked at once, after the last task.")
    typer.echo(f"{MODE}.png, {MODE}.html, {MODE}.json and trainings: {result['out']}", err=True)


def picture(result: dict[str, Any]) -> bytes:
    """A PNG: for each row, the validation images of each task after each task; and the test set by label."""
    rows = result["rows"]
    figure, axes = pyplot().subplots(1, len(rows) + 1, figsize=(4 * (len(rows) + 1), 4), squeeze=False)
    for axis, row in zip(axes[0], rows, strict=False):
        rightly = np.mean([run["rightly"] for run in row["runs"]], axis=0)
        for task in range(TASKS):
            axis.plot(range(task + 1, TASKS + 1), 100 * rightly[task:, task], marker="o", label=f"task {task + 1}")
        axis.set_title(row["name"].replace("$", r"\$"))
        axis.set_xlabel("tasks learned")
        axis.set_ylabel("validation images named rightly, %")
        axis.legend(fontsize="small")
    for k, row in enumerate(rows):
        recall = 100 * np.mean([run["recall"] for run in row["runs"]], axis=0)
        axes[0][-1].plot(range(CLASSES), recall, marker="o", color=f"C{k % 10}", label=row["name"].replace("$", r"\$"))
    axes[0][-1].set_xlabel("label")
    axes[0][-1].set_ylabel("test images named rightly, %")
    if rows:
        axes[0][-1].legend(fontsize="small")
    return png(figure)
