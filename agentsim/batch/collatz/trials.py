"""V's trained over seeds, side by side in processes, with the closed forms at the same lookahead in the same table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from agentsim.batch import trials as batch_trials
from agentsim.batch.collatz import evaluation, study
from agentsim.batch.collatz.learner import Learner
from agentsim.batch.collatz.settings import CollatzConfig
from agentsim.batch.collatz.tables import Row
from agentsim.batch.collatz.task import CollatzTask
from agentsim.batch.trials import Check, train_all

FIGURES = ("margins", "orbits", "violations", "passed", "histogram")
MOST_WORK = 1e12  # numbers times parameters: a larger set is not measured, it would take longer than the training


@dataclass(frozen=True, eq=False)
class Trial(batch_trials.Trial):
    """One training. `of` is the config that a feature group was taken from, and `without` that group, or both empty."""

    config: CollatzConfig
    version: str = "collatz 2"
    of: str = ""
    without: str = ""

    @property
    def words(self) -> dict[str, Any]:
        """Config, lookahead and seed."""
        return {"config": self.name, "L": self.config.lookahead, "seed": self.config.seed}


def figures_of(learner: Learner, check: Check, *, numbers: tuple[int, ...] | None) -> dict[str, Any]:
    """The figures of what was trained, with its margins, and on the large sets where that does not take too long."""
    potential, lookahead = learner.potential, learner.lookahead
    figures, margins = study.figures(potential, lookahead, evaluation.test_set(lookahead, numbers))
    for name, make in study.LARGE_SETS.items():
        large = make()
        if len(large) * learner.size <= MOST_WORK:
            figures[name] = evaluation.violations({"V": (potential, lookahead)}, large, check)["V"]
    return {**figures, "margins": margins.tolist()}


def measure(
    trials: Sequence[Trial], numbers: tuple[int, ...] | None, *, command: str, jobs: int, out: Path
) -> dict[str, Any]:
    """Train what is missing in `out`, and put it into tables with the closed forms. After Ctrl-C: what is there.

    Writes collatz.png, collatz.html, collatz.json and margins.csv. Raises UserError.
    """
    swept = train_all(trials, CollatzTask, partial(figures_of, numbers=numbers), FIGURES, jobs=jobs, out=out)
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
