"""Any Gymnasium world lives in the loop, by its id or in wrappers: it obeys its mask, resumes exactly or says no."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentsim.config.load import load_config
from agentsim.errors import UserError
from agentsim.loop.environment import Environment
from agentsim.loop.packing import pack, unpack
from agentsim.loop.simulation import Simulation
from tests.agentsim.loop.walks import STREAMING, WALKS, config_of, resumed


@pytest.fixture(autouse=True)
def _walks() -> Iterator[None]:
    for world in WALKS:
        gymnasium.register(f"{world.__name__}-v0", entry_point=world)
    yield
    for world in WALKS:
        del gymnasium.registry[f"{world.__name__}-v0"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("brain", [{"kind": "random"}, {"kind": "constant", "action": 1}, STREAMING])
@pytest.mark.parametrize("case", ["dict", "tuple", "multi"])
def test_worlds_of_any_space_live_obey_their_mask_and_resume(case: str, brain: dict[str, Any]) -> None:
    """The world itself fails when an action is taken that it forbade."""
    history = {"observations": 2, "actions": 1}
    again, whole = resumed(config_of({"id": "Walk-v0", "options": {"case": case}, "history": history}, brain), 45, 90)
    assert again == whole


@pytest.mark.parametrize("world", ["FrozenLake-v1", "CliffWalking-v1", "Blackjack-v1", "Taxi-v4", "Taxi-v3"])
def test_toy_worlds_by_id(world: str) -> None:
    if world not in gymnasium.registry:
        pytest.skip("another version of Gymnasium")
    config = load_config(world, overrides=["clock.pacing=none", "run.hash_every=10"])
    again, whole = resumed(config, 30, 60)
    assert again == whole


def test_box2d_by_id() -> None:
    pytest.importorskip("Box2D")
    again, whole = resumed(load_config("LunarLander-v3", overrides=["clock.pacing=none"]), 40, 60)
    assert again == whole


def test_an_image_made_smaller_by_a_wrapper() -> None:
    pytest.importorskip("Box2D")
    pytest.importorskip("cv2")
    wrappers = [{"ResizeObservation": {"shape": [8, 8]}}, {"GrayscaleObservation": {"keep_dim": False}}]
    with Simulation(config_of({"id": "CarRacing-v3", "wrappers": wrappers})) as simulation:
        simulation.run(3)
        observation = simulation.environment.observation
    assert simulation.error is None and observation.shape == (1, 64)
    assert 0 < observation.max() <= 1 and observation.min() >= 0


def test_a_grid_world_without_its_words() -> None:
    pytest.importorskip("minigrid")
    with pytest.raises(UserError, match="mission"):
        Simulation(config_of({"id": "MiniGrid-Empty-5x5-v0"}))
    keep = {"FilterObservation": {"filter_keys": ["image", "direction"]}}
    again, whole = resumed(config_of({"id": "MiniGrid-Empty-5x5-v0", "wrappers": [keep]}, STREAMING), 30, 50)
    assert again == whole


@pytest.mark.parametrize(
    ("wrappers", "message"),
    [
        (["TimeLimt"], "world.wrappers.0: unknown wrapper 'TimeLimt', did you mean TimeLimit"),
        (["TimeLimit"], "world.wrappers.0.TimeLimit: needs max_episode_steps"),
        ([{"TimeLimit": {"max_episode_step": 3}}], "did you mean max_episode_steps"),
        (["FlattenObservation", {"TimeLimit": {"max_episode_steps": "x"}}], "world.wrappers.1.TimeLimit"),
        (["RecordVideo"], "unknown wrapper 'RecordVideo'"),
    ],
)
def test_wrong_wrappers(wrappers: list[Any], message: str) -> None:
    with pytest.raises(UserError, match="wrappers") as caught:
        Environment(config_of({"id": "Walk-v0", "wrappers": wrappers}).world, np.random.SeedSequence(0))
    assert message in str(caught.value)


def test_a_time_limit_of_a_wrapper_ends_episodes() -> None:
    limited = config_of({"id": "Pendulum-v1", "wrappers": [{"TimeLimit": {"max_episode_steps": 7}}]})
    with Simulation(limited) as simulation:
        simulation.run(15)
        assert (simulation.environment.episode, simulation.environment.length) == (2, 1)
    again, whole = resumed(limited, 10, 40)
    assert again == whole


def test_rewards_that_remember_earlier_episodes_are_found_out_when_it_resumes() -> None:
    """Living the episode again gives the observation, and another return: it says so in place of another run."""
    with pytest.raises(UserError, match=r"episode_return: Grudge-v0 does not do .* cannot resume exactly"):
        resumed(config_of({"id": "Grudge-v0"}, {"kind": "random"}), 61, 90)


def test_a_state_of_any_plain_data_is_kept() -> None:
    config = config_of({"id": "Remembers-v0"})
    with Simulation(config) as simulation:
        assert simulation.environment.has_state
    again, whole = resumed(config, 45, 90)
    assert again == whole


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just(np.float32(1.5)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(plain)
def test_plain_data_comes_back_as_it_was(value: Any) -> None:
    found = unpack(pack({"value": value, "array": np.arange(3)}))
    assert repr(found["value"]) == repr(value)
    assert np.array_equal(found["array"], np.arange(3))


def test_no_code_comes_with_data() -> None:
    with pytest.raises(TypeError, match="function is no plain data"):
        pack([lambda: None])
