"""What a body senses of the past, beside lists that are kept of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest

from agentsim.config.load import Config
from agentsim.loop.environment import Environment
from tests.agentsim.loop.walks import WALKS, Walk, config_of
from worlds.world import World


@pytest.fixture(autouse=True)
def _walks() -> Iterator[None]:
    for world in WALKS:
        gymnasium.register(f"{world.__name__}-v0", entry_point=world)
    yield
    for world in WALKS:
        del gymnasium.registry[f"{world.__name__}-v0"]


def test_history_is_what_was(make_config: Callable[..., Config]) -> None:
    """Rows against a list that is kept beside them: newest first, zeros after a reset, actions one-hot."""
    config = config_of({"id": "CartPole-v1", "history": {"observations": 3, "actions": 2}})
    environment = Environment(config.world, np.random.SeedSequence(4))
    assert environment.body.observation_size == 3 * 4 + 2 * 2
    rng, past, did = np.random.default_rng(0), [environment.observation[0, :4].copy()], list[np.ndarray[Any, Any]]()
    episode, ends = 0, 0
    for _ in range(60):
        action = rng.integers(2, size=1)
        experience = environment.step(action)
        did.insert(0, np.eye(2)[action[0]])
        past.insert(0, experience.next_observation[0, :4].copy())
        wanted = np.concatenate(
            [np.stack([*past, np.zeros(4), np.zeros(4)])[:3].ravel(), np.stack([*did, np.zeros(2)])[:2].ravel()]
        )
        assert np.array_equal(experience.next_observation[0], wanted.astype(np.float32))
        if environment.episode != episode:
            episode, ends = environment.episode, ends + 1
            past, did = [environment.observation[0, :4].copy()], []
            assert not environment.observation[0, 4:].any()
    assert ends > 1
    names = environment.observation_names
    assert names[0] == "cart position" and names[4] == "cart position, 1 ago" and names[-1] == "right, 2 ago"


def test_with_a_history_the_oracle_and_the_probe_look_at_now() -> None:
    config = config_of({"id": "agentsim/ChaseAvoid-v0", "history": {"observations": 2, "actions": 3}})
    environment = Environment(config.world, np.random.SeedSequence(4))
    plain = Environment(config_of({"id": "agentsim/ChaseAvoid-v0"}).world, np.random.SeedSequence(4))
    assert environment.body.oracle is not None and plain.world.sample_states is not None
    assert environment.world.sample_states is not None and plain.body.oracle is not None
    rows, right = environment.world.sample_states(50, 0, np.random.default_rng(1))
    own, answers = plain.world.sample_states(50, 0, np.random.default_rng(1))
    assert np.array_equal(rows[:, :8], own) and np.array_equal(rows[:, 8:16], own) and not rows[:, 16:].any()
    assert np.array_equal(right, answers) and np.array_equal(environment.body.oracle(rows), plain.body.oracle(own))


def test_without_a_history_a_config_is_written_as_before() -> None:
    assert config_of({"id": "CartPole-v1"}).model_dump(mode="json")["world"] == {"id": "CartPole-v1", "options": {}}
    kept = config_of({"id": "CartPole-v1", "history": {"actions": 2}, "wrappers": ["FlattenObservation"]})
    assert Config.model_validate(kept.model_dump(mode="json")) == kept


def test_names_fit_their_worlds() -> None:
    for world in ("CartPole-v1", "Pendulum-v1", "Acrobot-v1", "MountainCar-v0", "MountainCarContinuous-v0",
                  "agentsim/ChaseAvoid-v0", "agentsim/ChaseAvoidClassic-v0", "agentsim/ChaseEvade-v0"):  # fmt: skip
        environment = Environment(config_of({"id": world}).world, np.random.SeedSequence(0))
        body = environment.body
        assert len(environment.observation_names) == body.observation_size, world
        assert len(environment.action_names) == body.actions, world


def test_a_world_that_a_function_makes_has_a_picture() -> None:
    gymnasium.register("Made-v0", entry_point=lambda render_mode=None: Walk(render_mode=render_mode))
    try:
        environment = Environment(config_of({"id": "Made-v0"}).world, np.random.SeedSequence(0))
        picture = environment.render()
        assert picture is not None and picture.shape == (8, 8, 3)
    finally:
        del gymnasium.registry["Made-v0"]


def test_world_members_are_documented() -> None:
    assert all(f"`{name}" in (World.__doc__ or "") for name in World.__dataclass_fields__)
