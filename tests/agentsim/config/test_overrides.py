"""Overrides of a config's keys."""

from __future__ import annotations

import pytest

from agentsim.config.load import load_config
from tests.agentsim.config.fake_brain import GOOD, write, wrong

pytestmark = pytest.mark.usefixtures("fake_brain")


def test_overrides_are_yaml_and_reach_everywhere() -> None:
    overrides = [
        "clock.tick_hz=1e2",
        "world.options={shaping: 1e-3}",
        "brain.layers=[{type: dense, units: 3}]",
        "brain.layers.0.units=5",
        "run.seed=9",
        "run.seconds=2.5",
        "phases=[{task: chase, seconds: 1}, {task: avoid, seconds: 2}]",
        "phases.1.seconds=4",
    ]
    config = load_config(write(GOOD), overrides=overrides)
    assert config.clock.tick_hz == 100 and config.world.options == {"shaping": 0.001}
    assert config.brain["layers"] == [{"type": "dense", "units": 5}]
    assert (config.run.seed, config.run.seconds) == (9, 2.5)
    assert [(phase.task, phase.seconds) for phase in config.phases] == [("chase", 1), ("avoid", 4)]


def test_nothing_takes_a_key_out() -> None:
    assert load_config(write(GOOD)).clock.tick_hz == 120
    assert load_config(write(GOOD), overrides=["clock.tick_hz=", "run.seconds="]).clock.tick_hz == 60
    assert (
        load_config(write(GOOD), overrides=["brain.layers=[{type: dense, units: 3}]", "brain.layers.0="]).brain[
            "layers"
        ]
        == []
    )


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("brain.learning_rat=0.05", "--set brain.learning_rat=0.05: brain.learning_rat: unknown key, did you mean"),
        ("clock.tick_hz=-3", "--set clock.tick_hz=-3: clock.tick_hz: should be"),
        ("clock={tick_hs: 3}", "--set clock={tick_hs: 3}: clock.tick_hs: unknown key, did you mean tick_hz?"),
        ("clock.tick_hz=null", "--set clock.tick_hz=null: clock.tick_hz: should be a valid number, got nothing"),
        ("clock.tick_hz", "write it as KEY=VALUE"),
        ("=3", "write it as KEY=VALUE"),
        ("clock..tick_hz=3", "write it as KEY=VALUE"),
        ("clock.tick_hz=[1", "--set clock.tick_hz=[1: not valid YAML"),
        ("clock.tick_hz=!!python/name:os.system 1", "is not allowed"),
        ("clock.tick_hz.x=3", "clock.tick_hz is a single value, it has no key x"),
        ("phases.0.seconds=3", "--set phases.0.seconds=3: phases"),
        ("brain=nothing", "--set brain=nothing: brain: unknown brain"),
        ("nonsense=1", "--set nonsense=1: nonsense: unknown key"),
    ],
)  # fmt: skip
def test_wrong_overrides(override: str, message: str) -> None:
    assert message in "\n".join(wrong(GOOD, override))


def test_overrides_make_the_sections_that_are_not_there() -> None:
    assert load_config(write(GOOD), overrides=["learn.slack=true"]).learn.slack is True
