"""The compiled classic control worlds against Gymnasium's own: to the bit, over 50,000 steps of each."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from scipy import stats

from worlds.classic_control import CLASSIC_CONTROL, ClassicLanes
from worlds.kernels.classic_control import LANES, TERMINATED, TRUNCATED

STEPS = 52_000
# by which an episode lasts, where chance alone would end it at once, or never: action by observation
SKILLED = {
    "CartPole-v1": lambda seen: int(seen[2] + 0.3 * seen[3] > 0),
    "MountainCar-v0": lambda seen: 2 if seen[1] >= 0 else 0,
    "Acrobot-v1": lambda seen: 2 if seen[5] >= 0 else 0,
}


def theirs(environment: str) -> Any:
    return gymnasium.make(environment).unwrapped


@pytest.mark.parametrize("environment", CLASSIC_CONTROL)
def test_every_step_is_gymnasium_s(environment: str) -> None:
    """States in float64, observations, rewards and ends, of lanes that act by chance and lanes that act well, from
    their start to their end, again and again."""
    lanes, world, chance = ClassicLanes(environment), CLASSIC_CONTROL[environment], np.random.default_rng(0)
    others = [theirs(environment) for _ in range(LANES)]
    for other in others:
        other.reset()

    def begin(lane: int) -> None:
        lanes.begin(lane, int(chance.integers(2**63)))
        others[lane].state = lanes.state[: world.state, lane].copy()
        if hasattr(others[lane], "steps_beyond_terminated"):
            others[lane].steps_beyond_terminated = None

    for lane in range(LANES):
        begin(lane)
    ends = {TERMINATED: 0, TRUNCATED: 0}
    for _ in range(STEPS // LANES):
        seen = lanes.observed()
        for lane in range(LANES):
            by_chance = lane % 2 and chance.random() < 0.8
            action = chance.integers(world.actions) if by_chance else SKILLED[environment](seen[lane])
            lanes.actions[lane] = action
        lanes.advance()
        for lane, other in enumerate(others):
            observed, reward, terminated, _, _ = other.step(int(lanes.actions[lane]))
            assert np.array_equal(np.asarray(other.state, float), lanes.state[: world.state, lane])
            assert np.array_equal(observed, lanes.observations[:, lane])
            assert reward == lanes.rewards[lane]
            late = lanes.state[world.state, lane] >= gymnasium.spec(environment).max_episode_steps
            assert lanes.ended[lane] == (TERMINATED if terminated else TRUNCATED if late else 0)
            if lanes.ended[lane]:
                ends[int(lanes.ended[lane])] += 1
                begin(lane)
    assert min(ends.values()) > 0


@pytest.mark.parametrize("environment", CLASSIC_CONTROL)
def test_episodes_begin_as_gymnasium_s(environment: str) -> None:
    """Numbers of the first state have the same distribution (Kolmogorov and Smirnov); a key says which state, to the
    bit, and another key another."""
    lanes, other, found, wanted = ClassicLanes(environment), theirs(environment), [], []
    for key in range(2000):
        lanes.begin(key % LANES, key)
        found.append(lanes.state[: lanes.world.state, key % LANES].copy())
        other.reset(seed=key)
        wanted.append(np.asarray(other.state, float))
    for mine, its in zip(np.array(found).T, np.array(wanted).T, strict=True):
        if np.ptp(its):
            assert stats.ks_2samp(mine, its).pvalue > 1e-3
        else:
            assert np.array_equal(np.unique(mine), np.unique(its))
    lanes.begin(3, 1999)
    assert np.array_equal(lanes.state[: lanes.world.state, 3], found[-1])
    assert lanes.state[lanes.world.state, 3] == 0
    assert len(np.unique(np.array(found)[:, 0])) == 2000


@pytest.mark.parametrize("environment", CLASSIC_CONTROL)
def test_what_it_says_of_itself_is_gymnasium_s(environment: str) -> None:
    world, spec, made = CLASSIC_CONTROL[environment], gymnasium.spec(environment), theirs(environment)
    assert world.limit == spec.max_episode_steps
    assert (world.actions, world.observations) == (made.action_space.n, *made.observation_space.shape)
