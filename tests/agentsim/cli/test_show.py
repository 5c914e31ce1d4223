"""`agentsim show` names every key of a config, its value and its meaning, where it was written and who learns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agentsim.batch import settings
from agentsim.batch.collatz.settings import CollatzConfig
from agentsim.batch.digits.settings import DigitsConfig, MnistConfig
from agentsim.batch.policy_gradient.settings import PolicyConfig
from agentsim.batch.settings import TrainingConfig
from agentsim.cli.app import app
from agentsim.cli.show import described
from agentsim.config.lines import lines
from agentsim.config.load import config_names, load_config
from agentsim.config.naming import brain_names


def leaves(value: Any, at: str = "") -> dict[str, Any]:
    """Every value of plain data that is no mapping with keys and no list of such, by its dotted key."""
    if isinstance(value, dict) and value:
        return {key: inner for name, held in value.items() for key, inner in leaves(held, f"{at}.{name}").items()}
    if isinstance(value, list) and any(isinstance(held, dict) for held in value):
        return {key: inner for name, held in enumerate(value) for key, inner in leaves(held, f"{at}.{name}").items()}
    return {at.removeprefix("."): value}


def there(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Of what is shown, what holds no other keys."""
    return {row["key"]: row["value"] for row in rows if row["written"] is not None}


@pytest.mark.parametrize("name", config_names())
def test_every_key_has_its_value_and_a_meaning(name: str) -> None:
    config = load_config(name)
    shown = described(config)
    data = json.loads(config.model_dump_json())
    options = data["world"].pop("options")  # whose keys are the world's own
    found = there(shown["keys"])
    assert found.pop("world.options") == options
    wanted = leaves(data)
    assert {key: found[key] for key in wanted} == wanted
    # of what is written, where they are not used
    left_out = ("world.wrappers", "world.history.", "world.label_noise", "brains", "brain")
    assert all(key.startswith(left_out) and ".layers" not in key for key in found.keys() - wanted.keys())
    assert all(row["meaning"] for row in shown["keys"])


@pytest.mark.parametrize("name", brain_names())
def test_every_key_of_every_brain_has_a_meaning(name: str) -> None:
    assert all(line.meaning for line in lines(load_config("arena", brain=name)))


@pytest.mark.parametrize("model", [CollatzConfig, DigitsConfig, MnistConfig, PolicyConfig])
def test_every_key_of_an_offline_mode_has_a_meaning(model: type[TrainingConfig]) -> None:
    for name in settings.names(model.mode):
        assert all(line.meaning for line in lines(settings.load(model, name)))


def test_where_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("base.yaml").write_text("world:\n  id: agentsim/ChaseAvoid-v0\nbrain: constant\nclock: {tick_hz: 9}\n")
    Path("mine.yaml").write_text("# mine\nextends: base.yaml\nclock:\n  speed: 2\n")
    config = load_config("mine.yaml", overrides=["run.seed=4"])
    written = {row["key"]: row["written"] for row in described(config)["keys"]}
    assert written["world.id"] == "base.yaml:2" and written["clock.tick_hz"] == "base.yaml:4"
    assert written["clock.speed"] == "mine.yaml:4" and written["run.seed"] == "--set run.seed=4"
    assert written["clock.pacing"] == "default" and written["clock"] is None


@pytest.mark.parametrize(
    ("config", "brain", "learner"),
    [
        ("arena", "arena", "TaughtBrain"),
        ("cartpole", "reward", "StreamingBrain"),
        ("cartpole", "reward-replay", "QLearningBrain"),
        ("arena", "random", "RandomBrain"),
    ],
)
def test_who_learns(config: str, brain: str, learner: str) -> None:
    (only,) = described(load_config(config, brain))["brains"]
    assert (only["name"], only["learner"]) == (brain, learner)


def test_what_fits() -> None:
    """By the contract: what learns from reward fits where there is no teacher, what needs an oracle does not."""
    fits = described(load_config("cartpole"))["fits"]
    assert {"random", "constant", "reward", "reward-stepping"} <= {*fits} and not {"arena", "bias-only"} & {*fits}


def test_for_people() -> None:
    result = CliRunner().invoke(app, ["show", "duel"])
    assert result.exit_code == 0 and "brains that fit" in result.stdout and "evader is a TaughtBrain" in result.stdout
    result = CliRunner().invoke(app, ["show", "cartpole", "--brain", "arena"])
    assert result.exit_code == 2 and "CartPole-v1 has no teacher; brains that fit: constant" in result.output
