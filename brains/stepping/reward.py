"""What the learners from reward share: their settings as the kernels read them, and the policy they leave behind."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from brains.brain import Body, Float
from brains.kernels.program import reward
from brains.stepping.base import FrozenBrain
from brains.stepping.network import Network
from brains.stepping.settings import Reward, SteppingConfig


class FrozenPolicy(FrozenBrain):
    """The greedy policy of a brain that learns from reward, with fixed normalisation."""

    def __init__(
        self, config: SteppingConfig, body: Body, network: Network, statistics: NDArray[np.float64], lanes: int | None
    ) -> None:
        super().__init__(config, body, network)
        self.mean, self.deviation = moments(
            config.reward, body.observation_size, statistics if lanes is None else statistics[:1]
        )

    def act(self, observation: Float) -> NDArray[Any]:
        """One tick: the policy's likeliest action."""
        return super().act(((observation - self.mean) / self.deviation).astype(np.float32))


def moments(
    config: Reward, size: int, statistics: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and deviation (N, size) by which observations are normalised: 0 and 1 where they are not."""
    if not config.normalize_observation:
        return np.zeros((1, size)), np.ones((1, size))
    count = np.maximum(statistics[:, [reward.COUNT]], 2.0)
    squares = statistics[:, reward.STATISTICS_SIZE + size :]
    variance = np.where(statistics[:, [reward.COUNT]] > 1.0, squares / (count - 1.0), 1.0)
    mean = statistics[:, reward.STATISTICS_SIZE : reward.STATISTICS_SIZE + size].copy()
    return mean, np.sqrt(variance + 1e-8)


def settings_of(reward: Reward) -> NDArray[np.float64]:
    """What the kernels of learning from reward read, in the order of `program.reward`."""
    return np.array(
        [
            reward.learning_rate,
            reward.discount,
            reward.trace_decay,
            reward.kappa_policy,
            reward.kappa_value,
            reward.entropy,
            reward.normalize_observation,
            reward.scale_reward,
            reward.exploration,
            reward.tracking,
            reward.optimizer == "intentional",
            reward.policy_change,
            reward.value_change,
            reward.delta_clip,
        ],
        np.float64,
    )
