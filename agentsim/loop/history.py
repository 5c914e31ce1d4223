"""What a body senses of the past: the last observations and actions, behind the world's own numbers in each row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agentsim.config.sections import HistoryConfig
from brains.brain import Body, Float
from worlds.world import Sampled, World


class History:
    """Rows (N, size): the observation of now, those before it, and the last actions, newest first. Zeros after a reset.

    All of it is in the row, so there is no other state: the next row follows from this one and what happened.
    """

    def __init__(self, config: HistoryConfig, body: Body) -> None:
        """`body` senses the world's own numbers alone."""
        self._own, self._observations, self._actions = body.observation_size, config.observations, config.actions
        self._width, self._discrete = body.actions, body.discrete
        self._first_action = self._own * self._observations
        self.size = self._first_action + self._width * self._actions

    def begin(self, row: Float) -> None:
        """Nothing is remembered, (N, size)."""
        row[:, self._own :] = 0.0

    def remember(self, before: Float, action: NDArray[Any], after: Float) -> None:
        """Fill what `after` remembers, (N, size), from the row before it and the action between them."""
        own, first, width = self._own, self._first_action, self._width
        if first > own:
            after[:, own:first] = before[:, : first - own]
        if self.size > first:
            after[:, first + width :] = before[:, first : self.size - width]
            if self._discrete:
                after[:, first : first + width] = 0.0
                after[np.arange(len(after)), first + action] = 1.0
            else:
                after[:, first : first + width] = action

    def names(self, observations: tuple[str, ...], actions: tuple[str, ...]) -> tuple[str, ...]:
        """What to call each number of a row, given the names of the world's own; nothing if there are none."""
        if len(observations) != self._own or (self._actions and len(actions) != self._width):
            return ()
        before = [f"{name}, {ago} ago" for ago in range(1, self._observations) for name in observations]
        did = [f"{name}, {ago} ago" for ago in range(1, self._actions + 1) for name in actions]
        return (*observations, *before, *did)

    def world(self, world: World) -> World:
        """The world's optional members as they are asked about whole rows: the oracle looks at now alone, and a random
        state is one that has not changed for as long as is remembered, in which nothing was done."""
        if self.size == self._own:
            return world
        oracle, sample_states = world.oracle, world.sample_states

        def asked(observations: Any) -> NDArray[Any]:
            assert oracle is not None
            return oracle(observations[..., : self._own])

        def sampled(count: int, index: int, rng: np.random.Generator) -> Sampled:
            assert sample_states is not None
            states, right = sample_states(count, index, rng)
            rows = np.zeros((count, self.size), np.float32)
            rows[:, : self._first_action] = np.tile(states, (1, self._observations))
            return rows, right

        return replace(world, oracle=oracle and asked, sample_states=sample_states and sampled, shadows=None)
