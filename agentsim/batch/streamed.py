"""A stepping brain in an offline mode: rows stream through it, one a tick, and a teacher says what each should be."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agentsim.errors import UserError
from agentsim.loop.building import build_brain
from brains.brain import Body, Experience, Float, State
from brains.stepping.settings import SteppingConfig
from brains.stepping.taught import TaughtBrain

LANES = 250  # of a frozen copy


class Streamed:
    """The brain of a config's `network.brain`. Raises UserError, naming the key, for one whose layers carry something
    from one row to the next."""

    def __init__(self, config: SteppingConfig, body: Body, seed: int, rows: str) -> None:
        mapping = {"kind": "stepping", **config.model_dump(mode="json")}
        built = build_brain(mapping, body, np.random.SeedSequence(seed), "network.brain")
        assert isinstance(built, TaughtBrain)
        self.brain = built
        if self.brain.network.state_total:
            raise UserError(f"network.brain.layers: {rows} stream through the brain, so no layer may carry a state")
        if config.execution == "stepping" and config.align in ("sideways", "now"):
            raise UserError(
                f"network.brain.align: {config.align} is for inputs that stand still; use instant or pipeline"
            )
        self.delay = self.brain.latency if config.align == "pipeline" else 0

    @property
    def size(self) -> int:
        """How many numbers it learns."""
        return self.brain.network.parameter_count

    def answers(self, senses: Float) -> NDArray[Any]:
        """Its final word on each of (N, senses), by a frozen copy that holds each of them until its answer is out."""
        found = []
        for first in range(0, len(senses), LANES):
            part = senses[first : first + LANES]
            copy = self.brain.frozen_copy(lanes=len(part))
            for _ in range(copy.settling_ticks):
                actions = copy.act(part)
            found.append(actions.copy())
        return np.concatenate(found)

    def live(self, senses: Float, taught: NDArray[Any] | None) -> tuple[NDArray[Any], float]:
        """Live through (N, senses), one a tick, learning what is `taught` (N,) of them. Returns what it did on each,
        and the mean loss.

        An answer comes `latency` ticks after its row, and what the teacher says of it when the brain's alignment wants
        it.
        """
        nothing, never = np.zeros(1, np.float32), np.zeros(1, np.bool_)
        actions, loss = [], 0.0
        for tick in range(len(senses) + self.brain.latency):
            observation = senses[min(tick, len(senses) - 1)][None]
            action = self.brain.act(observation)
            actions.append(action[0].copy())
            if taught is not None and 0 <= tick - self.delay < len(taught):
                label = taught[tick - self.delay].reshape(action.shape)
                experience = Experience(observation, action, nothing, observation, never, never, label)
                loss += self.brain.learn(experience).loss
        return np.array(actions[self.brain.latency :]), loss / len(senses)

    def state_dict(self) -> State:
        """The brain's: it has no state but its own."""
        return self.brain.state_dict()

    def load_state_dict(self, state: State) -> None:
        """Raises ValueError for a state of another shape."""
        self.brain.load_state_dict(state)
