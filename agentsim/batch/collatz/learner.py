"""What training asks of a V that learns; a closed form has `potential` alone."""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray

from agentsim.batch import training
from agentsim.batch.collatz.samples import Pairs, Values, View


class Learner(training.Learner, Protocol):
    """A V with a lookahead."""

    lookahead: int

    def potential(self, view: View) -> Values:
        """V of N numbers, (N,) float64."""
        ...

    def learn(self, pairs: Pairs, hard: NDArray[Any], progress: float) -> float:
        """One batch; `hard` (N,) says which come from a hard orbit, `progress` (0 to 1) how much of the training is
        over. Returns the loss. `pairs` holds no n that must not be trained on, and no successor that must not either.
        """
        ...
