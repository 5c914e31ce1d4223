"""Trainings over seeds, side by side in processes: each is kept with its figures, and gone on with where it was cut."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from agentsim.batch.settings import TrainingConfig
from agentsim.batch.training import Progress, Task, train
from agentsim.studies.sweep import Result, Sweep, sweep
from agentsim.system.hashing import short_digest
from agentsim.system.process import end_on_signals

SHARE = "done"  # file of a training's folder that says how far it is
FIGURES = ("parameters", "batches", "cpu_seconds", "curve")  # of every training

Check = Callable[[int], None]  # called now and then, ends what was interrupted; with how many more things are done


@dataclass(frozen=True, eq=False)
class Trial:
    """One training. `version`: of its figures, see sweep.Job."""

    name: str
    config: TrainingConfig
    version: str

    @property
    def words(self) -> dict[str, Any]:
        """Config and seed."""
        return {"config": self.name, "seed": self.config.seed}


AnyTrial = TypeVar("AnyTrial", bound=Trial)


def seeded(configs: Mapping[str, TrainingConfig], seeds: int, version: str) -> list[Trial]:
    """Trainings of each config by the name of its row, with its own seed and those that follow it."""
    return [
        Trial(name, config.model_copy(update={"seed": seed}), version)
        for name, config in configs.items()
        for seed in range(config.seed, config.seed + seeds)
    ]


def train_all(
    trials: Sequence[AnyTrial],
    task: Callable[[Any], Task[Any]],
    measure: Callable[[Any, Check], Result],
    figures: Collection[str],
    *,
    jobs: int,
    out: Path,
) -> Sweep[AnyTrial]:
    """Do the trainings that are missing in `out`, as `run_trial` says; Ctrl-C or SIGTERM ends it early, and the same
    call goes on. Every result has at least these `figures`. Raises UserError."""
    return sweep(
        "trainings",
        trials,
        partial(run_trial, out=out, task=task, measure=measure),
        {*FIGURES, *figures},
        jobs=min(jobs, len(trials)),
        out=out,
        part_done=partial(share_done, out=out),
    )


def run_trial(
    config: TrainingConfig,
    *,
    out: Path,
    task: Callable[[Any], Task[Any]],
    measure: Callable[[Any, Check], Result],
) -> Result | None:
    """Train, or go on with, `task(config)`, and measure; None if it was interrupted. The weights lie in the checkpoint.

    `measure(learner, check)` gives the figures, which are JSON data. Raises UserError.
    """
    folder = folder_of(config, out)
    folder.mkdir(parents=True, exist_ok=True)
    stopped: list[int] = []
    told = 0.0

    def tell(progress: Progress) -> None:
        nonlocal told
        if time.monotonic() - told > 1:
            told = time.monotonic()
            (folder / SHARE).write_text(f"{progress.done:.4f}")

    def check(_more: int) -> None:
        if stopped:
            raise KeyboardInterrupt

    try:
        with end_on_signals(stopped.append):
            trained = train(task(config), folder, on_progress=tell, stop=lambda: bool(stopped))
            check(0)
            figures = measure(trained.learner, check)
            check(0)
    except KeyboardInterrupt:
        return None
    return {
        **figures,
        "parameters": trained.learner.size,
        "batches": trained.batches,
        "cpu_seconds": trained.cpu_seconds,
        "curve": [point.model_dump() for point in trained.curve],
    }


def folder_of(config: TrainingConfig, out: Path) -> Path:
    """Where a training keeps its checkpoint, which holds its weights."""
    return out / "trainings" / f"{config.version}-{short_digest(config.model_dump_json())}"


def share_done(trial: Trial, out: Path) -> float:
    """How far a training is, 0 to 1, as it says itself."""
    with contextlib.suppress(OSError, ValueError):
        return min(1.0, float((folder_of(trial.config, out) / SHARE).read_text()))
    return 0.0
