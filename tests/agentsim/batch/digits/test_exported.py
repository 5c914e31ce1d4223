"""A trained net as a brain file: the brain of it says what the net says, and what is no brain is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentsim.batch import training
from agentsim.batch.digits.exported import save_brain
from agentsim.batch.digits.settings import DigitsConfig
from agentsim.batch.digits.task import ImagesTask
from agentsim.config.brain_file import known_as, read_brain_file
from agentsim.loop.building import build_brain
from brains.brain import Body
from brains.eqprop.brain import EqPropBrain

UNITS = ("clip", "clip2", "tanh", "sigmoid", "rational_tanh")


def trained(network: dict[str, Any]) -> ImagesTask:
    own = {} if network["kind"] == "stepping" else {"optimizer": {"learning_rate": [5e-3]}}
    given = {"network": network, "batch": 32, "batches": 30, "eval_interval": 30, **own}
    task = ImagesTask(DigitsConfig.model_validate(given))
    training.train(task)
    return task


NETS: list[dict[str, Any]] = [
    {"kind": "eqprop", "hidden": [24, 20], "units": units, "cost": cost, "gain": 0.6}
    for units in UNITS
    for cost in ("squared_error", "cross_entropy")
]
NETS += [{"kind": "stepping", "brain": {"layers": [{"type": "dense", "units": 16}, {"type": "dense"}]}}]


@pytest.mark.parametrize("network", NETS, ids=lambda net: f"{net['kind']}-{net.get('units')}-{net.get('cost')}")
def test_the_brain_says_what_the_net_says(tmp_path: Path, network: dict[str, Any]) -> None:
    """The compiled brain, out of the file, against the trainer's torch net on every test image; and their energies."""
    task = trained(network)
    path = tmp_path / "net.brain"
    assert save_brain(task.learner, path, "net")
    header, state = read_brain_file(path)
    assert (header.body.observation_size, header.body.actions) == (64, 10)
    images = task.split.test
    brain = build_brain({**header.brain}, Body(64, 10, teacher=True, lanes=1), np.random.SeedSequence(9), "brain")
    brain.load_state_dict(state)
    alike = brain.frozen_copy(lanes=len(images))
    for _ in range(alike.settling_ticks):
        said = alike.act(images.flat)
    expected = task.learner.scores(images).argmax(1)
    assert (said == expected).mean() > 0.995, "but for a tie in the last digit"
    if network["kind"] == "eqprop":
        many = build_brain({**header.brain}, Body(64, 10, teacher=True, lanes=100), np.random.SeedSequence(9), "brain")
        many.load_state_dict(state)
        many.act(images.first(100).flat)
        net_says = task.learner.figures(images.first(100))["energy"]
        assert many.figures()["free_energy"] == pytest.approx(net_says, rel=1e-4)
    assert known_as(path)


@pytest.mark.parametrize(
    "network",
    [
        {"kind": "backprop", "hidden": [8]},
        {"kind": "eqprop", "convolutions": [{"channels": 2, "kernel": 3}], "hidden": []},
        {"kind": "eqprop", "hidden": [8], "feedback": "kolen_pollack"},
        {"kind": "eqprop", "hidden": [8], "cost": "read_out"},
    ],
)
def test_what_is_no_brain_has_no_file(tmp_path: Path, network: dict[str, Any]) -> None:
    assert not save_brain(trained(network).learner, tmp_path / "net.brain", "net")
    assert not (tmp_path / "net.brain").exists()


def test_a_brain_out_of_a_file_stays_at_its_bound_from_the_first_update(tmp_path: Path) -> None:
    """gamma sigma^2 by numpy's singular values, after one update that hardly moves the weights."""
    task = trained({"kind": "eqprop", "hidden": [24, 20], "units": "tanh", "cost": "cross_entropy"})
    path = tmp_path / "net.brain"
    assert save_brain(task.learner, path, "net")
    header, state = read_brain_file(path)
    given = {**header.brain, "learning_rate": 1e-9}
    brain = build_brain(given, Body(64, 10, teacher=True), np.random.SeedSequence(9), "brain")
    brain.load_state_dict(state)
    images = task.split.test.first(1)
    assert isinstance(brain, EqPropBrain)
    own = brain.core
    own.learn(images.flat, np.eye(10)[images.labels])
    for gain, weight in zip(own.gains, own.weights[1:], strict=True):
        assert gain == pytest.approx(min(1, 0.5 / np.linalg.norm(weight, 2) ** 2), rel=0.02)
