"""Neural Tween against the published implementation's own numbers (tween_dense.json: three activations, chain and
legacy, three steps, float32), on both backends."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from brains.brain import Body, Experience
from brains.kernels import BACKENDS
from brains.kernels.program import block, op
from brains.kernels.reference.tween import link_budget, tween_targets
from brains.kernels.reference.tween_chain import chain_targets, tween_chain
from brains.stepping.kind import stepping
from brains.stepping.settings import SteppingConfig
from brains.stepping.taught import TaughtBrain

VECTORS = json.loads((Path(__file__).parent / "tween_dense.json").read_text())
ACTIVATIONS = {"dense_tanh": "tanh", "dense_leaky": "leaky_relu", "dense_scaledrelu": "scaled_relu"}
CHAINS = [name for name in VECTORS if name.endswith("/chain")]
TOLERANCE = {"rtol": 0, "atol": 1e-6}


def brain_of(name: str, backend: str, **changes: object) -> TaughtBrain:
    """The vectors' net, dense(4, 4, tanh) - dense(4, 4, KIND) - dense(4, 3, sigmoid), with their initial weights."""
    kind, rule = name.split("/")
    settings = {
        "layers": [{"units": 4, "activation": "tanh"}, {"units": 4, "activation": ACTIVATIONS[kind]}, {"units": 3}],
        "readout": "sigmoid",
        "execution": "sequential",
        "rule": "tween_chain" if rule == "chain" else "tween",
        "learning_rate": VECTORS[name]["rate"],
        "backend": backend,
    }
    config = SteppingConfig.model_validate(settings | changes)
    brain = stepping(config, Body(4, 3, teacher=True), np.random.SeedSequence(0))
    assert isinstance(brain, TaughtBrain)
    for i, saved in enumerate(VECTORS[name]["params_before"]):
        brain.network.weight(i)[:] = np.array(saved["Kernel"], np.float32).reshape(brain.network.weight(i).shape)
        brain.network.bias(i)[:] = saved["Bias"]
    return brain


def teach(brain: TaughtBrain, observation: np.ndarray, target: int) -> float:
    """One tick of acting and learning; the loss."""
    action = brain.act(observation)
    none = np.zeros(1, bool)
    return brain.learn(
        Experience(observation, action, np.zeros(1, np.float32), observation, none, none, np.array([target]))
    ).loss


def check_parameters(brain: TaughtBrain, saved: list[dict[str, list[float]]]) -> None:
    for i, layer in enumerate(saved):
        np.testing.assert_allclose(brain.network.weight(i).ravel(), layer["Kernel"], **TOLERANCE)
        np.testing.assert_allclose(brain.network.bias(i), layer["Bias"], **TOLERANCE)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", VECTORS)
def test_three_steps(name: str, backend: str) -> None:
    vector = VECTORS[name]
    brain = brain_of(name, backend)
    observation = np.array([vector["input"]], np.float32)
    for step, target in enumerate(vector["targets"]):
        assert teach(brain, observation, target) == pytest.approx(vector["losses"][step], abs=1e-6)
        if step == 0:
            check_parameters(brain, vector["params_after_1_step"])
    check_parameters(brain, vector["params_after_3_steps"])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CHAINS)
def test_stepping_trace(name: str, backend: str) -> None:
    """Seven stepping ticks, input X for three of them and 2X for four, from fresh zeros."""
    brain = brain_of(name, backend, execution="stepping")
    observation = np.array([VECTORS[name]["input"]], np.float32)
    outputs = []
    for tick in range(7):
        brain.act(observation if tick < 3 else 2 * observation)
        outputs.append(brain.network.newest()[-1][0].copy())
    np.testing.assert_allclose(outputs, VECTORS[name]["step_trace_outputs_3xX_then_4x2X"], **TOLERANCE)


@pytest.mark.parametrize("name", VECTORS)
def test_activations_errors_and_targets(name: str) -> None:
    """A[0..3], G[0..3], T[0..3], link budgets and gaps of the first step, by the reference."""
    vector = VECTORS[name]
    brain = brain_of(name, "torch")
    brain.act(np.array([vector["input"]], np.float32))
    lane = brain.kernel.act.__self__.lanes[0]  # type: ignore[attr-defined]
    wave = lane.waves[0]
    goal = torch.zeros(3)
    goal[vector["targets"][0]] = 1.0
    for mine, saved in zip([*wave.x, wave.output], vector["step1_forward_acts"], strict=True):
        np.testing.assert_allclose(mine, saved, **TOLERANCE)
    errors = lane.errors
    if name in CHAINS:
        tween_chain(lane.layers, wave, errors, goal - wave.output, lane.scales, lane.chain_rates)
        for mine, saved in zip([*errors.x, errors.y[-1]], vector["step1_chain_gradients"], strict=True):
            np.testing.assert_allclose(mine, saved, **TOLERANCE)
        targets = [target for _, target in chain_targets(lane.layers, wave, errors, goal)]
    else:
        tween_targets(lane.layers, wave, errors, goal)
        targets = [*errors.x, goal]
    for mine, saved in zip(targets, vector["step1_backward_targets"], strict=True):
        np.testing.assert_allclose(mine, saved, **TOLERANCE)
    links = list(zip(wave.y, targets[1:], strict=True))
    np.testing.assert_allclose([link_budget(a, t) for a, t in links], vector["step1_link_budgets"], **TOLERANCE)
    np.testing.assert_allclose([float((a - t).square().mean()) for a, t in links], vector["step1_gaps"], **TOLERANCE)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", VECTORS)
def test_a_brain_tells_of_its_links(name: str, backend: str) -> None:
    """Budget and gap of every link in the first step; nothing before, nothing where a rule has no links."""
    vector = VECTORS[name]
    brain = brain_of(name, backend)
    assert brain.figures() == {}
    teach(brain, np.array([vector["input"]], np.float32), vector["targets"][0])
    expected = {"link_budget": vector["step1_link_budgets"], "link_gap": vector["step1_gaps"]}
    for figure, values in expected.items():
        found = [brain.figures()[f"{figure}/{i} dense"] for i in range(3)]
        np.testing.assert_allclose(found, values, **TOLERANCE)
    other = brain_of(name, backend, rule="backprop")
    teach(other, np.array([vector["input"]], np.float32), vector["targets"][0])
    assert other.figures() == {}


@pytest.mark.parametrize(
    "settings",
    [
        {"execution": "stepping", "align": "instant"},
        {"execution": "stepping", "align": "pipeline"},
        {"execution": "stepping", "align": "sideways"},
        {"schedule": {"block": 3}},
        {"replay": {"capacity": 9, "per_tick": 5}},
        {"execution": "stepping", "replay": {"capacity": 9, "per_tick": 70}},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", VECTORS)
def test_links_are_those_of_the_last_sample(name: str, settings: dict[str, object]) -> None:
    """One input and label over and over, with a rate that moves nothing: whatever the alignment and the schedule, the
    links are those of an ordinary forward pass in the end, by the vectors."""
    vector = VECTORS[name]
    settled = brain_of(name, "numba", learning_rate=1e-12, **settings)
    other = brain_of(name, "torch", learning_rate=1e-12, **settings)
    for brain in (settled, other):
        for _ in range(9):
            teach(brain, np.array([vector["input"]], np.float32), vector["targets"][0])
    found = settled.figures()
    assert found == pytest.approx(other.figures(), abs=1e-6) and len(found) == 6
    np.testing.assert_allclose([found[f"link_gap/{i} dense"] for i in range(3)], vector["step1_gaps"], **TOLERANCE)


def test_the_padding_of_a_row_stays_zero() -> None:
    """Padding columns must never learn: they would leak into nothing today and into a wider layer tomorrow."""
    brain = brain_of("dense_tanh/chain", "numba")
    observation = np.array([VECTORS["dense_tanh/chain"]["input"]], np.float32)
    for target in (0, 1, 2):
        teach(brain, observation, target)
    inside = np.zeros(brain.network.parameters.shape[2], bool)
    for i, layer in enumerate(brain.network.table):
        rows = inside[layer[op.WEIGHT] : layer[op.BIAS] + layer[op.WIDTH]].reshape(-1, layer[op.WIDTH])
        rows[:, : layer[op.UNITS]] = True
        assert brain.network.weight(i).any()
    assert not brain.network.parameters[0, block.VALUE, ~inside].any()
