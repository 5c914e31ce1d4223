"""What a policy gradient must beat on CartPole: random linear policies, and the network that has learned nothing."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from agentsim.batch.policy_gradient import cartpole
from agentsim.batch.policy_gradient.settings import PolicyConfig
from agentsim.batch.policy_gradient.task import TEST, TRAINING, PolicyLearner, greedy_returns
from brains.brain import Float

CANDIDATE_EPISODES = 5  # by which a random policy is judged


def untrained(config: PolicyConfig, episodes: int) -> NDArray[np.int64]:
    """Greedy returns of the network as it starts."""
    return greedy_returns(PolicyLearner(config), TEST, episodes)


def linear_search(config: PolicyConfig, steps: int, episodes: int) -> NDArray[np.int64]:
    """Returns of the best of many policies "push right where w . observation > 0", w uniform in [-1, 1]^4, each judged
    by a few episodes, until `steps` steps are used up; what is under way by then does not count."""
    chance = np.random.default_rng([config.seed, TRAINING, 0])
    best, most, used = np.zeros(4), -np.inf, 0
    while True:
        weights = chance.uniform(-1, 1, 4)
        start = cartpole.starts(CANDIDATE_EPISODES, chance)
        found = cartpole.returns(partial(linear, weights), start, config.observation_noise, chance)
        used += int(found.sum())
        if used > steps:
            break
        if found.mean() > most:
            best, most = weights, found.mean()
    chance = np.random.default_rng([config.seed, TEST])
    start = cartpole.starts(episodes, chance)
    return cartpole.returns(partial(linear, best), start, config.observation_noise, chance)


def linear(weights: NDArray[np.float64], observations: Float) -> NDArray[np.int64]:
    """1 where the product is positive."""
    return (observations @ weights > 0).astype(np.int64)
