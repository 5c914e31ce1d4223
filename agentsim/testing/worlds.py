"""Can a Gymnasium environment be a world?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from agentsim.testing.states import copied, same, same_state
from brains.brain import NO_LABEL
from worlds.world import world_of


def check_world(make_world: Callable[[], Any], steps: int = 200) -> None:
    """Check that a Gymnasium environment can be a world of agentsim. Raises AssertionError if it cannot.

    Checked: gymnasium's own `check_env`; a flat float32 Box of observations, always finite; a Discrete or flat Box
    body; the same seed gives the same life; info["teacher_action"] and info["events"] where present; and, where the
    world has get_state and set_state, that the state round trip gives the same future bit for bit. A world that names
    several `agents` has a row of observations, a number of a MultiDiscrete action and one of info["rewards"] for each.
    """
    import gymnasium
    from gymnasium.utils.env_checker import check_env

    world = make_world()
    check_env(world.unwrapped, skip_render_check=True)
    space, actions = world.observation_space, world.action_space
    agents = world_of(world).agents if len(space.shape) == 2 else ()
    assert all(isinstance(name, str) for name in agents), f"agents must be names: {agents}"
    rows = (len(agents),) if agents else ()
    assert isinstance(space, gymnasium.spaces.Box) and space.shape[:-1] == rows and space.shape, (
        f"observations must be a {'Box with a row for each agent' if agents else 'flat Box'}: {space}"
    )
    assert space.dtype == np.float32, f"observations must be float32, not {space.dtype}"
    flat = isinstance(actions, gymnasium.spaces.Box) and len(actions.shape) == 1
    if agents:
        several = isinstance(actions, gymnasium.spaces.MultiDiscrete) and actions.shape == rows
        assert several, f"actions must be MultiDiscrete, a number for each agent: {actions}"
    else:
        assert flat or isinstance(actions, gymnasium.spaces.Discrete), (
            f"actions must be Discrete or a flat Box: {actions}"
        )
    choices = 0 if flat else int(actions.nvec.min()) if agents else int(actions.n)

    def act(rng: np.random.Generator) -> Any:
        if agents:
            return rng.integers(0, choices, len(agents))
        if not flat:
            return int(rng.integers(actions.n)) + int(actions.start)
        low, high = np.clip(actions.low, -1e3, 1e3), np.clip(actions.high, -1e3, 1e3)
        return rng.uniform(low, high).astype(actions.dtype)

    def live(world: Any, rng: np.random.Generator, start: bool = True) -> Iterator[list[Any]]:
        if start:
            observation, info = world.reset(seed=5)
            yield [observation.ravel(), info.get("teacher_action", NO_LABEL)]
        for _ in range(steps):
            observation, reward, terminated, truncated, info = world.step(act(rng))
            assert np.isfinite(observation).all(), f"observations must be finite, got {observation}"
            assert np.isfinite(reward), f"rewards must be finite, got {reward}"
            rewards = np.asarray(info.get("rewards", 0.0 if not agents else np.nan))
            assert np.isfinite(rewards).all() and (not agents or rewards.shape == rows), (
                f'info["rewards"] must be {len(agents)} finite numbers, got {rewards}'
            )
            if not flat and "teacher_action" in info:
                label = np.asarray(info["teacher_action"]).astype(int)
                assert label.shape == rows and ((label >= NO_LABEL) & (label < choices)).all(), (
                    f'info["teacher_action"] must be an action: {label}'
                )
            for name, count in info.get("events", {}).items():
                assert isinstance(name, str) and int(count) == count >= 0, 'info["events"] must map names to counts'
            taught = info.get("teacher_action", NO_LABEL)
            yield [observation.ravel(), reward, terminated, truncated, taught, rewards]
            if terminated or truncated:
                yield [world.reset()[0].ravel()]

    one = [np.hstack(row) for row in live(world, np.random.default_rng(0))]
    np.random.seed(3)  # noqa: NPY002  a world that reads the global generator is found out here
    other = [np.hstack(row) for row in live(make_world(), np.random.default_rng(0))]
    assert same(one, other), "two worlds reset with the same seed must live the same life: use self.np_random only"

    inner, optional = world.unwrapped, world_of(world)
    if optional.get_state is not None and optional.set_state is not None:
        world.reset(seed=6)
        world.step(act(np.random.default_rng(1)))
        state = inner.get_state()
        kept = copied(state)
        future = [np.hstack(row) for row in live(world, np.random.default_rng(2), start=False)]
        assert same_state(kept, state), "what get_state() returned must not change later: return copies"
        again = make_world()
        again.reset(seed=0)
        again.unwrapped.set_state(state)
        assert same_state(kept, again.unwrapped.get_state()), "get_state() after set_state(state) must equal state"
        repeated = [np.hstack(row) for row in live(again, np.random.default_rng(2), start=False)]
        assert same(future, repeated), "a world put back with set_state() must have the same future, bit for bit"
