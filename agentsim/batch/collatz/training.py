"""Training a V: batches until the time is over, with validation, checkpoints and exact resume.

`train(config, folder)` begins, or goes on where the checkpoint in the folder ends. What it gives back is the V that was
best on the validation set: fresh numbers, and the orbits of path records beyond the hard seeds, none of them trained on
as such, none on a test orbit. The test set is never looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import NonNegativeFloat, NonNegativeInt

from agentsim.batch.collatz.arithmetic import Limbs, to_limbs
from agentsim.batch.collatz.draws import EVALUATION_BITS
from agentsim.batch.collatz.evaluation import Potential, fresh_numbers, margins
from agentsim.batch.collatz.gradient import GradientLearner
from agentsim.batch.collatz.learner import Learner
from agentsim.batch.collatz.orbits import training_states
from agentsim.batch.collatz.samples import Pairs
from agentsim.batch.collatz.sampling import Sampler, forbidden, nothing_mined
from agentsim.batch.collatz.settings import CollatzConfig
from agentsim.batch.collatz.stepping import SteppingLearner
from agentsim.config.sections import Section
from agentsim.errors import UserError
from agentsim.runs.checkpoint import CHECKPOINT, Stamp, read_stamped, write_checkpoint
from agentsim.system.process import one_compute_thread
from brains.brain import State

SAVE_EVERY = 30.0  # seconds
VALIDATION_SEED, VALIDATION, QUICK = 20_261_121, 50_000, 2_000
PATH_RECORDS = (  # as the hard seeds, but larger; so is their ascent
    *(1212415, 1441407, 1875711, 1988859, 2643183, 2684647, 3041127, 3873535, 4637979, 5656191, 6416623, 6631675),
    *(19638399, 38595583, 80049391, 120080895, 210964383, 319804831),
)

LEARNERS: dict[str, Callable[[CollatzConfig], Learner]] = {
    "published": GradientLearner,
    "prefix": GradientLearner,
    "max_pool": GradientLearner,
    "two_sided": GradientLearner,
    "stepping": SteppingLearner,
}


class Point(Section):
    """One validation. `loss`: mean of the batches since the last one; `failures` of random numbers, `violations` on
    orbits and `score`, of both together, by which the checkpoint is chosen, are shares; `quick`: of a small part."""

    batch: NonNegativeInt
    cpu_seconds: NonNegativeFloat
    loss: float
    failures: NonNegativeFloat
    violations: NonNegativeFloat
    score: NonNegativeFloat
    quick: bool


@dataclass(frozen=True)
class Progress:
    """Where a training is: `done` of 1."""

    batch: int
    done: float
    cpu_seconds: float
    point: Point | None


@dataclass(frozen=True)
class Trained:
    """A training that ended: `learner` has the weights that were best on the validation set, if it came to one."""

    config: CollatzConfig
    learner: Learner
    curve: tuple[Point, ...]
    batches: int
    cpu_seconds: float
    interrupted: bool


class Header(Stamp):
    """What a checkpoint says besides its arrays; `tick` is the number of batches."""

    format: Literal[1] = 1
    training: CollatzConfig
    cpu_seconds: NonNegativeFloat
    curve: tuple[Point, ...]
    losses: tuple[float, ...]
    best_score: float | None


@dataclass
class _Run:
    """All that a training is, between two batches."""

    config: CollatzConfig
    learner: Learner
    batches: int = 0
    cpu_seconds: float = 0.0
    curve: list[Point] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)  # since the last validation
    mined: Limbs = field(default_factory=nothing_mined)
    best: State | None = None
    best_score: float | None = None

    @property
    def done(self) -> float:
        """How much of it is over, 0 to 1."""
        if self.config.batches is not None:
            return min(1.0, self.batches / self.config.batches)
        return min(1.0, self.cpu_seconds / 60 / (self.config.minutes or 1.0))

    def trained(self) -> Trained:
        if self.best is not None:
            self.learner.load_state_dict(self.best)
        return Trained(
            self.config, self.learner, tuple(self.curve), self.batches, self.cpu_seconds, interrupted=self.done < 1
        )


def build(config: CollatzConfig) -> Learner:
    """The learner of a config, untrained."""
    return LEARNERS[config.network.kind](config)


def train(
    config: CollatzConfig,
    folder: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
) -> Trained:
    """Train until the config's time is over or `stop`, asked between batches, says so. With a folder, which must exist,
    the checkpoint in it is written every SAVE_EVERY seconds and in the end, and gone on from if there is one.

    Raises UserError if that checkpoint is damaged or of another config, or if the loss is no longer a number.
    """
    path = None if folder is None else folder / CHECKPOINT
    run = _read(path) if path is not None and path.exists() else _Run(config, build(config))
    if run.config != config:
        raise UserError(f"{path}: of a training with another config; give another directory, or the same config")
    with one_compute_thread():
        _go_on(run, path, on_progress, stop)
    return run.trained()


def restore(folder: Path) -> Trained:
    """What `train` gave back, or would have, had it ended at its last checkpoint. Raises UserError as `train` does."""
    return _read(folder / CHECKPOINT).trained()


def _go_on(run: _Run, path: Path | None, on_progress: Callable[[Progress], None], stop: Callable[[], bool]) -> None:
    config, sampler = run.config, Sampler.of(run.config)
    numbers, steps = validation_set(config.lookahead)
    begun, saved = time.process_time() - run.cpu_seconds, time.monotonic()
    while run.done < 1 and not stop():
        pairs, hard = sampler.batch(run.batches, run.mined)
        loss = run.learner.learn(pairs, hard, run.done)
        if not np.isfinite(loss):
            raise UserError(f"the loss is no number after {run.batches:,} batches; lower optimizer.learning_rate")
        run.losses.append(loss)
        run.mined = sampler.mine(run.batches, run.mined, run.learner.potential)
        run.batches += 1
        run.cpu_seconds = time.process_time() - begun

        if run.done < 1 and run.batches % config.eval_interval and run.batches % config.quick_eval_interval == 0:
            _validate(run, numbers[:QUICK], steps[:QUICK], quick=True)
            run.cpu_seconds = time.process_time() - begun  # which may be all that was left
        if run.done == 1 or run.batches % config.eval_interval == 0:
            _validate(run, numbers, steps, quick=False)
            run.cpu_seconds = time.process_time() - begun
        on_progress(Progress(run.batches, run.done, run.cpu_seconds, run.curve[-1] if run.curve else None))
        if path is not None and time.monotonic() - saved >= SAVE_EVERY:
            _write(run, path)
            saved = time.monotonic()
    if path is not None:
        _write(run, path)


# --- validation --------------------------------------------------------------------------------------------------


@cache
def validation_set(lookahead: int) -> tuple[Pairs, Pairs]:
    """Random numbers, and shuffled steps of the orbits of path records: no state of a hard orbit, none forbidden."""
    states = sorted(set(training_states(PATH_RECORDS)) - set(training_states()))
    steps = np.random.default_rng(VALIDATION_SEED).permutation(to_limbs(states))
    numbers, steps = (
        found[~forbidden(found)] for found in (fresh_numbers(VALIDATION, VALIDATION_SEED, EVALUATION_BITS), steps)
    )
    return Pairs.of(numbers, lookahead), Pairs.of(steps, lookahead)


def _validate(run: _Run, numbers: Pairs, steps: Pairs, *, quick: bool) -> None:
    lookahead = run.config.lookahead
    failures, violations = (share_of_failures(run.learner.potential, of, lookahead) for of in (numbers, steps))
    point = Point(
        batch=run.batches,
        cpu_seconds=run.cpu_seconds,
        loss=float(np.mean(run.losses)) if run.losses else run.curve[-1].loss,
        failures=failures,
        violations=violations,
        score=(failures * len(numbers) + violations * len(steps)) / (len(numbers) + len(steps)),
        quick=quick,
    )
    run.losses.clear()
    run.curve.append(point)
    if not quick and (run.best_score is None or point.score <= run.best_score):
        run.best, run.best_score = run.learner.state_dict(), point.score


def share_of_failures(potential: Potential, pairs: Pairs, lookahead: int) -> float:
    """How many margins are not above 0, of 1."""
    return float((~(margins(potential, pairs, lookahead) > 0)).mean())


# --- checkpoints -------------------------------------------------------------------------------------------------


def _write(run: _Run, path: Path) -> None:
    header = Header(
        tick=run.batches,
        training=run.config,
        cpu_seconds=run.cpu_seconds,
        curve=tuple(run.curve),
        losses=tuple(run.losses),
        best_score=run.best_score,
    )
    arrays = {f"learner.{name}": array for name, array in run.learner.state_dict().items()}
    arrays |= {f"best.{name}": array for name, array in (run.best or {}).items()}
    write_checkpoint(path, header, arrays | {"mined": run.mined})


def _read(path: Path) -> _Run:
    header, arrays = read_stamped(path, Header)
    run = _Run(header.training, build(header.training))
    states: dict[str, State] = {"learner": {}, "best": {}}
    for name, array in arrays.items():
        part, _, rest = name.partition(".")
        if part in states:
            states[part][rest] = array
    try:
        run.learner.load_state_dict(states["learner"])
        run.mined = arrays["mined"]
    except (KeyError, ValueError) as error:
        raise UserError(f"{path}: does not fit its config: {error}") from error
    run.batches, run.cpu_seconds, run.losses = header.tick, header.cpu_seconds, list(header.losses)
    run.curve, run.best, run.best_score = list(header.curve), states["best"] or None, header.best_score
    return run
