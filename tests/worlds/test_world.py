"""The World contract: its members are found once, and a state is trusted only after a round trip."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

import worlds
from worlds.world import World, keeps_its_state, world_of

worlds.register()


@pytest.mark.parametrize("name", [name for name in worlds.WORLDS if "Chase" in name])
def test_our_worlds_have_what_they_say(name: str) -> None:
    """Found through Gymnasium's wrappers; what is there can be called as the contract says."""
    env = gymnasium.make(name, max_episode_steps=9)
    world = world_of(env)
    observation, info = env.reset(seed=0)
    assert world.oracle is not None
    np.testing.assert_array_equal(world.oracle(observation), info["teacher_action"])
    assert world.sample_states is not None
    observations, right = world.sample_states(5, 1, np.random.default_rng(0))
    np.testing.assert_array_equal(world.oracle(observations), right)
    assert {*(world.score_rates or {})} <= {*(world.score_events or {})} == {*(world.agents or world.tasks)}
    assert [kernel.partition(":")[2] for kernel in world.kernels] == ["begin", "advance", "sense"]
    assert (world.switch_task is None) == (world.drag_target is None) == (world.observe is None) == bool(world.agents)
    assert world.push is None
    assert keeps_its_state(world, lambda: env.unwrapped.step(env.action_space.sample() * 0))


def test_a_world_of_another_house_has_none() -> None:
    assert world_of(gymnasium.make("CartPole-v1")) == World()


class Counting:
    """Counts, and draws a number; how it is saved is wrong in the way that it is told."""

    def __init__(self, fault: str) -> None:
        self.fault, self.count, self.random = fault, np.zeros(1, np.int64), np.random.default_rng(0)
        self.drawn = self.random.random()

    def step(self) -> Any:
        self.count += 1
        self.drawn = self.random.random()
        return self.count.copy(), {"drawn": self.drawn, "none": np.nan}

    def get_state(self) -> dict[str, Any]:
        if self.fault == "raises":
            raise RuntimeError("not now")
        state = {"count": self.count.copy(), "drawn": self.drawn}
        return state if self.fault == "forgets chance" else state | {"random": self.random.bit_generator.state}

    def set_state(self, state: dict[str, Any]) -> None:
        self.count, self.drawn = state["count"].copy(), state["drawn"]
        if self.fault == "half set":
            self.drawn += 1
        if "random" in state:
            self.random.bit_generator.state = state["random"]


@pytest.mark.parametrize("fault", ["", "raises", "forgets chance", "half set"])
def test_a_state_is_trusted_after_a_round_trip(fault: str) -> None:
    inner = Counting(fault)
    world = World(get_state=inner.get_state, set_state=inner.set_state)
    inner.step()
    before = (inner.count.copy(), inner.drawn, inner.random.bit_generator.state)
    assert keeps_its_state(world, inner.step) == (fault == "")
    if not fault:
        assert (inner.count, inner.drawn, inner.random.bit_generator.state) == before
    assert not keeps_its_state(World(get_state=inner.get_state), inner.step)
