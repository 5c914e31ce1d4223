"""The trainer of every offline mode: batches until the time is over, with validation, checkpoints and exact resume.

`train(task, folder)` begins, or goes on where the checkpoint in the folder ends, to the same bits as if it had never
been interrupted. In the end the task's learner is what was best on the validation set.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

import numpy as np
from pydantic import ConfigDict, NonNegativeFloat, NonNegativeInt

from agentsim.batch.settings import TrainingConfig
from agentsim.config.sections import Section
from agentsim.config.stamped import Stamp, read_stamped, write_stamped
from agentsim.errors import UserError
from agentsim.runs.checkpoint import CHECKPOINT
from agentsim.system.process import one_compute_thread
from brains.brain import State

SAVE_EVERY = 30.0  # seconds


class Learner(Protocol):
    """What is trained."""

    @property
    def size(self) -> int:
        """How many numbers it learns."""
        ...

    def state_dict(self) -> State:
        """Everything that going on exactly needs: weights, optimizer, schedules, own random state."""
        ...

    def load_state_dict(self, state: State) -> None:
        """Raises ValueError for a state of another shape."""
        ...


Learner_co = TypeVar("Learner_co", bound=Learner, covariant=True)


class Task(Protocol[Learner_co]):
    """What is trained, on what, and how it is judged: all that the trainer knows of a mode.

    `kept` are arrays that going on exactly needs besides the learner's, by names without a dot, always the same ones.
    """

    kept: State

    @property
    def config(self) -> TrainingConfig:
        """What the training is a function of."""
        ...

    @property
    def learner(self) -> Learner_co:
        """What is trained; at first untrained."""
        ...

    def learn(self, batch: int, done: float) -> float:
        """Learn batch number 0, 1, ..., a function of that number, the config and what is `kept`; `done` (0 to 1) of
        the training is over. Returns the loss."""
        ...

    def validate(self, *, quick: bool) -> dict[str, float]:
        """Figures of the learner on the validation set or a small part of it. One is `score`: the less the better."""
        ...


class Point(Section):
    """One validation: `loss` is the mean of the batches since the last one, `score` what the checkpoint is chosen by,
    `quick` whether only a small part was asked; and the mode's own figures, by name."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]

    batch: NonNegativeInt
    cpu_seconds: NonNegativeFloat
    loss: float
    score: float
    quick: bool


@dataclass(frozen=True)
class Progress:
    """Where a training is: `done` of 1."""

    batch: int
    done: float
    cpu_seconds: float
    point: Point | None


@dataclass(frozen=True)
class Trained(Generic[Learner_co]):
    """A training that ended: `learner` is what was best on the validation set, if it came to one."""

    learner: Learner_co
    curve: tuple[Point, ...]
    batches: int
    cpu_seconds: float
    interrupted: bool


class Header(Stamp):
    """What a checkpoint says besides its arrays; `tick` is the number of batches, `training` the config."""

    format: Literal[1] = 1
    training: dict[str, Any]
    cpu_seconds: NonNegativeFloat
    curve: tuple[Point, ...]
    losses: tuple[float, ...]
    best_score: float | None


@dataclass
class _Run(Generic[Learner_co]):
    """All that a training is, between two batches."""

    task: Task[Learner_co]
    batches: int = 0
    cpu_seconds: float = 0.0
    curve: list[Point] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)  # since the last validation
    best: State | None = None
    best_score: float | None = None

    @property
    def fruitless(self) -> int:
        """Looks at the whole validation set since the best one."""
        scores = [point.score for point in self.curve if not point.quick]
        return len(scores) - 1 - max((k for k, score in enumerate(scores) if score == self.best_score), default=-1)

    @property
    def done(self) -> float:
        """How much of it is over, 0 to 1."""
        config = self.task.config
        if config.most_fruitless is not None and self.fruitless >= config.most_fruitless:
            return 1.0
        if config.batches is not None:
            return min(1.0, self.batches / config.batches)
        return min(1.0, self.cpu_seconds / 60 / (config.minutes or 1.0))


def train(
    task: Task[Learner_co],
    folder: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
) -> Trained[Learner_co]:
    """Train until the config's time is over or `stop`, asked between batches, says so. With a folder, which must exist,
    the checkpoint in it is written every SAVE_EVERY seconds and in the end, and gone on from if there is one.

    Raises UserError if that checkpoint is damaged or of another config, or if the loss is no longer a number.
    """
    run, path = _Run(task), None if folder is None else folder / CHECKPOINT
    if path is not None and path.exists():
        _read(run, path)
    with one_compute_thread():
        _go_on(run, path, on_progress, stop)
    if run.best is not None:
        task.learner.load_state_dict(run.best)
    return Trained(task.learner, tuple(run.curve), run.batches, run.cpu_seconds, interrupted=run.done < 1)


def _go_on(
    run: _Run[Learner_co], path: Path | None, on_progress: Callable[[Progress], None], stop: Callable[[], bool]
) -> None:
    config = run.task.config
    begun, saved = time.process_time() - run.cpu_seconds, time.monotonic()
    while run.done < 1 and not stop():
        loss = run.task.learn(run.batches, run.done)
        run.batches += 1
        if not np.isfinite(loss):
            raise UserError(f"the loss is no number after {run.batches - 1:,} batches; lower {config.rate}")
        run.losses.append(loss)
        run.cpu_seconds = time.process_time() - begun

        if run.done < 1 and run.batches % config.eval_interval and run.batches % config.quick_eval_interval == 0:
            _validate(run, quick=True)
            run.cpu_seconds = time.process_time() - begun  # which may be all that was left
        if run.done == 1 or run.batches % config.eval_interval == 0:
            _validate(run, quick=False)
            run.cpu_seconds = time.process_time() - begun
        on_progress(Progress(run.batches, run.done, run.cpu_seconds, run.curve[-1] if run.curve else None))
        if path is not None and time.monotonic() - saved >= SAVE_EVERY:
            _write(run, path)
            saved = time.monotonic()
    if path is not None:
        _write(run, path)


def _validate(run: _Run[Learner_co], *, quick: bool) -> None:
    figures: dict[str, Any] = run.task.validate(quick=quick)
    loss = float(np.mean(run.losses)) if run.losses else run.curve[-1].loss
    point = Point(batch=run.batches, cpu_seconds=run.cpu_seconds, loss=loss, quick=quick, **figures)
    run.losses.clear()
    run.curve.append(point)
    if not quick and (run.best_score is None or point.score <= run.best_score):
        run.best, run.best_score = run.task.learner.state_dict(), point.score


# --- checkpoints -------------------------------------------------------------------------------------------------


def _write(run: _Run[Learner_co], path: Path) -> None:
    header = Header(
        tick=run.batches,
        training=run.task.config.model_dump(mode="json"),
        cpu_seconds=run.cpu_seconds,
        curve=tuple(run.curve),
        losses=tuple(run.losses),
        best_score=run.best_score,
    )
    arrays = {f"learner.{name}": array for name, array in run.task.learner.state_dict().items()}
    arrays |= {f"best.{name}": array for name, array in (run.best or {}).items()}
    write_stamped(path, header, arrays | run.task.kept)


def _read(run: _Run[Learner_co], path: Path) -> None:
    header, arrays = read_stamped(path, Header)
    if header.training != run.task.config.model_dump(mode="json"):
        raise UserError(f"{path}: of a training with another config; give another directory, or the same config")
    states: dict[str, State] = {"learner": {}, "best": {}}
    for name, array in arrays.items():
        part, _, rest = name.partition(".")
        states.setdefault(part, {})[rest] = array
    try:
        run.task.learner.load_state_dict(states["learner"])
        run.task.kept = {name: arrays[name] for name in run.task.kept}
    except (KeyError, ValueError) as error:
        raise UserError(f"{path}: does not fit its config: {error}") from error
    run.batches, run.cpu_seconds, run.losses = header.tick, header.cpu_seconds, list(header.losses)
    run.curve, run.best, run.best_score = list(header.curve), states["best"] or None, header.best_score
