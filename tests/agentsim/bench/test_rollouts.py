"""`agentsim bench rollouts`: every row is there, and all of them move the same world."""

from __future__ import annotations

import json
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from agentsim.bench import rollouts
from agentsim.cli.app import app


def test_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a compiler, which would take a minute."""
    measure = rollouts.measure
    monkeypatch.setattr(rollouts, "measure", lambda **given: measure(**given, block=0.002))
    monkeypatch.setattr(rollouts.shutil, "which", lambda name: None)
    done = CliRunner().invoke(app, ["bench", "rollouts", "--repeats", "1", "--json"])
    assert done.exit_code == 0, done.output
    first, *others = json.loads(done.stdout)["rows"]
    assert len(others) == 2
    for row in others:
        assert row["ratio"] == pytest.approx(first["steps_per_second"] / row["steps_per_second"])


def test_ours_is_counted_by_its_steps() -> None:
    """Two lives of every member, 1 to 500 steps each, and most of them balance to the end."""
    _, steps = rollouts.ours()
    assert 0.8 * 500 * 2 * rollouts.MEMBERS < steps <= 500 * 2 * rollouts.MEMBERS


def test_torch_moves_as_gymnasium_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call of twenty steps, from a state of all lanes, with the actions that its own policies choose."""
    made: dict[str, Any] = {}
    monkeypatch.setattr(torch, "compile", lambda step: made.setdefault("step", step))
    rollouts.in_torch(compiled=True)
    step, state = made["step"], 0.1 * torch.rand(rollouts.MEMBERS, 4) - 0.05
    noise = torch.zeros_like(state)
    after = step(state, noise)
    env: Any = gymnasium.make("CartPole-v1").unwrapped
    env.reset()
    for lane in range(20):
        found = []
        for action in range(2):
            env.state = state[lane].double().numpy()
            env.step(action)
            found.append(np.asarray(env.state))
        nearest = min(float(np.abs(after[lane].numpy() - each).max()) for each in found)
        assert nearest < 1e-6
