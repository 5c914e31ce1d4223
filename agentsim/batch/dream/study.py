"""Nets that dream, over seeds: what their dreams are worth beside a Gaussian's draws and real images."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import typer
from rich.console import Console
from threadpoolctl import threadpool_limits

from agentsim.batch import settings
from agentsim.batch.digits.images import CLASSES, Images, split_of
from agentsim.batch.dream.figures import picture
from agentsim.batch.dream.judging import (
    JUDGE_SEED,
    JUDGE_UPDATES,
    Classifier,
    accuracy,
    classifier,
    diversity,
    gaussian,
    nearest,
    shares,
    worth,
)
from agentsim.batch.dream.kept import write_net
from agentsim.batch.dream.settings import DreamConfig
from agentsim.batch.dream.task import DreamLearner, DreamTask, halves, recognition, stacked
from agentsim.batch.settings import Asked, Study
from agentsim.batch.trials import Check, Trial, folder_of, seeded, train_all
from agentsim.config.brain_file import SUFFIX
from agentsim.errors import UserError
from agentsim.studies.intervals import as_interval, interval
from agentsim.studies.pages import Section, page, write
from agentsim.studies.report import print_table, report
from agentsim.studies.sweep import study_directory
from agentsim.system.files import write_whole
from brains.brain import Float
from brains.eqprop.dream import bernoulli, gibbs

MODE = DreamConfig.mode
DEFAULTS = ("digits",)
VERSION = "dream 2"
NET = f"net{SUFFIX}"  # of a training's folder
RANK = 40  # of the smaller Gaussian
SHIFTED = ("mnist", "fashion-mnist")  # 8 x 8 digits are too small to be moved by a pixel
SHOWN = 10  # of each label, in the picture
WORTH = ("judge", "worst", "diversity", "nearest", "classifier", "classifier_shifted")
FIGURES = ("recognition", "nearest_once", "dreams", *WORTH)


def run(asked: Asked, data_dir: Path | None) -> Study:
    """The result and what shows it. Raises UserError."""
    trials = trials_of(asked.configs or DEFAULTS, asked)
    data = trials[0].config.data  # type: ignore[attr-defined]
    split = split_of(data, data_dir)
    out = study_directory(asked.out, MODE)
    task, measure = partial(DreamTask, data_dir=data_dir), partial(figures_of, data_dir=data_dir, out=out)
    with threadpool_limits(1):  # numpy's and torch's: CPU seconds are those of one thread, in this process too
        swept = train_all(trials, task, measure, FIGURES, jobs=asked.jobs, out=out)
        count = trials[0].config.dreams  # type: ignore[attr-defined]
        beside = [] if swept.interrupted or not swept.kept else controls(data, data_dir, count)
    rows: dict[str, dict[str, Any]] = {}
    for trial in trials:
        if trial in swept.kept:
            row = rows.setdefault(trial.name, {"name": trial.name, "runs": []})
            row["runs"].append({"seed": trial.config.seed, **swept.kept[trial]})
            keep_net(trial, out)
    result = report(
        MODE,
        command=asked.command(MODE),
        out=str(out),
        data=data,
        shape=list(split.test.pixels.shape[1:]),
        sizes={"net": len(halves(data, data_dir)[0]), "judge": len(halves(data, data_dir)[1]), "test": len(split.test)},
        interrupted=swept.interrupted,
        failed=swept.failed,
        rows=[*rows.values()],
        controls=beside,
    )
    drawn = picture(result)
    write(out, MODE, result, drawn, page(f"agentsim train {MODE}", result, drawn, sections(result)))
    return result, show


def trials_of(sources: Sequence[str], asked: Asked) -> list[Trial]:
    """Every training that is asked for. Raises UserError for two configs of one name or of different data, and what
    `load` does."""
    configs = settings.load_all(DreamConfig, sources, asked.overrides)
    if len({config.data for config in configs.values()}) > 1:
        raise UserError("--config: these are on different data; train them by two commands")
    return seeded(configs, asked.seeds, VERSION)


def figures_of(learner: DreamLearner, check: Check, *, data_dir: Path | None, out: Path) -> dict[str, Any]:
    """The one look at the test set: how many of it are recognised, what dreams are `worth`, how near to what was
    learned its images come once the net has seen and drawn them; and some dreams. The net is kept as a file."""
    config = learner.config
    test = split_of(config.data, data_dir).test
    own, _ = halves(config.data, data_dir)
    write_net(folder_of(config, out) / NET, learner, *test.pixels.shape[1:])
    dreams = learner.dreams(config.dreams)
    check(1)
    found = worth(dreams, judge(config.data, data_dir), own.flat, test, shifts=config.data in SHIFTED)
    return {
        "recognition": recognition(learner, test),
        **found,
        "nearest_once": nearest(once(learner, test), own.flat),
        "dreams": some(dreams),
    }


def once(learner: DreamLearner, test: Images) -> Float:
    """Test images (N, D) after one step of their labels' pools: as smooth as dreams are, and no copies."""
    chance = np.random.Generator(np.random.SFC64(learner.config.seed))
    found = gibbs(learner.average, bernoulli(stacked(test, len(test)), chance), chance)
    return found.reshape(-1, found.shape[2])


@cache
def judge(data: str, data_dir: Path | None) -> Classifier:
    """What learned the other half of the training images."""
    other = halves(data, data_dir)[1]
    return classifier(other.flat, other.labels, JUDGE_UPDATES, JUDGE_SEED)


def controls(data: str, data_dir: Path | None, count: int) -> list[dict[str, Any]]:
    """What knows nothing of energies, `count` images a label: draws of a Gaussian a label, and the real images, of
    which the classifier learns some that the net learned, and the test set stands for the rest."""
    test = split_of(data, data_dir).test
    own, _ = halves(data, data_dir)
    score = partial(worth, judge=judge(data, data_dir), known=own.flat, test=test, shifts=data in SHIFTED)
    rows = []
    for name, rank in ((f"a Gaussian a label, rank {RANK}", RANK), ("a Gaussian a label, full", None)):
        chance = np.random.default_rng(0)
        places = [own.flat[own.labels == label] for label in range(CLASSES)]
        drawn = np.stack([gaussian(images, count, rank, chance) for images in places])
        rows.append({"name": name, **score(drawn), "dreams": some(drawn)})
    held = stacked(test, count)
    found = shares(judge(data, data_dir), held)
    instead = {"judge": accuracy(judge(data, data_dir), test), "worst": float(found.min())}
    instead |= {"diversity": diversity(held), "nearest": nearest(test.flat, own.flat)}
    real = score(stacked(own, count)) | instead
    return [*rows, {"name": "real images", **real, "dreams": some(held)}]


def some(images: Float) -> list[list[list[int]]]:
    """A few of each label, (labels, SHOWN, pixels) of 0 to 255."""
    return np.rint(255 * images[:, :SHOWN]).astype(int).tolist()


def keep_net(trial: Trial, out: Path) -> None:
    """Have a training's net beside the tables, as CONFIG-SEED.brain."""
    name = "".join(letter if letter.isalnum() or letter in "-._" else "_" for letter in trial.name)
    write_whole(out / f"{name}-{trial.config.seed}{SUFFIX}", (folder_of(trial.config, out) / NET).read_bytes())


# --- what is shown -------------------------------------------------------------------------------------------------

HEADINGS = ["images of", "seeds", "recognised %", "judge %", "worst class %", "diversity", "nearest", "test, one step"]
HEADINGS += ["classifier %", "shifted too %", "anew", "parameters", "batches", "CPU s"]
SHARES = ("recognition", "judge", "worst", "classifier", "classifier_shifted")  # else distances


def sections(result: dict[str, Any]) -> list[Section]:
    """The table: nets, then what needs none. Means over seeds, with 95 % intervals."""
    lines = []
    for row in [*result["rows"], *result["controls"]]:
        runs = row.get("runs", [row])
        names = ("recognition", *WORTH[:4], "nearest_once", *WORTH[4:])
        cells = [_cell(name, [run.get(name) for run in runs]) for name in names]
        about = ["", "", "", ""]
        if "runs" in row:
            about = [f"{sum(run['curve'][-1]['restarts'] for run in runs):.0f}"]
            about += [
                f"{np.mean([run[name] for run in runs]):,.0f}" for name in ("parameters", "batches", "cpu_seconds")
            ]
        lines.append([row["name"], str(len(runs)) if "runs" in row else "", *cells, *about])
    sizes = result["sizes"]
    title = f"{result['data']}: {sizes['net']:,} images learned, {sizes['judge']:,} others by the judge, "
    return [(title + f"{sizes['test']:,} tested on", HEADINGS, lines)]


def _cell(name: str, values: Sequence[float | None]) -> str:
    return as_interval(interval(values), 100 if name in SHARES else 1, 2)


def show(result: dict[str, Any], console: Console) -> None:
    """The table, and where the files are."""
    for title, headings, lines in sections(result):
        print_table(console, headings, lines, title)
    console.print("Judge: a perceptron that learned other images names these. Diversity: mean distance of two of a")
    console.print(
        "label. Nearest: mean distance to the nearest image learned; test, one step: of test images after one"
    )
    console.print("step of the net, as smooth as dreams. Classifier: has seen these alone, and names the test set.")
    console.print("Anew: pools that collapsed and began again. The test set is looked at once, by the last net.")
    typer.echo(f"{MODE}.png, {MODE}.html, {MODE}.json, nets and trainings: {result['out']}", err=True)
    if result["rows"]:
        typer.echo(f"see them form: agentsim dream --label all --out dreams.gif --from {result['out']}", err=True)
