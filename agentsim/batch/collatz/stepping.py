"""A stepping brain as V: it senses a window and acts with one number, which a teacher moves down the loss's slope.

V(n) = ln n + a, with a the action. Numbers and their successors come to the brain one a tick, n_1, T(n_1), n_2, ...;
pairs whose margin is too small come again, and for each of the two the teacher names a - s dl/dV, which any rule of
`brains.stepping` can learn from. Under rule: backprop that is a step down the gradient of the loss. Of the other pairs
the teacher says nothing, so that an update is the mean of numbers which lack something, however few there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agentsim.batch.collatz.arithmetic import NOT_SEEN
from agentsim.batch.collatz.draws import DRIFT
from agentsim.batch.collatz.learner import Learner
from agentsim.batch.collatz.losses import annealed
from agentsim.batch.collatz.samples import Pairs, Values, View
from agentsim.batch.collatz.settings import CollatzConfig, LogLoss, SteppingNetwork
from agentsim.batch.streamed import Streamed
from brains.brain import Body, Float, State

PAIRS = 16  # seen before those of them that lack something are taught
SCALE = 40.0  # of ln n
DEVIATION = 0.98  # of what a step adds to ln n: sqrt(2) ln 2


class SteppingLearner(Learner):
    """The brain of a config whose network is {kind: stepping, brain: ...} as V.

    Raises UserError, naming the key, for a brain whose layers carry something from one number to the next.
    """

    def __init__(self, config: CollatzConfig) -> None:
        network, loss = config.network, config.loss
        assert isinstance(network, SteppingNetwork) and isinstance(loss, LogLoss)
        self.lookahead, self.mu, self.step = config.lookahead, loss.mu, network.step
        body = Body(self.lookahead + 3, 1, discrete=False, low=(-np.inf,), high=(np.inf,), teacher=True)
        self.streamed = Streamed(network.brain, body, config.seed, "numbers")

    @property
    def size(self) -> int:
        """How many numbers it learns."""
        return self.streamed.size

    def potential(self, view: View) -> Values:
        """V of N numbers, (N,) float64, by a frozen copy that holds each of them until its answer is out."""
        return view.logs[:, 0] + self.streamed.answers(senses_of(view))[:, 0]

    def learn(self, pairs: Pairs, hard: NDArray[Any], progress: float) -> float:
        """One batch, a few pairs at a time, all alike whether `hard` or not. Returns the mean loss."""
        here, there = pairs.here(self.lookahead), pairs.there(self.lookahead)
        senses = np.stack([senses_of(here), senses_of(there)], axis=1)
        logs = np.stack([here.logs[:, 0], there.logs[:, 0]], axis=1)
        mu, step = annealed(self.mu, progress), annealed(self.step, progress)
        total = 0.0
        for first in range(0, len(pairs), PAIRS):
            seen = senses[first : first + PAIRS]
            actions = self.streamed.live(seen.reshape(-1, seen.shape[-1]), None)[0].astype(float).reshape(-1, 2)
            losses, slopes = loss_of(actions + logs[first : first + PAIRS], mu)
            total += losses.sum()
            if (lacking := losses > 0).any():
                taught = (actions - step * mu * slopes)[lacking]
                self.streamed.live(seen[lacking].reshape(-1, seen.shape[-1]), taught.ravel())
        return total / len(pairs)

    def state_dict(self) -> State:
        """The brain's: it has no state but its own."""
        return self.streamed.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Raises ValueError for a state of another shape."""
        self.streamed.load_state_dict(state)


def senses_of(view: View) -> Float:
    """(N, L + 3) float32, about 1 in size: how far x_1 .. x_L are from the average way down from x_0, in standard
    deviations of a random walk; x_0; whether 1 is in sight, and how near."""
    j = np.arange(1, view.lookahead + 1)
    walk = (view.logs[:, 1:] - view.logs[:, :1] + DRIFT * j) / (DEVIATION * np.sqrt(j))
    seen = view.one != NOT_SEEN
    near = np.where(seen, 1 - view.one / view.lookahead, 0.0)
    return np.column_stack([walk, view.logs[:, 0] / SCALE, seen, near]).astype(np.float32)


def loss_of(values: Values, mu: float) -> tuple[Values, Values]:
    """From V of pairs, (N, 2) of n and T(n), the losses (N,), log(1 + max(0, mu - m) / mu) with m = V(n) - V(T(n)), and
    their slopes in V, (N, 2)."""
    lacking = np.maximum(0.0, mu - (values[:, 0] - values[:, 1]))
    slope = np.where(lacking > 0, 1 / (mu + lacking), 0.0)
    return np.log1p(lacking / mu), np.stack([-slope, slope], axis=1)
