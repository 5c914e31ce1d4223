"""How fast Neural Tween learns: the type rates of every layer type, and explosion detection's slower rates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from brains.brain import Body, Experience
from brains.kernels import BACKENDS
from brains.kernels.program import row
from brains.layers import LAYERS
from brains.stepping.kind import stepping
from brains.stepping.settings import SteppingConfig
from brains.stepping.taught import TaughtBrain

every_backend = pytest.mark.parametrize("backend", BACKENDS)


def brain_of(body: Body, layers: list[dict[str, Any]], **settings: Any) -> TaughtBrain:
    """With a linear read-out, answering at once."""
    config = SteppingConfig.model_validate(
        {"layers": [*layers, {}], "readout": "linear", "execution": "sequential", **settings}
    )
    brain = stepping(config, body, np.random.SeedSequence(2))
    assert isinstance(brain, TaughtBrain)
    return brain


def teach(brain: TaughtBrain, observation: np.ndarray, target: Any) -> None:
    """One tick."""
    nothing, no = np.zeros(1, np.float32), np.zeros(1, bool)
    action = brain.act(observation)
    brain.learn(Experience(observation, action, nothing, observation, no, no, np.asarray(target, action.dtype)))


# --- type rates --------------------------------------------------------------------------------------------------

PUBLISHED = {"dense": 1.0, "conv2d": 0.1, "rnn": 0.5, "lstm": 0.5, "attention": 0.2, "layer_norm": 0.1, "swiglu": 0.2}
INPUTS, RATE = 4, 0.1
# A layer of each type, without an activation of its own, and the name of a bias that its output depends on.
LAYER: dict[str, tuple[dict[str, Any], str]] = {
    "dense": ({"units": 4, "activation": "linear"}, "bias"),
    "conv2d": ({"filters": 4, "kernel": 2, "shape": [1, 2, 2], "activation": "linear"}, "bias"),
    "rnn": ({"units": 4}, "bias"),
    "lstm": ({"units": 4}, "bias"),
    "attention": ({"heads": 2, "window": 3}, "output_bias"),
    "layer_norm": ({}, "bias"),
    "swiglu": ({"hidden": 5}, "down_bias"),
}


def output(brain: TaughtBrain, observation: np.ndarray) -> np.ndarray:
    """What the first layer answers from fresh state, (units,)."""
    brain.reset(np.ones(1, bool))
    brain.act(observation)
    first, _ = brain.activity().values()
    return first[0].astype(np.float64)


def through(brain: TaughtBrain, bias: np.ndarray, observation: np.ndarray) -> np.ndarray:
    """d output / d bias by central differences, (bias.size, units)."""
    rows, step = [], 0.01
    for index in np.ndindex(bias.shape):
        kept = bias[index].copy()
        bias[index] = kept + step
        up = output(brain, observation)
        bias[index] = kept - step
        rows.append((up - output(brain, observation)) / (2 * step))
        bias[index] = kept
    return np.array(rows)


def test_every_type_has_a_published_rate() -> None:
    assert PUBLISHED.keys() == LAYER.keys() == LAYERS.keys()


@every_backend
@pytest.mark.parametrize("rule", ["tween_chain", "tween"])
@pytest.mark.parametrize("kind", PUBLISHED)
def test_type_rates(kind: str, rule: str, backend: str) -> None:
    """The first step of a layer's bias is rate x type rate x what the rule says of the layer's output y, taken through
    its measured Jacobian. The chain: 1.2 W (t - z) / sqrt(3), z being the read-out's answer, W its weight, t one-hot.
    The legacy rule: 0.1 (0.5 + 0.5 budget) (T - y), T = W t / sum |W| and budget the cosine's of y and T."""
    layer, name = LAYER[kind]
    body = Body(INPUTS, 3, teacher=True)
    brain = brain_of(body, [{"type": kind, **layer}], rule=rule, learning_rate=RATE, backend=backend)
    observation, target = np.array([[0.9, -0.4, 0.3, 0.7]], np.float32), np.array([0.0, 0.0, 1.0])
    bias = brain.network.parameter(0, name)
    jacobian, y = through(brain, bias, observation), output(brain, observation)
    weight = brain.network.parameter(1, "weight").astype(np.float64)
    if rule == "tween_chain":
        error = 1.2 * weight @ (target - y @ weight - brain.network.parameter(1, "bias")) / math.sqrt(3)
    else:
        goal = weight @ target / np.abs(weight).sum(1)
        budget = (goal @ y / math.sqrt((goal @ goal) * (y @ y)) + 1) / 2
        assert budget > 0.2  # below that a layer is left out
        error = 0.1 * (0.5 + 0.5 * budget) * (goal - y)
    before = bias.copy()
    brain.reset(np.ones(1, bool))
    teach(brain, observation, [2])
    step = jacobian @ error
    assert np.abs(step).max() > 0.001
    np.testing.assert_allclose((bias - before).ravel(), RATE * PUBLISHED[kind] * step, rtol=0.01, atol=1e-6)


# --- explosion detection -----------------------------------------------------------------------------------------


def multipliers(goals: list[float], backend: str, *, detects: bool = True, streak: int = 0) -> list[float]:
    """What a brain's rate was multiplied by when it learned each goal but the first, for which it is 1.

    Its weights and its input are zero, so that it answers its bias b, and its average gap is half of (goal - b)^2. A
    step of b is rate x multiplier x (goal - b), so small that b stays near 0. `streak`: as if as many gaps had exploded
    just before the second, and slowed nothing.
    """
    rate, body = 1e-6, Body(1, 1, discrete=False, low=(-1e9,), high=(1e9,), teacher=True)
    settings = {"rule": "tween_chain", "explosion_detection": detects, "learning_rate": rate, "backend": backend}
    brain = brain_of(body, [], **settings)
    brain.network.parameters[:] = 0.0
    (bias,) = brain.network.parameter(0, "bias")[None]
    found = []
    for k, goal in enumerate([*goals, goals[-1]]):
        before = float(bias[0])
        teach(brain, np.zeros((1, 1), np.float32), [[goal]])
        found.append((float(bias[0]) - before) / (rate * (goal - before)))
        if k == 0:
            brain.network.activity[:, brain.network.ring + row.HEALTH, row.STREAK] = streak
    assert found[0] == pytest.approx(1)
    return found[1:]


def growing(factor: float, count: int, first: float = 1.0) -> list[float]:
    """Goals whose gaps grow by a factor."""
    return [first * factor ** (k / 2) for k in range(count)]


def check(found: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-3)


@every_backend
def test_a_gap_explodes_from_one_and_a_half_times_the_last(backend: str) -> None:
    check(multipliers(growing(1.49, 3), backend), [1, 1, 1])
    check(multipliers(growing(1.51, 3), backend), [1, 0.7, 0.7**2])
    check(multipliers(growing(1.51, 3), backend, detects=False), [1, 1, 1])


@every_backend
def test_a_calm_gap_brings_the_rate_back_by_a_twentieth(backend: str) -> None:
    """0.7, then 0.735 and on; never above 1."""
    found = multipliers([1.0, 2.0, *[1.0] * 9], backend)
    check(found, [1, *(min(1, 0.7 * 1.05**k) for k in range(10))])
    assert found[-1] == pytest.approx(1)


@every_backend
def test_a_gap_explodes_from_ten_times_the_mean_of_the_first_ten(backend: str) -> None:
    """The first ten have a mean of 1; then they rise by 1.4 to 9.8, which is calm, to 10.2, and stay there, which is
    not; at 9.8 it is calm again. Of nine there is no mean yet: one and a fifth after one is calm."""
    ten = [0.8, 1.0, 1.2, 1.0, 1.0, 1.2, 0.8, 1.0, 1.0, 1.0]
    rise = [1.4, 1.9, 2.6, 3.6, 5.0, 7.0, 9.8]
    gaps = [*ten, *rise, 10.2, 10.2, 9.8]
    check(multipliers([math.sqrt(gap) for gap in gaps], backend), [1] * 17 + [0.7, 0.7**2, 0.7**2 * 1.05])
    gaps = [0.01] * 8 + [1.0, 1.2]
    check(multipliers([math.sqrt(gap) for gap in gaps], backend), [1] * 8 + [0.7, 0.7 * 1.05])


@every_backend
def test_many_explosions_in_a_row_slow_it_more_and_never_below_a_hundredth(backend: str) -> None:
    """Five by 0.7, then by 0.5: the tenth would be at 0.005."""
    expected = [1, *(0.7**k for k in range(1, 6)), *(0.7**5 * 0.5**k for k in range(1, 5)), 0.01, 0.01]
    check(multipliers(growing(1.6, 12), backend), expected)
    check(multipliers([*growing(1.6, 12), 1.0], backend)[11:], [0.01, 0.0105])


@every_backend
@pytest.mark.parametrize(("streak", "factor"), [(4, 0.7), (5, 0.5), (9, 0.5), (10, 0.3)])
def test_the_factor_is_that_of_the_streak(streak: int, factor: float, backend: str) -> None:
    """That of more than ten in a row shows only where the rate was not yet slowed, which ten in a row see to."""
    check(multipliers(growing(1.6, 2), backend, streak=streak), [1, factor])
