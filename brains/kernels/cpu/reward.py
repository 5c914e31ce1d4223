"""What any learning from reward needs: running moments of what is seen and earned, and chance."""

from __future__ import annotations

import math

import numpy as np

from agentsim.compiled.jit import inline
from agentsim.compiled.pointers import at
from brains.kernels.cpu.mathematics import draw, is_finite
from brains.kernels.cpu.network import present
from brains.kernels.program import counter, option, reward

F = np.float32


@inline
def uniform(counters):
    """A number in (0, 1) from the lane's stream."""
    stream, bits = draw(counters[counter.STREAM], 1 << 24)
    counters[counter.STREAM] = stream
    return (bits + 0.5) / (1 << 24)


@inline
def sees(observation, size):
    """Whether every number of an observation is finite."""
    fine = True
    for k in range(size):
        fine = fine and is_finite(observation[k])
    return fine


@inline
def observe(statistics, observation, size):
    """Take one observation (size,) into the running mean and sum of squares (Welford 1962)."""
    statistics[reward.COUNT] += 1.0
    mean, squares = at(statistics, reward.STATISTICS_SIZE), at(statistics, reward.STATISTICS_SIZE + size)
    for k in range(size):
        off = np.float64(observation[k]) - mean[k]
        mean[k] += off / statistics[reward.COUNT]
        squares[k] += off * (np.float64(observation[k]) - mean[k])


@inline
def normalize(settings, statistics, observation, size, row):
    """Write the observation (size,) into a row, normalised by the running moments if that is on."""
    mean, squares = at(statistics, reward.STATISTICS_SIZE), at(statistics, reward.STATISTICS_SIZE + size)
    for k in range(size):
        value = np.float64(observation[k])
        if settings[reward.NORMALIZE_OBSERVATION] > 0.0:
            variance = 1.0
            if statistics[reward.COUNT] > 1.0:
                variance = squares[k] / (statistics[reward.COUNT] - 1.0)
            value = (value - mean[k]) / math.sqrt(variance + 1e-8)
        row[k] = F(value)


@inline
def normalized(program, settings, statistics, observation, row):
    """Write the observation into a row as A[0], normalised by the running moments if that is on."""
    normalize(settings, statistics, observation, program[option.SENSES], row)
    present(program, row, row)


@inline
def count_reward(settings, statistics, earned, done):
    """Take a reward into the running moments of the discounted return, if rewards are scaled."""
    if settings[reward.SCALE_REWARD] > 0.0 and is_finite(earned):
        kept = 0.0 if done else settings[reward.DISCOUNT] * statistics[reward.REWARD_TRACE]
        statistics[reward.REWARD_TRACE] = kept + earned
        statistics[reward.REWARD_COUNT] += 1.0
        off = statistics[reward.REWARD_TRACE] - statistics[reward.REWARD_MEAN]
        statistics[reward.REWARD_MEAN] += off / statistics[reward.REWARD_COUNT]
        statistics[reward.REWARD_SQUARES] += off * (statistics[reward.REWARD_TRACE] - statistics[reward.REWARD_MEAN])


@inline
def return_deviation(settings, statistics):
    """The running deviation of the discounted return, by which rewards are divided; 1 where that is off."""
    if settings[reward.SCALE_REWARD] <= 0.0:
        return 1.0
    variance = 1.0
    if statistics[reward.REWARD_COUNT] > 1.0:
        variance = statistics[reward.REWARD_SQUARES] / (statistics[reward.REWARD_COUNT] - 1.0)
    return math.sqrt(variance + 1e-8)


@inline
def statistics_size(program):
    """How many numbers the running moments of a lane are."""
    return reward.STATISTICS_SIZE + 2 * program[option.SENSES]
