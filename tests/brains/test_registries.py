"""A layer type and a learning rule from outside: everything that is said of them is said in this file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pytest
import torch
from pydantic import ValidationError

import agentsim
from agentsim.config.located_yaml import Located
from agentsim.config.validation import validate
from brains.brain import Body, Experience
from brains.kernels.program import block, op, rate
from brains.kernels.reference.backprop import backprop
from brains.kernels.reference.operation import Operation
from brains.layers import LAYERS
from brains.layers.plan import LayerConfig, Parameter, Plan, constant
from brains.rules import RULES, Rule
from brains.stepping.kind import stepping
from brains.stepping.settings import SteppingConfig


class GainConfig(LayerConfig):
    """y = g x, number by number; `start` is the first g."""

    type_rate = 0.25
    reference = f"{__name__}:Gain"

    type: Literal["gain"]
    start: float = 1.0

    def plan(self, shape: tuple[int, ...]) -> Plan:
        return Plan(shape, (Parameter("gain", (math.prod(shape),), constant(self.start)),))


class Gain(Operation):
    """The same in torch; its gradients are autograd's."""

    gain: torch.Tensor

    @staticmethod
    def shapes(row: Any) -> Any:
        return {"gain": (row[op.UNITS],)}, {}

    def forward(self, x: torch.Tensor, kept: Any = None) -> tuple[torch.Tensor, None]:
        return self.gain * x, None


def sample(lane: Any, wave: Any, goal: torch.Tensor, now: bool) -> Any:
    """The rule `sign`: the gradient of half the squared error ..."""
    error = goal - wave.output
    return 0.5 * float(error @ error), backprop(lane.layers, wave, lane.errors, error)


def update(lane: Any) -> bool:
    """... of which the sign counts."""
    lane.own[block.VALUE].add_(torch.sign(lane.own[block.GRADIENT]), alpha=lane.rate)
    return True


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """Known while a test runs."""
    agentsim.register_layer("gain", GainConfig)
    agentsim.register_rule("sign", Rule(__name__, "nowhere", from_reward=True))
    yield
    del LAYERS["gain"], RULES["sign"]


SETTINGS = {
    "backend": "torch",
    "execution": "sequential",
    "readout": "linear",
    "rule": "sign",
    "learning_rate": 0.125,
    "layers": [{"type": "gain", "start": 2.0}, {}],
}


def test_they_compute_what_they_say() -> None:
    """o = (2 x) W + b; every parameter with a gradient goes 1/8 up or down, as -d loss / d parameter says."""
    body = Body(3, 2, discrete=False, low=(-9.0, -9.0), high=(9.0, 9.0), teacher=True)
    brain = stepping(SteppingConfig.model_validate(SETTINGS), body, np.random.SeedSequence(0))
    network, x = brain.network, np.array([[0.5, -1.0, 0.25]], np.float32)
    weight, goal = network.weight(1).copy(), np.array([[1.0, -1.0]], np.float32)
    action = brain.act(x)
    np.testing.assert_allclose(action, 2 * x @ weight, rtol=1e-6)
    nothing, no = np.zeros(1, np.float32), np.zeros(1, bool)
    learning = brain.learn(Experience(x, action, nothing, x, no, no, goal))
    error = (goal - action)[0]
    assert learning.updates == 1 and learning.loss == pytest.approx(0.5 * error @ error, rel=1e-5)
    np.testing.assert_allclose(network.weight(1) - weight, 0.125 * np.sign(np.outer(x, error)), atol=1e-6)
    np.testing.assert_allclose(network.bias(1), 0.125 * np.sign(error), atol=1e-6)
    np.testing.assert_allclose(network.parameter(0, "gain"), 2 + 0.125 * np.sign(x[0] * (weight @ error)), atol=1e-6)
    assert brain.numbers[rate.NUMBERS + 1] == 0.25 and brain.numbers[rate.NUMBERS + 3] == 1.0  # type rates


def test_they_are_part_of_a_config_and_of_its_schema() -> None:
    config = SteppingConfig.model_validate(SETTINGS)
    assert config.model_dump(mode="json")["layers"][0] == {"type": "gain", "start": 2.0}
    inner = {"type": "parallel", "combine": "add", "branches": [[{"type": "gain"}], [{"type": "gain"}]]}
    SteppingConfig.model_validate({**SETTINGS, "layers": [inner, {}]})
    schema = json.dumps(SteppingConfig.model_json_schema())
    assert all(f'"const": "{name}"' in schema for name in [*LAYERS, "parallel"] if name != "dense")
    assert f'"enum": {json.dumps(list(RULES))}' in schema
    assert config.misfit(3, 2, True, False) is None  # learns from reward, as backprop does


@pytest.mark.parametrize(
    ("change", "where", "message"),
    [
        ({"layers": [{"type": "gains"}, {}]}, ("layers", 0), "type: unknown value 'gains', did you mean gain?"),
        ({"layers": [{"type": "gain", "begin": 1}, {}]}, ("layers", 0, "begin"), "unknown key, keys: type, start"),
        ({"rule": "sigh"}, ("rule",), "unknown value 'sigh', did you mean sign?"),
        ({"rule": "zz"}, ("rule",), "unknown value 'zz', choices: backprop, tween, tween_chain, sign"),
    ],
)
def test_what_is_wrong_with_one_is_said_as_of_any(change: Any, where: tuple[Any, ...], message: str) -> None:
    _, problems = validate(SteppingConfig, Located({**SETTINGS, **change}), ())
    assert problems == [(where, message)]


def test_only_while_it_is_known() -> None:
    del LAYERS["gain"]
    with pytest.raises(ValidationError, match="gain"):
        SteppingConfig.model_validate(SETTINGS)
    LAYERS["gain"] = GainConfig
    SteppingConfig.model_validate(SETTINGS)


def test_a_name_is_taken_once_and_is_that_of_the_class() -> None:
    agentsim.register_layer("gain", GainConfig)  # a second import does no harm
    for name, thing in (("dense", GainConfig), ("loss", GainConfig)):
        with pytest.raises(ValueError, match=r"register_layer.*Literal"):
            agentsim.register_layer(name, thing)
    with pytest.raises(ValueError, match=r"register_rule.*already"):
        agentsim.register_rule("backprop", RULES["sign"])
    for nothing in (int, 3):
        with pytest.raises(ValueError, match=r"register_layer.*LayerConfig"):
            agentsim.register_layer("other", nothing)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"register_rule.*Rule"):
            agentsim.register_rule("other", nothing)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"register_layer.*already"):
        agentsim.register_layer("parallel", GainConfig)
    with pytest.raises(ValueError, match=r"register_rule.*a word"):
        agentsim.register_rule("back prop", RULES["sign"])
