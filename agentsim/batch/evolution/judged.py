"""What it means to judge pairs of a generation: of every task of an evolution strategy, by whoever does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from agentsim.batch.settings import TrainingConfig
from brains.brain import Float, State
from brains.evolution.engine import Evolution


class Evolving:
    """The part of a Learner of `agentsim.batch.training` that all strategies share."""

    evolution: Evolution

    @property
    def size(self) -> int:
        """How many numbers it learns."""
        return len(self.evolution.mean)

    def state_dict(self) -> State:
        """The strategy's."""
        return self.evolution.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Raises ValueError for a state of another shape."""
        self.evolution.load_state_dict(state)


class Judged(NamedTuple):
    """What pairs are worth: d_p (pairs,) float32, as they go from machine to machine, and the sums of a task's own
    figures over each chunk, (chunks, figures) float64."""

    differences: Float
    figures: NDArray[np.float64]


class Judge(Protocol):
    """A task whose pairs can be judged apart."""

    @property
    def config(self) -> TrainingConfig:
        """What it is a function of."""
        ...

    @property
    def evolution(self) -> Evolution:
        """The strategy."""
        ...

    def judge(self, generation: int, pairs: range) -> Judged:
        """These pairs of a generation, which is the strategy's: a function of the config, its state and the arguments.
        They begin where a chunk does."""
        ...


class Judges(Protocol):
    """Who judges a whole generation."""

    def judge(self, task: Judge, generation: int) -> Judged:
        """All pairs, in their order."""
        ...


class InProcess:
    """The task itself, here and now."""

    def judge(self, task: Judge, generation: int) -> Judged:
        """All pairs, in their order."""
        return task.judge(generation, range(task.evolution.config.pairs))


def joined(parts: Sequence[Judged]) -> Judged:
    """Parts of a generation, one behind the other."""
    differences, figures = zip(*parts, strict=True)
    return Judged(np.concatenate(differences), np.concatenate(figures))
