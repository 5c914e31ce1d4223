"""Can a Gymnasium environment be a world?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np

from agentsim.errors import UserError
from agentsim.loop.packing import restored, saved
from agentsim.loop.spaces import body_of, choice_of, mask_of, native_of, senses_of
from agentsim.testing.states import same
from brains.brain import NO_LABEL
from worlds.world import same_values, world_of


def check_world(make_world: Callable[[], Any], steps: int = 200) -> None:
    """Check that a Gymnasium environment can be a world of agentsim. Raises AssertionError if it cannot.

    Checked: gymnasium's own `check_env`; spaces that the loop can make a row of numbers of, and a body; observations
    of that space, finite; the same seed gives the same life; info["teacher_action"], info["events"] and
    info["action_mask"] where present; as many `observation_names` and `action_names` as there are; and, where the world
    has get_state and set_state, that the state round trip, through a file, gives the same future bit for bit. A world
    that names several `agents` has a row of observations, a number of a MultiDiscrete action and one of info["rewards"]
    for each.
    """
    from gymnasium.utils.env_checker import check_env

    world = make_world()
    check_env(world.unwrapped, skip_render_check=True)
    optional = world_of(world)
    assert all(isinstance(name, str) for name in optional.agents), f"agents must be names: {optional.agents}"
    try:
        agents, size, write = senses_of("the world", world.observation_space, optional.agents)
        body = body_of("the world", world.action_space, agents, size, None)
    except UserError as error:
        raise AssertionError(f"{error}") from error
    to_native = native_of(world.action_space, body)
    for names, count in ((optional.observation_names, size), (optional.action_names, body.actions)):
        assert len(names) in (0, count), f"{len(names)} names for {count} numbers: {', '.join(names)}"

    def row_of(observation: Any) -> np.ndarray[Any, Any]:
        row = np.zeros((len(agents), size) if agents else size, np.float32)
        try:
            write(row, observation)
        except ValueError as error:
            raise AssertionError(f"{error}") from error
        assert np.isfinite(row).all(), f"observations must be finite, got {observation}"
        return row.ravel()

    def act(rng: np.random.Generator, info: dict[str, Any]) -> Any:
        if body.discrete:
            allowed = np.ones(body.actions, np.bool_)
            if info.get("action_mask") is not None:
                allowed = mask_of("the world", world.action_space, body, info["action_mask"])
            return to_native(rng.choice(np.flatnonzero(allowed), body.lanes))
        return to_native(rng.uniform(body.low, body.high, (1, body.actions)))

    def label_of(info: dict[str, Any]) -> Any:
        label = info.get("teacher_action", np.nan if not body.discrete else NO_LABEL)
        if not body.discrete:
            return np.asarray(label, float).ravel()
        label = np.asarray(label if agents else choice_of(world.action_space, label)).astype(int)
        assert label.shape == ((body.lanes,) if agents else ()) and (label >= NO_LABEL).all(), (
            f'info["teacher_action"] must be an action: {label}'
        )
        assert (label < body.actions).all(), f'info["teacher_action"] must be an action: {label}'
        return label.ravel()

    def live(world: Any, rng: np.random.Generator, info: dict[str, Any] | None = None) -> Iterator[list[Any]]:
        if info is None:
            observation, info = world.reset(seed=5)
            yield [row_of(observation), label_of(info)]
        for _ in range(steps):
            observation, reward, terminated, truncated, info = world.step(act(rng, info))
            assert np.isfinite(reward), f"rewards must be finite, got {reward}"
            rewards = np.asarray(info.get("rewards", 0.0 if not agents else np.nan))
            assert np.isfinite(rewards).all() and (not agents or rewards.shape == (len(agents),)), (
                f'info["rewards"] must be {len(agents)} finite numbers, got {rewards}'
            )
            for name, count in info.get("events", {}).items():
                assert isinstance(name, str) and int(count) == count >= 0, 'info["events"] must map names to counts'
            yield [row_of(observation), reward, terminated, truncated, label_of(info), rewards]
            if terminated or truncated:
                observation, info = world.reset()
                yield [row_of(observation)]

    one = [np.hstack(row) for row in live(world, np.random.default_rng(0))]
    np.random.seed(3)  # noqa: NPY002  a world that reads the global generator is found out here
    other = [np.hstack(row) for row in live(make_world(), np.random.default_rng(0))]
    assert same(one, other), "two worlds reset with the same seed must live the same life: use self.np_random only"

    if optional.get_state is not None and optional.set_state is not None:
        _, info = world.reset(seed=6)
        *_, info = world.step(act(np.random.default_rng(1), info))
        state = world.unwrapped.get_state()
        kept, filed = deepcopy(state), restored(saved(state))
        future = [np.hstack(row) for row in live(world, np.random.default_rng(2), info)]
        assert same_values(kept, state), "what get_state() returned must not change later: return copies"
        again = make_world()
        again.reset(seed=0)
        again.unwrapped.set_state(filed)
        assert same_values(kept, again.unwrapped.get_state()), "get_state() after set_state(state) must equal state"
        repeated = [np.hstack(row) for row in live(again, np.random.default_rng(2), info)]
        assert same(future, repeated), "a world put back with set_state() must have the same future, bit for bit"
