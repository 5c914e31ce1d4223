"""A resolved config loads back equal, and those that are shipped load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brains
from agentsim.config import located_yaml
from agentsim.config.load import Config, config_names, load_brain, load_config
from agentsim.config.naming import brain_names
from agentsim.errors import UserError

pytestmark = pytest.mark.usefixtures("fake_brain")


options = st.dictionaries(st.sampled_from(["shaping", "teacher_every"]), st.integers(0, 100))
sections = st.fixed_dictionaries(
    {
        "world": st.fixed_dictionaries({"id": st.just("agentsim/ChaseAvoid-v0"), "options": options}),
        "brain": st.fixed_dictionaries(
            {"kind": st.just("fake")},
            optional={
                "learning_rate": st.floats(1e-300, 1e300),
                "rule": st.sampled_from(["backprop", "tween"]),
                "layers": st.lists(
                    st.builds(lambda n: {"type": "dense", "units": n}, st.integers(1, 2**40))
                    | st.builds(lambda n: {"type": "memory", "window": n}, st.integers(-5, 5)),
                    max_size=4,
                ),
                "schedule": st.sampled_from(["every_tick", {"block": 4}, {"accumulate": 2}]),
            },
        ),
    },
    optional={
        "clock": st.fixed_dictionaries(
            {},
            optional={
                "tick_hz": st.floats(0.01, 1e5),
                "pacing": st.sampled_from(["sleep", "hybrid", "none"]),
                "overrun": st.sampled_from(["slip", "catch_up", "skip"]),
                "max_catch_up": st.integers(1, 1000),
                "speed": st.floats(0.001, 1e4),
            },
        ),
        "learn": st.fixed_dictionaries({}, optional={"steps_per_tick": st.integers(0, 64), "slack": st.booleans()}),
        "phases": st.lists(
            st.fixed_dictionaries({"task": st.text(min_size=1), "seconds": st.floats(0.001, 1e6)}), max_size=3
        ),
        "run": st.fixed_dictionaries(
            {}, optional={"seed": st.integers(0, 2**64), "seconds": st.none() | st.floats(0.001, 1e9)}
        ),
    },
)


@given(sections)
@settings(max_examples=100, deadline=None)
def test_a_resolved_config_loads_back_equal(data: dict[str, Any]) -> None:
    Path("one.yaml").write_text(located_yaml.dump(data), encoding="utf-8")
    config = load_config("one.yaml")
    Path("two.yaml").write_text(config.to_yaml(), encoding="utf-8")
    again = load_config("two.yaml")
    assert again == config
    assert again.to_yaml() == config.to_yaml()


@pytest.mark.parametrize("name", config_names())
def test_shipped_configs_load_and_load_back_equal(name: str) -> None:
    config = load_config(name)
    Path("again.yaml").write_text(config.to_yaml(), encoding="utf-8")
    assert load_config("again.yaml") == config


@pytest.mark.parametrize("name", [*brain_names(), *(kind for kind in brains.BRAINS if kind != "stepping")])
def test_every_brain_that_is_listed_loads(name: str) -> None:
    assert load_brain(name)["kind"] in brains.BRAINS


def test_shipped_configs_are_found_by_name_from_anywhere() -> None:
    for name in config_names():
        assert isinstance(load_config(name), Config)
    with pytest.raises(UserError, match="no config of that name"):
        load_config("arenaa")
