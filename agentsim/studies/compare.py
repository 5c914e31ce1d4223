"""`agentsim compare`: several runs side by side, read from the metrics in their run directories."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from agentsim.config import located_yaml
from agentsim.config.validation import first_problem
from agentsim.errors import UserError
from agentsim.loop.commands import StampedCommand, SwapBrain
from agentsim.loop.metrics import Metrics
from agentsim.loop.telemetry import SCORE_TICKS
from agentsim.runs.directory import COMMANDS, CONFIG, METRICS, RESULT, read_lines
from agentsim.studies import report
from agentsim.studies.figure import pyplot, save
from agentsim.system.output import as_number, as_percent

CURVES = {  # column of metrics.jsonl -> label of its axis
    "accuracy": "decision accuracy",
    "score": "task score (0 baseline, 1 oracle)",
    "reward": "reward per row",
}


class _Facts(BaseModel):
    """What a comparison needs of a config; the rest may be of kinds that nobody has imported here."""

    class _World(BaseModel):
        id: str

    class _Clock(BaseModel):
        tick_hz: float = Field(default=60.0, gt=0)

    class _Run(BaseModel):
        seed: int = 0

    world: _World
    brain: dict[str, Any] = {}
    brain_name: str = ""
    brains: dict[str, dict[str, Any]] = {}
    clock: _Clock = _Clock()
    run: _Run = _Run()


@dataclass(frozen=True)
class Run:
    """What a run directory says: its world, the brains that lived in it, and one row a simulated second."""

    directory: Path
    world: str
    brains: tuple[str, ...]
    seed: int
    tick_hz: float
    rows: list[Metrics]

    @property
    def brain(self) -> str:
        """The brain, or those that took turns: the first one, the others, and how often they were swapped."""
        first, *others = self.brains
        names = list(dict.fromkeys([first, *others]))
        if len(names) == 1:
            return first
        return f"{', then '.join(names)} ({len(others)} swap{'' if len(others) == 1 else 's'})"

    @property
    def name(self) -> str:
        """What to call the run in a table or legend."""
        return f"{self.directory.name} ({self.brain})"

    def curve(self, column: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Simulated seconds and values of a column, each (rows,); nan where a row has none."""
        seconds = np.array([row.tick / self.tick_hz for row in self.rows])
        values = [getattr(row, column) for row in self.rows]
        return seconds, np.array([math.nan if value is None else value for value in values], float)


def read_run(directory: Path) -> Run:
    """Read config, swaps of the brain and metrics of a run. Raises UserError, naming file and line."""
    if not (directory / METRICS).is_file():
        raise UserError(f"{directory}: not the directory of a run: it has no {METRICS}")
    try:
        facts = _Facts.model_validate(located_yaml.read(directory / CONFIG).value)
    except ValidationError as error:
        raise UserError(f"{directory / CONFIG}: {first_problem(error)}") from error
    members = {role: _name_of(member, member.get("brain", {})) for role, member in facts.brains.items()}
    first = ", ".join(f"{role} {name}" for role, name in members.items()) or facts.brain_name
    swaps = [line.command for line in read_lines(directory / COMMANDS, StampedCommand)]
    return Run(
        directory,
        facts.world.id,
        (first or str(facts.brain.get("kind", "?")), *(swap.name for swap in swaps if isinstance(swap, SwapBrain))),
        facts.run.seed,
        facts.clock.tick_hz,
        read_lines(directory / METRICS, Metrics),
    )


def _name_of(member: dict[str, Any], brain: Any) -> str:
    return str(member.get("brain_name") or (brain.get("kind", "?") if isinstance(brain, dict) else brain))


def read_runs(directories: Sequence[Path]) -> tuple[list[Run], list[Path]]:
    """The runs among some directories, and what is none. Raises UserError if there is no run at all."""
    there = [path for path in directories if (path / METRICS).is_file()]
    if not there:
        raise UserError(f"{directories[0]}: not the directory of a run: it has no {METRICS}")
    return [read_run(path) for path in there], [path for path in directories if path not in there]


def summary(run: Run) -> dict[str, Any]:
    """One run in numbers; `score` and `probe` are those of its end (result.json), None while it has none."""
    ticks = np.array([row.ticks for row in run.rows], float)
    _, accuracy = run.curve("accuracy")
    known = np.isfinite(accuracy)
    events: Counter[str] = Counter()
    for row in run.rows:
        events.update(row.events)
    returns = [value for row in run.rows for value in row.returns]
    at_the_end = _result(run.directory)
    return {
        "run": str(run.directory),
        "world": run.world,
        "brain": run.brain,
        "seed": run.seed,
        "ticks": int(ticks.sum()),
        "accuracy": float(np.average(accuracy[known], weights=ticks[known])) if known.any() else None,
        "score": at_the_end.get("score"),
        "probe": at_the_end.get("probe"),
        "reward_per_tick": sum(row.reward for row in run.rows) / ticks.sum() if len(ticks) else None,
        "episodes": len(returns),
        "mean_return": float(np.mean(returns)) if returns else None,
        "events_per_minute": {name: n * SCORE_TICKS / ticks.sum() for name, n in sorted(events.items())},
    }


def _result(directory: Path) -> dict[str, Any]:
    try:
        result = json.loads((directory / RESULT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UserError(f"{directory / RESULT}: cannot be read: {error}") from None
    return result if isinstance(result, dict) else {}


def print_table(runs: list[Run]) -> None:
    """The summaries as a table on stdout: a row a run, without the columns that say nothing."""
    rows = [summary(run) for run in runs]
    several = len({row["world"] for row in rows}) > 1
    words = {
        "run": [run.directory.name for run in runs],
        "world": [row["world"] if several else "" for row in rows],
        "brain": [row["brain"] for row in rows],
    }
    cells = words | {
        "seed": [str(row["seed"]) for row in rows],
        "ticks": [f"{row['ticks']:,}" for row in rows],
        "accuracy": [as_percent(row["accuracy"]) for row in rows],
        "score": [as_number(row["score"]) for row in rows],
        "probe": [", ".join(f"{task} {as_percent(x)}" for task, x in (row["probe"] or {}).items()) for row in rows],
        "reward/tick": [as_number(row["reward_per_tick"], 4) for row in rows],
        "return": [as_number(row["mean_return"], 1) for row in rows],
        "a minute": [", ".join(f"{name} {x:.1f}" for name, x in row["events_per_minute"].items()) for row in rows],
    }
    lines = list(zip(*cells.values(), strict=True))
    report.print_table(report.stdout(), list(cells), lines, words=len(words))


def plot(runs: list[Run], path: Path) -> None:
    """Draw the curves of all runs into an image, one panel a quantity that any of them has. Raises UserError."""
    columns = [name for name in CURVES if any(np.isfinite(run.curve(name)[1]).any() for run in runs)]
    if not columns:
        raise UserError("there is nothing to draw: no run has a full second yet")
    figure, axes = pyplot().subplots(len(columns), 1, figsize=(10, 3 * len(columns)), sharex=True, squeeze=False)
    for column, axis in zip(columns, axes[:, 0], strict=True):
        for run in runs:
            axis.plot(*run.curve(column), label=run.name, linewidth=1.2)
        axis.set_ylabel(CURVES[column])
        axis.grid(alpha=0.3)
        for second in sorted({second for run in runs for second in _switches(run)}):
            axis.axvline(second, color="black", linestyle=":", linewidth=0.8)
    axes[0, 0].legend(fontsize="small")
    axes[-1, 0].set_xlabel("simulated seconds")
    save(figure, path)


def _switches(run: Run) -> list[float]:
    """Simulated seconds at which the task changed."""
    pairs = zip(run.rows, run.rows[1:], strict=False)
    return [row.tick / run.tick_hz for row, after in pairs if row.task != after.task]
