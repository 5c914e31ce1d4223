"""The same evolution strategy without a simulator: its members act in the one world there is, one after the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from brains.brain import Body, Experience, Learning, State
from brains.evolution.brain import EvolutionBrain, EvolutionBrainConfig


class OneWorldBrain(EvolutionBrain):
    """Learns from the reward of the world it acts in: a window for each member, twins next to each other, and when all
    had theirs a generation. While it is not taught the same one acts on; before it ever is, that is the mean.

    Fitness is reward a life: what a window earned over the lives in it, one more than were terminated.
    """

    backend = "numpy"

    def __init__(self, config: EvolutionBrainConfig, body: Body, seed: np.random.SeedSequence) -> None:
        super().__init__(config, replace(body, shadows=None), seed)
        self.learns = True
        self.acting = self.evolution.mean.copy()
        self.parts = [place.of(self.acting) for place in self.evolution.places]
        self.turn = np.full(1, -1)  # the member that acts; -1: the mean
        self.lives = np.full(len(self.fitness), body.lanes, np.float64)

    def _act_in_turn(self) -> None:
        turn = int(self.turn[0])
        pair = range(turn // 2, turn // 2 + 1)
        self.acting[:] = self.evolution.mean if turn < 0 else self.evolution.members(pair)[turn % 2]

    def learn(self, experience: Experience) -> Learning:
        """A tick of the member that acts; after the last one's window a generation, whose loss is minus the mean
        fitness a tick."""
        turn, learning = self.turn[0], Learning()
        if turn >= 0:
            self.fitness[turn] += experience.reward.sum()
            self.lives[turn] += experience.terminated.sum()
            self.ticks += 1
            if self.ticks[0] < self.config.window:
                return learning
        self.ticks[:], self.turn[:] = 0, (turn + 1) % len(self.fitness)
        if turn + 1 == len(self.fitness):
            learning = self._generation(self.fitness / self.lives)
            self.lives[:] = self.body.lanes
        self._act_in_turn()
        return learning

    def arrays(self) -> State:
        """The strategy, whose turn it is, and what members came to."""
        return {**super().arrays(), "turn": self.turn, "lives": self.lives}

    def load_state_dict(self, state: State) -> None:
        """Inverse of state_dict. Raises ValueError naming the entry that does not fit."""
        super().load_state_dict(state)
        self._act_in_turn()

    def adopt(self, state: State, *, changed: bool) -> None:
        """Take over a strategy's mean and moments, and begin anew. Raises ValueError if it does not fit."""
        super().adopt(state, changed=changed)
        self.fitness[:], self.ticks[:], self.lives[:], self.turn[:] = 0, 0, self.body.lanes, -1
        self._act_in_turn()
