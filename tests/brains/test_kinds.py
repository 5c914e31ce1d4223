"""Kinds of brain: the oracle goes only to those that ask for it, and the body decides what a stepping brain becomes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

import brains
from brains.brain import Body, kind
from brains.stepping.q_learning import QLearningBrain
from brains.stepping.streaming import StreamingBrain
from brains.stepping.taught import TaughtBrain

SEED = np.random.SeedSequence(0)


def oracle(observations: Any) -> Any:
    return np.zeros(len(observations), np.int64)


BODY = Body(4, 2, teacher=True, oracle=oracle)


def handed(asks: bool | None) -> Any:
    """What a kind that asks, does not ask, or does not say, finds in its body."""

    @kind(BaseModel)
    def curious(config: Any, body: Body, seed: np.random.SeedSequence) -> Any:
        return body

    if asks is not None:
        curious.asks_the_oracle = asks  # type: ignore[attr-defined]
    return brains.make(curious, None, BODY, SEED)  # type: ignore[arg-type]


def test_the_oracle_goes_only_to_kinds_that_ask() -> None:
    assert handed(True) is BODY
    assert handed(False) == handed(None) == BODY.without_oracle() and handed(None).oracle is None


@pytest.mark.parametrize("name", brains.BRAINS)
def test_which_kinds_ask(name: str) -> None:
    asking = {"oracle", "repeat_last_label", "bias_only"}
    assert getattr(brains.load(name), "asks_the_oracle", False) == (name in asking)


@pytest.mark.parametrize(
    ("teacher", "replay", "learner"),
    [
        (True, None, TaughtBrain),
        (True, {}, TaughtBrain),
        (False, None, StreamingBrain),
        (False, {}, QLearningBrain),
    ],
)
def test_the_body_decides_what_a_stepping_brain_learns_from(teacher: bool, replay: Any, learner: type) -> None:
    made = brains.load("stepping")
    readout = "linear" if learner is QLearningBrain else "softmax"
    settings = {"layers": [{}], "execution": "sequential", "readout": readout, "replay": replay}
    config = made.Config.model_validate(settings)
    assert type(made(config, Body(4, 2, teacher=teacher), SEED)) is learner
