"""Stepping brains that images stream through: what they learn, exact resume, the numbers that they learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentsim.batch import training
from agentsim.batch.digits.learners import learner_of
from agentsim.batch.digits.settings import DigitsConfig
from agentsim.batch.digits.task import ImagesTask, errors
from agentsim.errors import UserError
from agentsim.runs.checkpoint import CHECKPOINT

TWEEN = {"execution": "sequential", "rule": "tween_chain", "learning_rate": 0.05}
STEPPING = {"execution": "stepping", "align": "pipeline", "optimizer": "adam", "learning_rate": 0.003}


def config(brain: dict[str, Any], batches: int = 60) -> DigitsConfig:
    layers = [{"type": "dense", "units": 24}, {"type": "dense"}]
    network = {"kind": "stepping", "brain": {"layers": layers, "schedule": {"accumulate": 8}, **brain}}
    return DigitsConfig.model_validate({"network": network, "batch": 64, "batches": batches, "eval_interval": 30})


@pytest.mark.parametrize("brain", [TWEEN, STEPPING])
def test_it_learns_and_goes_on_to_the_same_bits(tmp_path: Path, brain: dict[str, Any]) -> None:
    """Chance is .9 wrong. An interrupted training ends as the whole one does."""
    whole = ImagesTask(config(brain))
    assert whole.learner.size == 64 * 24 + 24 + 24 * 10 + 10
    training.train(whole)
    assert errors(whole.learner, whole.split.test) < 0.25
    parts, asked = ImagesTask(config(brain)), [False] * 25 + [True] * 2
    training.train(parts, tmp_path, stop=lambda: asked.pop(0))
    assert (tmp_path / CHECKPOINT).exists()
    again = ImagesTask(config(brain))
    training.train(again, tmp_path)
    for name, array in whole.learner.state_dict().items():
        assert np.array_equal(array, again.learner.state_dict()[name]), name


def test_scores_are_the_answers_that_the_brain_gives_to_images_that_stand_still() -> None:
    """By acting on one image for as long as it takes, with a copy of its own: an answer says nothing of its neighbours
    in the batch."""
    task = ImagesTask(config(STEPPING, 5))
    training.train(task)
    images = task.split.test.first(12)
    scores = task.learner.scores(images)
    assert (scores.sum(axis=1) == 1).all()
    for image, score in zip(images.flat, scores, strict=True):
        alone = task.learner.brain.frozen_copy()
        for _ in range(alone.settling_ticks):
            action = alone.act(image[None])
        assert score[action[0]] == 1


@pytest.mark.parametrize(
    ("brain", "said"),
    [
        ({"layers": [{"type": "rnn", "units": 8}, {"type": "dense"}]}, "no layer may carry a state"),
        ({"align": "sideways"}, "network.brain.align"),
    ],
)
def test_what_cannot_stream_is_refused(brain: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        learner_of(config(brain), 64)


def test_an_optimizer_beside_the_brain_is_refused() -> None:
    given = config(TWEEN).model_dump(mode="json") | {"optimizer": {"learning_rate": [0.1]}}
    with pytest.raises(ValueError, match="optimizer: a stepping brain has its own"):
        DigitsConfig.model_validate(given)
