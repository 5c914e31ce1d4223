"""Lives of many policies: against Gymnasium's own environments, one at a time, with a policy in NumPy's float64."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

from brains.brain import Float
from brains.evolution.engine import places
from brains.evolution.rollout import first_policy, live, policy
from worlds.classic_control import CLASSIC_CONTROL, ClassicLanes


def answer(parameters: Float, sizes: Any, seen: Any) -> int:
    """The largest output of tanh(z) = z (27 + z^2) / (27 + 9 z^2), in float64."""
    parts = [place.of(parameters.astype(float)) for place in places(policy(sizes), 10**6)]
    x = np.asarray(seen, float)
    for layer in range(len(sizes) - 1):
        x = parts[2 * layer] @ x + parts[2 * layer + 1]
        if layer < len(sizes) - 2:
            z = np.clip(x, -3, 3)
            x = z * (27 + z * z) / (27 + 9 * z * z)
    return int(np.argmax(x))


CASES = [("CartPole-v1", (4, 32, 2)), ("CartPole-v1", (4, 7, 5, 2)), ("Acrobot-v1", (6, 8, 3))]
CASES += [("MountainCar-v0", (2, 9, 3))]


@pytest.mark.parametrize(("environment", "sizes"), CASES)
@pytest.mark.parametrize(("members", "episodes"), [(1, 1), (5, 3), (9, 4)])
def test_lives_are_gymnasium_s(environment: str, sizes: Any, members: int, episodes: int) -> None:
    """Fewer lives than lanes, and more: each member's return and steps from each of its keys."""
    lanes, other = ClassicLanes(environment), gymnasium.make(environment).unwrapped
    chance = np.random.default_rng(members)
    given = np.stack([3 * first_policy(sizes, chance) for _ in range(members)])
    keys = chance.integers(0, 2**64, (members, episodes), np.uint64)
    found = live(lanes, sizes, given, keys)
    for member in range(members):
        for episode in range(min(2, episodes)):
            lanes.begin(0, int(keys[member, episode]))
            other.reset()
            other.state = lanes.state[: lanes.world.state, 0].copy()
            earned, steps, seen, terminated = 0.0, 0, lanes.observations[:, 0].copy(), False
            while not terminated and steps < CLASSIC_CONTROL[environment].limit:
                seen, reward, terminated, _, _ = other.step(answer(given[member], sizes, seen))
                earned, steps = earned + float(reward), steps + 1
            assert (found.returns[member, episode], found.steps[member, episode]) == (earned, steps)


def test_a_life_does_not_depend_on_the_others() -> None:
    """Alone, and among 40 others that end before and after it: the same bits."""
    lanes, chance, sizes = ClassicLanes("CartPole-v1"), np.random.default_rng(0), (4, 16, 2)
    members = np.stack([3 * first_policy(sizes, chance) for _ in range(41)])
    keys = chance.integers(0, 2**64, (41, 2), np.uint64)
    whole = live(lanes, sizes, members, keys)
    for member in range(0, 41, 5):
        one = live(lanes, sizes, members[member : member + 1], keys[member : member + 1])
        assert np.array_equal(one.returns[0], whole.returns[member])
        assert np.array_equal(one.steps[0], whole.steps[member])


def test_members_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="members are"):
        live(ClassicLanes("CartPole-v1"), (4, 2), np.zeros((1, 3), np.float32), np.zeros((1, 1), np.uint64))
