"""V's trained over seeds, side by side in processes, with the closed forms at the same lookahead in the same table."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from agentsim.batch.collatz import evaluation, study
from agentsim.batch.collatz.settings import CollatzConfig
from agentsim.batch.collatz.tables import Row
from agentsim.batch.collatz.training import Progress, train
from agentsim.studies.sweep import sweep
from agentsim.system.hashing import short_digest
from agentsim.system.process import end_on_signals

FIGURES = ("margins", "orbits", "violations", "passed", "histogram", "parameters", "batches", "cpu_seconds")
MOST_WORK = 1e12  # numbers times parameters: a larger set is not measured, it would take longer than the training
TRAINING = 1  # counts up when the same config trains to something else
SHARE = "done"  # file of a training's folder that says how far it is


@dataclass(frozen=True, eq=False)
class Trial:
    """One training. `of` is the config that a feature group was taken from, and `without` that group, or both empty."""

    name: str
    config: CollatzConfig
    of: str = ""
    without: str = ""
    version: str = "collatz 2"

    @property
    def words(self) -> dict[str, Any]:
        """Config, lookahead and seed."""
        return {"config": self.name, "L": self.config.lookahead, "seed": self.config.seed}


def folder_of(config: CollatzConfig, out: Path) -> Path:
    """Where a training keeps its checkpoint, which holds its weights."""
    return out / "trainings" / f"{TRAINING}-{short_digest(config.model_dump_json())}"


def run_trial(config: CollatzConfig, out: Path, numbers: tuple[int, ...] | None) -> dict[str, Any] | None:
    """Train, or go on, and measure; None if it was interrupted. The weights lie in the checkpoint.

    Raises UserError.
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

    def end_early(_done: int) -> None:
        if stopped:
            raise KeyboardInterrupt

    try:
        with end_on_signals(stopped.append):
            trained = train(config, folder, on_progress=tell, stop=lambda: bool(stopped))
            end_early(0)
            test = evaluation.test_set(config.lookahead, numbers)
            potential = trained.learner.potential
            figures, margins = study.figures(potential, config.lookahead, test)
            for name, make in study.LARGE_SETS.items():
                large = make()
                if len(large) * trained.learner.size <= MOST_WORK:
                    counts = evaluation.violations({"V": (potential, config.lookahead)}, large, end_early)
                    figures[name] = counts["V"]
            end_early(0)
    except KeyboardInterrupt:
        return None
    return {
        **figures,
        "margins": margins.tolist(),
        "parameters": trained.learner.size,
        "batches": trained.batches,
        "cpu_seconds": trained.cpu_seconds,
        "curve": [point.model_dump() for point in trained.curve],
    }


def share_done(trial: Trial, out: Path) -> float:
    """How far a training is, 0 to 1, as it says itself."""
    with contextlib.suppress(OSError, ValueError):
        return min(1.0, float((folder_of(trial.config, out) / SHARE).read_text()))
    return 0.0


def measure(
    trials: Sequence[Trial], numbers: tuple[int, ...] | None, *, command: str, jobs: int, out: Path
) -> dict[str, Any]:
    """Train what is missing in `out`, and put it into tables with the closed forms. After Ctrl-C: what is there.

    Writes collatz.png, collatz.html, collatz.json and margins.csv. Raises UserError.
    """
    swept = sweep(
        "trainings",
        trials,
        partial(run_trial, out=out, numbers=numbers),
        FIGURES,
        jobs=min(jobs, len(trials)),
        out=out,
        part_done=partial(share_done, out=out),
    )
    lookaheads = sorted({trial.config.lookahead for trial in trials})
    test = evaluation.test_set(lookaheads[-1], numbers)
    rows, margins = study.closed_forms(lookaheads, test, large=not swept.interrupted)  # who interrupts is in a hurry
    trained: dict[tuple[str, int], Row] = {}
    for trial in trials:
        if trial not in swept.kept:
            continue
        key = (trial.name, trial.config.lookahead)
        row = trained.get(key)
        if row is None:
            row = trained[key] = {"lookahead": key[1], "name": key[0], "kind": "trained", "runs": []}
            row |= {"of": trial.of, "without": trial.without} if trial.without else {}
            rows.append(row)
        found = dict(swept.kept[trial])
        margins[f"{key[1]} {key[0]} seed {trial.config.seed}"] = np.array(found.pop("margins"))
        row["runs"].append(found)
    failed = swept.failed
    return study.written(
        rows, margins, test, numbers, command=command, out=out, interrupted=swept.interrupted, failed=failed
    )
