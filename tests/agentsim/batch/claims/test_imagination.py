"""World models and imagination: the true physics against Gymnasium, figures by hand, the commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from typer.testing import CliRunner

from agentsim.batch.claims import imagination
from agentsim.batch.claims.physics import PHYSICS, TrueModel
from agentsim.cli.app import app
from brains.eqprop.preferences import PREFERENCES

PLANNED: dict[str, Any] = {"pendulum": lambda a: a[0] / 2, "cartpole": lambda a: 2 * a - 1, "acrobot": lambda a: a - 1}


@pytest.mark.parametrize("world", PHYSICS)
def test_the_true_physics_is_gymnasiums(world: str) -> None:
    environment = gymnasium.make(imagination.IDS[world])  # type: ignore[index]
    environment.action_space.seed(1)
    about = PREFERENCES[world]
    scale, unit = (np.array(own, np.float32) for own in (about.scale, about.change))
    model = TrueModel(world, scale, unit)
    observation, _ = environment.reset(seed=1)
    for _ in range(200):
        action = environment.action_space.sample()
        planned = {"pendulum": lambda a: a[0] / 2, "cartpole": lambda a: 2 * a - 1, "acrobot": lambda a: a - 1}[world](
            action
        )
        following, _, terminated, truncated, _ = environment.step(action)
        x = np.append(observation / scale, planned).astype(np.float32)[None]
        np.testing.assert_allclose(model.predict(x)[0] * unit, following - observation, atol=3e-5)
        observation = environment.reset()[0] if terminated or truncated else following


def test_errors_and_outcomes_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagination, "BLOCK", 2)
    life = {"wrong": [1.0, 3, 2, 0], "happened": [2.0, 6, 1, 1], "returns": [1.0, 2, 3, 4, 5, 6], "microseconds": 7.0}
    assert imagination.errors([life])["nmse"] == [[0.5, 1.0]]
    found = imagination.outcomes([life])
    assert (found["mean"], found["first"], found["last"], found["worst"]) == ([3.5], [3.0], [4.0], [1.0])


def test_rows_are_what_they_are_called() -> None:
    lives = {
        who: imagination.life_of("imagination", "acrobot", who, 0)
        for who in (*imagination.LEARNED, *imagination.CONTROLS)
    }
    assert lives["eqprop"].brain["model"]["kind"] == "eqprop"
    assert lives["backprop"].brain["model"] == {**lives["eqprop"].brain["model"], "kind": "backprop"}
    assert lives["quadratic"].brain["model"] == {"kind": "quadratic"}
    assert lives["eqprop, untrained"].brain["learns"] is False
    assert lives["random"].brain["babble"] == imagination.NEVER
    bodies = imagination.body_of(gymnasium.make("Acrobot-v1"))
    assert isinstance(imagination.brain_of(lives["the true physics"], bodies).model, TrueModel)


def test_lives_of_one_seed_begin_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same random actions in the same episodes, whether it learns, is told the truth, or never learns: what is
    paired by seed has the same beginnings."""
    monkeypatch.setattr(imagination, "EPISODES", {"cartpole": 1})
    lives = [imagination.life_of("imagination", "cartpole", who, 3) for who in ("linear", *imagination.CONTROLS[:2])]
    linear, *others = (imagination.lived(life)["happened"][:101] for life in lives)
    for other in others:
        assert other[:100] == linear[:100]
    environment = gymnasium.make("CartPole-v1")
    brain = imagination.brain_of(lives[1], imagination.body_of(environment))
    assert brain.babble == 100, "after which all of them plan"


def test_command_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The true physics balances once it may plan; random does not: Gymnasium's CartPole ends at 500."""
    monkeypatch.setattr(imagination, "EPISODES", {"cartpole": 1})
    monkeypatch.setattr(imagination, "MODEL_TICKS", {"cartpole": 200})
    monkeypatch.setattr(imagination, "BLOCK", 100)
    words = ["--world", "cartpole", "--seeds", "1", "--jobs", "1", "--json"]
    rows: dict[str, dict[str, Any]] = {}
    for command in ("imagination", "models"):
        done = CliRunner().invoke(app, ["check", command, *words, "--out", str(tmp_path / command)])
        assert done.exit_code == 0, done.output
        rows[command] = {row["who"]: row for row in json.loads(done.stdout)["rows"]}
    assert rows["imagination"]["the true physics"]["mean"] == [500]
    assert rows["imagination"]["random"]["mean"][0] < 100
    assert rows["models"]["linear least squares"]["nmse"][0][1] < 0.01
    shown = CliRunner().invoke(app, ["check", "imagination", *words[:-1], "--out", str(tmp_path / "imagination")])
    assert "who imagines" in shown.stdout and "true physics" in shown.stdout
