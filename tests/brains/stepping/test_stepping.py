"""What stepping means: depth costs latency and nothing else, and which error belongs to which activity."""

from __future__ import annotations

from functools import partial
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brains.kernels import BACKENDS
from brains.kernels.program import block
from brains.layers.dense import Activation

ACTIVATIONS = get_args(Activation)
UNITS = (7, 17, 5, 9, 6)


def outputs_of(brain: Any, observations: np.ndarray) -> np.ndarray:
    """The output on every tick (T, N, outputs) of a life without learning."""
    outputs = []
    for observation in observations:
        brain.act(observation)
        outputs.append(brain.network.newest()[-1].copy())
    return np.array(outputs)


@pytest.mark.parametrize("backend", BACKENDS)
@given(
    depth=st.integers(1, 6),
    activation=st.sampled_from(ACTIVATIONS),
    normalize=st.booleans(),
    lanes=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
@settings(deadline=None, max_examples=15)
def test_depth_is_latency(
    backend: str, make_brain: Any, agrees: Any, depth: int, activation: str, normalize: bool, lanes: int, seed: int
) -> None:
    """output(t) = sequential output(t - (L-1)) for any input sequence, and before that no input has come through."""
    shape = {"hidden": UNITS[: depth - 1], "activation": activation, "normalize": normalize, "lanes": lanes}
    stepping = make_brain(**shape, seed=seed, backend=backend, execution="stepping")
    sequential = partial(make_brain, **shape, seed=seed, execution="sequential")
    observations = np.random.default_rng(seed).normal(size=(depth + 6, lanes, 5)).astype(np.float32)
    late = outputs_of(stepping, observations)
    agrees(late[depth - 1 :], sequential, lambda brain: outputs_of(brain, observations)[: len(late) - depth + 1])
    others = make_brain(**shape, seed=seed, backend=backend, execution="stepping")
    before_any = outputs_of(others, -observations)[: depth - 1]
    np.testing.assert_array_equal(late[: depth - 1], before_any)
    assert stepping.latency == depth - 1 and sequential().latency == 0


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("depth", range(1, 7))
def test_a_held_input_settles_in_l_ticks(backend: str, depth: int, make_brain: Any, torch_net: Any) -> None:
    """From tick L on the output is the ordinary forward pass of an independent torch network, and not before."""
    brain = make_brain(UNITS[: depth - 1], backend=backend, lanes=2)
    observation = np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32)
    outputs = outputs_of(brain, np.repeat(observation[None], depth + 3, 0))
    assert brain.settling_ticks == depth
    for lane in range(2):
        expected = torch_net(brain, lane)(observation[lane]).detach().numpy()
        np.testing.assert_allclose(outputs[depth - 1 :, lane], np.tile(expected, (4, 1)), rtol=1e-5, atol=1e-6)
        if depth > 1:
            assert np.abs(outputs[depth - 2, lane] - expected).max() > 1e-3


@pytest.mark.parametrize("backend", BACKENDS)
def test_fresh_state_is_zeros(backend: str, make_brain: Any, torch_net: Any) -> None:
    """On the first tick layer 0 sees the input and every other layer sees zeros; a reset brings that back."""
    brain = make_brain((7, 17), backend=backend)
    assert not brain.network.activity.any()
    observation = np.ones((1, 5), np.float32)
    net = torch_net(brain)
    zeros = [np.zeros(7), np.zeros(17)]
    weights = net.arrays()
    expected = [np.tanh(observation[0] @ weights[0] + weights[1]), np.tanh(zeros[0] @ weights[2] + weights[3])]
    for _ in range(2):
        brain.act(observation)
        for mine, theirs in zip(brain.network.newest(), expected, strict=False):
            np.testing.assert_allclose(mine[0], theirs, atol=1e-6)
        brain.reset(np.ones(1, bool))
        assert not brain.network.activity.any()


@pytest.fixture
def gradients(teach: Any, parts: Any) -> Any:
    """Of as many ticks of the same input and label, each gathered anew: (ticks, P)."""

    def gather(brain: Any, ticks: int) -> np.ndarray:
        observation = np.random.default_rng(1).normal(size=(1, 5)).astype(np.float32)
        found = []
        for _ in range(ticks):
            brain.network.parameters[:, block.GRADIENT] = 0.0
            teach(brain, observation, 1)
            found.append(np.concatenate([g.ravel() for g in parts(brain.network, 0, block.GRADIENT)]))
        return np.array(found)

    return gather


HELD = {"schedule": {"accumulate": 1_000_000}}  # the weights


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("depth", range(1, 7))
def test_which_error_belongs_to_which_activity(
    depth: int, activation: str, normalize: bool, backend: str, make_brain: Any, gradients: Any, agrees: Any
) -> None:
    """Input, target and weights held, gradients gathered and never applied: pipeline's gradient equals instant's from
    tick L, sideways' from tick 2 L - 1, and neither does before."""

    def make(**settings: Any) -> Any:
        brain = make_brain(UNITS[: depth - 1], activation=activation, normalize=normalize, seed=3, **HELD, **settings)
        if activation == "sigmoid":
            brain.network.parameters *= 3.0  # or its gradients vanish in six layers
        return brain

    ticks = 2 * depth + 2
    instant = partial(make, align="instant")
    right = gradients(instant(backend="torch"), 1)
    for align, settled in (("instant", 1), ("pipeline", depth), ("sideways", 2 * depth - 1)):
        found = gradients(make(align=align, backend=backend), ticks)
        agrees(found[settled - 1 :], instant, lambda brain: gradients(brain, ticks - settled + 1))  # noqa: B023
        assert (np.abs(found[: settled - 1] - right).max(1) > 1e-6).all(), align


@pytest.mark.parametrize("align", ["pipeline", "sideways"])
@pytest.mark.parametrize("rule", ["tween", "tween_chain"])
def test_tween_takes_the_aligned_activations(
    rule: str, align: str, make_brain: Any, gradients: Any, agrees: Any
) -> None:
    """With everything held the settled wave is the fresh forward pass: the same tween update as instant's."""
    make = partial(make_brain, (7, 17), rule=rule, **HELD)
    found = gradients(make(align=align), 4)[3:]
    assert np.abs(found).max() > 1e-6
    agrees(found, partial(make, align="instant"), lambda brain: gradients(brain, 4)[3:])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activity_stays_bounded(activation: str, make_brain: Any) -> None:
    """10,000 ticks on constant weights: what bounded inputs can ever cause, layer by layer, is never exceeded."""
    slope = 1.1 if activation == "scaled_relu" else 1.0
    ceiling = {"tanh": 1.0, "sigmoid": 1.0}.get(activation)
    brain = make_brain((17, 7), activation=activation, readout="linear")
    table, bound, bounds = brain.network.table, 1.0, []
    for i in range(len(table)):
        bound = slope * float((np.abs(brain.network.weight(i)).sum(0) * bound + np.abs(brain.network.bias(i))).max())
        bound += np.log(2.0) if activation == "softplus" else 0.0  # softplus(z) <= |z| + log 2
        bound = min(bound, ceiling) if ceiling and i + 1 < len(table) else bound
        bounds.append(bound * 1.0001)
    generator = np.random.default_rng(0)
    largest = np.zeros(len(table))
    for observation in generator.uniform(-1.0, 1.0, (10_000, 1, 5)).astype(np.float32):
        brain.act(observation)
        largest = np.maximum(largest, [np.abs(output).max() for output in brain.network.newest()])
    assert np.isfinite(brain.network.activity).all()
    assert (largest <= bounds).all() and brain.rollbacks == 0
