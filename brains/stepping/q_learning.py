"""QLearningBrain: a stepping brain with replay in a world without a teacher learns what each action will earn.

Deep Q-learning: a ring of remembered transitions and a slow copy of the network (Mnih et al. 2015, Nature 518); the
newest weights choose the next action, the slow copy says its value (double Q-learning, van Hasselt et al. 2016, arXiv
1509.06461). Where stream AC(lambda) uses a transition once, this uses it as often as a tick's learning steps allow.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brains import kernels
from brains.brain import Body, Brain, Experience, Float, Learning, State
from brains.kernels import Kernel
from brains.kernels.program import block, reward
from brains.kernels.program.arrays import Rewarded
from brains.stepping.base import SteppingBrain, check_fit, network_of
from brains.stepping.network import Indices
from brains.stepping.reward import FrozenPolicy, settings_of
from brains.stepping.settings import SteppingConfig


class QLearningBrain(SteppingBrain):
    """One network whose outputs are the values of the actions, and its slow copy."""

    learner = "q_learning"

    def __init__(self, config: SteppingConfig, body: Body, seed: np.random.SeedSequence) -> None:
        check_fit(config, body)
        assert config.replay is not None
        weights, stream = seed.spawn(2)
        network = network_of(config, body, config.layers, body.actions, config.readout, 2)
        if network.state_total:
            raise ValueError(
                "replay: transitions are remembered without the states of recurrent or attention layers: remove it"
            )
        network.initialize(weights)
        network.begin_stream(stream)
        self.memory = np.zeros((body.lanes, 2 * body.observation_size + 3), np.float32)
        self.replay_shape = (config.replay.capacity, self.memory.shape[1])
        super().__init__(config, body, network)
        self.slow = network.parameters[:, block.VALUE].copy()
        self.statistics = np.zeros((body.lanes, reward.STATISTICS_SIZE + 2 * body.observation_size), np.float64)
        self.rewarded = Rewarded(
            settings_of(config.reward),
            self.statistics,
            self.slow,
            memory=np.zeros_like(self.memory),
            done=np.zeros(body.lanes, np.int64),
        )

    @cached_property
    def kernel(self) -> Kernel:
        """The backend, bound to this brain's arrays."""
        return kernels.q_learning(self.backend, self.net, self.rewarded)

    def act(self, observation: Float) -> NDArray[Any]:
        """One tick: (N, obs) -> (N,) int64, the action of the largest value or, now and then, any."""
        self.rollbacks += self.kernel.act(observation)
        return self.action[:, 0].copy()

    def learn(self, experience: Experience) -> Learning:
        """Remember the transition of every lane and make the first learning step of the tick."""
        size, memory = self.body.observation_size, self.memory
        memory[:, :size] = experience.observation
        memory[:, size] = experience.action
        memory[:, size + 1] = experience.reward
        memory[:, size + 2] = ~experience.terminated
        memory[:, size + 3 :] = experience.next_observation
        return self.learned(*self.kernel.learn(memory, experience.terminated | experience.truncated, True))

    def rehearse(self) -> Learning:
        """One more learning step from replay."""
        return self.learned(*self.kernel.learn(self.memory, np.zeros(self.body.lanes, bool), False))

    def arrays(self) -> State:
        """The live arrays that are this brain's whole state."""
        return {**self.network.arrays(), "replay": self.replay, "slow": self.slow, "statistics": self.statistics}

    def indices(self) -> Indices:
        """Besides, the actions that are remembered."""
        actions = self.replay[..., self.body.observation_size]
        return {**super().indices(), "action": ("replay", actions, self.body.actions)}

    def frozen_copy(self, lanes: int | None = None) -> Brain:
        """The action of the largest value, with fresh activity and statistics as they are."""
        body = replace(self.body, lanes=lanes or self.body.lanes)
        return FrozenPolicy(self.config, body, self.network.twin(lanes), self.statistics, lanes)
