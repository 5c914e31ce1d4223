"""What any learning from reward needs in a lane."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from brains.kernels.program import counter, reward
from brains.kernels.reference.lane import Lane
from brains.kernels.reference.splitmix import MASK, draw


class RunningMoments:
    """Mean and variance of a stream of numbers (Welford 1962), kept in views of a float64 array."""

    def __init__(self, count: NDArray[Any], mean: NDArray[Any], squares: NDArray[Any]) -> None:
        self.count, self.mean, self.squares = count, mean, squares

    def add(self, value: NDArray[Any]) -> None:
        """Take in one value."""
        self.count += 1.0
        off = value - self.mean
        self.mean += off / self.count
        self.squares += off * (value - self.mean)

    @property
    def deviation(self) -> NDArray[Any]:
        """sqrt(variance + 1e-8); the variance of fewer than two values is 1."""
        variance = self.squares / (self.count - 1.0) if self.count > 1.0 else np.ones_like(self.mean)
        return np.sqrt(variance + 1e-8)


class RewardedLane:
    """What any learning from reward needs in one lane: the network that acts, and the running moments."""

    def __init__(self, actor: Lane, settings: NDArray[Any], statistics: NDArray[Any]) -> None:
        self.actor, self.settings = actor, settings
        half = (len(statistics) - reward.STATISTICS_SIZE) // 2
        moments = statistics[reward.STATISTICS_SIZE :]
        self.seen = RunningMoments(statistics[reward.COUNT : reward.COUNT + 1], moments[:half], moments[half:])
        self.returns = RunningMoments(
            statistics[reward.REWARD_COUNT : reward.REWARD_COUNT + 1],
            statistics[reward.REWARD_MEAN : reward.REWARD_MEAN + 1],
            statistics[reward.REWARD_SQUARES : reward.REWARD_SQUARES + 1],
        )
        self.delta_squares = statistics[reward.DELTA_SQUARES : reward.DELTA_SQUARES + 1]
        self.reward_trace = statistics[reward.REWARD_TRACE : reward.REWARD_TRACE + 1]

    def normalized(self, observation: NDArray[Any]) -> Tensor:
        """The observation, normalised by the running moments if that is on."""
        if self.settings[reward.NORMALIZE_OBSERVATION]:
            observation = (observation - self.seen.mean) / self.seen.deviation
        return torch.from_numpy(observation).to(self.actor.own.dtype)

    def uniform(self) -> float:
        """A number in (0, 1) from the lane's stream."""
        stream, bits = draw(int(self.actor.state[counter.STREAM]) & MASK, 1 << 24)
        self.actor.state[counter.STREAM] = stream - (1 << 64) if stream >> 63 else stream
        return (bits + 0.5) / (1 << 24)

    def count_reward(self, earned: float, done: bool) -> None:
        """Take a reward into the running moments of the discounted return, if rewards are scaled."""
        if self.settings[reward.SCALE_REWARD] and math.isfinite(earned):
            self.reward_trace[:] = (0.0 if done else self.settings[reward.DISCOUNT] * self.reward_trace) + earned
            self.returns.add(self.reward_trace.copy())

    def scaled(self, earned: float) -> float:
        """The reward over the running deviation of the discounted return."""
        return earned / float(self.returns.deviation[0]) if self.settings[reward.SCALE_REWARD] else earned
