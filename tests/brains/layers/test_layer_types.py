"""What must hold of every layer type, alone between two dense layers and all mixed in one list: stepping answers what
sequential answers, later; states live and are forgotten; everything learns under every rule; both backends agree."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pydantic
import pytest

from agentsim.testing import check_layer, networks
from agentsim.testing.networks import (
    ACTIONS,
    SIZE,
    check_kernels,
    check_parameters_move,
    check_stepping,
    inputs,
    live,
    moments,
    outputs,
)
from brains.brain import Body
from brains.kernels import BACKENDS
from brains.kernels.program import block
from brains.layers import LAYERS
from brains.rules import RULES
from brains.stepping.base import SteppingBrain

BRANCHES = [[{"units": 5, "activation": "tanh"}, {"type": "layer_norm"}], [{"type": "rnn", "units": 5}]]
LAYER: dict[str, list[dict[str, Any]]] = {
    "dense": [{"units": 10, "activation": "sigmoid", "normalize": True}],
    "conv2d": [
        {"type": "conv2d", "filters": 3, "kernel": 2, "shape": [2, 3, 4], "activation": "tanh"},
        {"type": "conv2d", "filters": 2, "kernel": 2, "activation": "softplus"},
    ],
    "rnn": [{"type": "rnn", "units": 5, "steps": 2}],
    "lstm": [{"type": "lstm", "units": 5, "steps": 2}],
    "attention": [{"type": "attention", "heads": 2, "window": 4}, {"type": "attention", "heads": 2, "units": 10}],
    "layer_norm": [{"type": "layer_norm"}],
    "swiglu": [{"type": "swiglu", "hidden": 7}, {"type": "swiglu", "hidden": 5, "units": 9}],
}
NETS = {kind: [{"units": 24, "activation": "tanh"}, *layers, {}] for kind, layers in LAYER.items()}
for combine in ("concat", "add", "mean", "gate"):
    NETS[f"parallel {combine}"] = [
        {"units": 24, "activation": "tanh"},
        {"type": "parallel", "combine": combine, "branches": BRANCHES},
        {},
    ]
NETS["mixed"] = [
    LAYER["conv2d"][0],
    *(layer for kind in LAYER for layer in LAYER[kind][:1] if kind != "conv2d"),
    {"type": "parallel", "combine": "gate", "branches": BRANCHES},
    {},
]
every_net = pytest.mark.parametrize("net", NETS)


def brain_of(net: str, lanes: int = 1, **settings: Any) -> SteppingBrain:
    """A brain with this net, or with other `layers`."""
    layers, body = settings.pop("layers", NETS[net]), Body(SIZE, ACTIONS, teacher=True, lanes=lanes)
    return networks.brain_of(layers, body, **settings)


def test_the_nets_hold_every_layer_type() -> None:
    assert LAYER.keys() == LAYERS.keys()


@pytest.mark.parametrize("kind", LAYERS)
def test_every_layer_type_keeps_its_promises(kind: str) -> None:
    keys = {key: value for key, value in LAYER[kind][0].items() if key != "type"}
    check_layer(kind, **keys)


@every_net
@pytest.mark.parametrize("backend", BACKENDS)
def test_stepping_answers_what_sequential_answered_before(net: str, backend: str) -> None:
    check_stepping(NETS[net], backend)


@every_net
def test_a_brain_may_think_more_often_than_the_world_moves(net: str, agrees: Any) -> None:
    """k brain ticks on a held input are k ticks of the same input; a net of L <= k layers answers at once."""
    layers = len(NETS[net])
    fast, plain = brain_of(net, brain_ticks_per_world_tick=layers), brain_of(net)
    observations = list(inputs(6))
    held = [observation for observation in observations for _ in range(layers)]
    found = outputs(fast, observations)
    agrees(found, partial(brain_of, net), lambda brain: outputs(brain, held)[layers - 1 :: layers])
    assert fast.latency == 0 and plain.latency == layers - 1
    for k in range(1, layers + 1):
        assert brain_of(net, brain_ticks_per_world_tick=k).latency == np.ceil((layers - k) / k)


@every_net
def test_the_input_changes_the_output(net: str) -> None:
    """By ordinary passes of two inputs through fresh states, for each of the inputs' numbers."""
    base = next(inputs(1))
    for k in range(SIZE):
        other = base.copy()
        other[0, k] += 0.5
        first, second = (outputs(brain_of(net, execution="sequential"), [x, x]) for x in (base, other))
        assert np.abs(first - second).max() > 1e-4


@pytest.mark.parametrize("net", ["rnn", "lstm", "attention", "mixed"])
def test_a_living_state_is_carried_and_forgotten(net: str) -> None:
    """The same input finds another answer after another past, and the same one after a reset."""
    brain = brain_of(net, execution="sequential")
    observations = list(inputs(5))
    fresh = outputs(brain, observations[-1:])
    later = outputs(brain, observations)[-1]
    assert np.abs(fresh - later).max() > 1e-4
    brain.reset(np.ones(1, bool))
    np.testing.assert_array_equal(outputs(brain, observations[-1:]), fresh)


@every_net
@pytest.mark.parametrize("execution", ["stepping", "sequential"])
def test_activity_stays_bounded(net: str, execution: str) -> None:
    """10,000 ticks on constant weights: nothing integrates. The second half is no larger than the first."""
    brain = brain_of(net, execution=execution)
    largest = [0.0, 0.0]
    for tick, observation in enumerate(inputs(10_000)):
        brain.act(observation)
        largest[tick // 5000] = max(largest[tick // 5000], float(np.abs(brain.network.activity[0]).max()))
    assert np.isfinite(largest).all() and largest[1] < 1.5 * largest[0]


@pytest.mark.parametrize(
    ("net", "backend", "skip"),
    [*((net, backend, False) for net in NETS for backend in BACKENDS), ("mixed", "numba", True)],
)
@pytest.mark.parametrize("rule", RULES)
def test_every_parameter_moves(net: str, rule: str, backend: str, skip: bool) -> None:
    check_parameters_move(NETS[net], backend, rule=rule, skip_to_output=skip)


SETTINGS: list[dict[str, Any]] = [
    *({"rule": rule, "learning_rate": 0.05, "momentum": 0.5} for rule in RULES),
    {"rule": "backprop", "optimizer": "adam", "replay": {"capacity": 20, "per_tick": 3}},
    {"rule": "backprop", "align": "pipeline", "schedule": {"accumulate": 1000}},  # weights held: see below
    {"rule": "tween_chain", "align": "pipeline", "schedule": {"accumulate": 1000}},
    {"rule": "tween", "schedule": {"accumulate": 3}},
    {"rule": "backprop", "align": "sideways", "learning_rate": 0.05, "momentum": 0.5},
    {"rule": "backprop", "align": "now", "learning_rate": 0.05, "momentum": 0.5},
    {"rule": "tween", "execution": "sequential", "schedule": {"block": 5, "epochs": 2}},
    {"rule": "tween_chain", "explosion_detection": True, "brain_ticks_per_world_tick": 2},
    {"rule": "backprop", "skip_to_output": True, "align": "sideways", "momentum": 0.5},
    {"rule": "backprop", "skip_to_output": True, "align": "pipeline", "schedule": {"accumulate": 1000}},
    {"rule": "tween", "skip_to_output": True},
    {"rule": "tween_chain", "skip_to_output": True, "execution": "sequential"},
]


@pytest.mark.parametrize(
    ("net", "settings"),
    [(net, settings) for settings in SETTINGS for net in (["mixed"] if "skip_to_output" in settings else NETS)],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())),
)
def test_numba_is_the_reference(net: str, settings: dict[str, Any]) -> None:
    """On random ticks of acting and learning: enough for a wave of every net and to fill the windows of attention."""
    check_kernels(NETS[net], **settings)


@pytest.mark.parametrize("net", [kind for kind in NETS if kind in ("dense", "conv2d", "layer_norm", "swiglu")])
@pytest.mark.parametrize("backend", BACKENDS)
def test_alignments_agree_on_a_held_input(net: str, backend: str, agrees: Any) -> None:
    """Input, target and weights held: the gradient of pipeline is that of instant from tick L, sideways' from tick
    2L - 1."""
    held, late = next(moments(1)), len(NETS[net])

    def gradients(brain: SteppingBrain, first: int) -> np.ndarray:
        found = []
        for _ in range(2 * late + 1):
            brain.network.parameters[:, block.GRADIENT] = 0.0
            live(brain, held)
            found.append(brain.network.parameters[0, block.GRADIENT].copy())
        return np.array(found[first - 1 :])

    make = partial(brain_of, net, schedule={"accumulate": 1000})
    for align, first in (("instant", 1), ("pipeline", late), ("sideways", 2 * late - 1)):
        found = gradients(make(align=align, backend=backend), first)
        assert np.abs(found).max() > 1e-3
        agrees(found, partial(make, align="instant"), lambda brain: gradients(brain, first))  # noqa: B023


WRONG = {
    "conv2d without a shape": (["layers", [{"type": "conv2d", "filters": 2}, {}]], r"layers\.0\.shape: a convolution"),
    "a shape that does not fit": (
        ["layers", [{"type": "conv2d", "filters": 2, "shape": [1, 5, 5]}, {}]],
        r"layers\.0\.shape: \[1, 5, 5\] is 25 numbers, its input 24",
    ),
    "a kernel too large": (
        ["layers", [{"type": "conv2d", "filters": 2, "kernel": 4, "shape": [2, 3, 4]}, {}]],
        r"layers\.0\.kernel: 4 is larger than the 3 x 4",
    ),
    "steps that do not divide": (["layers", [{"type": "rnn", "units": 2, "steps": 5}, {}]], r"layers\.0\.steps: 24"),
    "heads that do not divide": (["layers", [{"type": "attention", "heads": 7}, {}]], r"layers\.0\.heads: 24 units"),
    "branches of two sizes": (
        ["layers", [{"type": "parallel", "combine": "add", "branches": [[{"units": 2}], [{"units": 3}]]}, {}]],
        r"layers\.0\.combine: add needs branches of one size, these have 2, 3 units",
    ),
    "a wrong layer in a branch": (
        ["layers", [NETS["parallel add"][1] | {"branches": [[{"type": "conv2d", "filters": 1}], BRANCHES[1]]}, {}]],
        r"layers\.0\.branches\.0\.0\.shape: ",
    ),
    "too small a tile": (["tile", 5], r"tile: 5 is less than the world's 6 observations"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_shapes_that_do_not_fit_are_named(case: str) -> None:
    (key, value), message = WRONG[case]
    with pytest.raises(ValueError, match=f"^{message}"):
        brain_of("dense", **{key: value})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": [{"units": 3}, {"type": "layer_norm"}]}, "layer 1 is the last, the read-out: it should be dense"),
        ({"layers": [{"type": "dense"}, {}]}, "layer 0 needs `units`"),
        ({"skip_to_output": True, "align": "pipeline", "rule": "tween"}, "needs the gradient .* use backprop"),
        ({"brain_ticks_per_world_tick": 2, "execution": "sequential"}, "brain_ticks_per_world_tick: a sequential"),
        ({"explosion_detection": True}, "explosion_detection watches the links"),
    ],
)
def test_settings_that_contradict_each_other(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message):
        brain_of("dense", **settings)


def test_a_skip_connection_answers_one_tick_late() -> None:
    """Of L layers, the read-out sees the first hidden layer on the next tick; without, after L - 1."""
    layers = [{"units": 5, "activation": "tanh"}] * 4 + [{}]
    for skip, late in ((False, 4), (True, 1)):
        brain = brain_of("dense", layers=layers, tile=None, skip_to_output=skip)
        assert brain.latency == late
        observations = [np.zeros((1, SIZE), np.float32)] * 12 + [np.ones((1, SIZE), np.float32)] * 12
        found = outputs(brain, observations)
        changed = [tick for tick in range(12, 24) if np.abs(found[tick] - found[11]).max() > 1e-6]
        assert changed[0] == 12 + late


@pytest.mark.parametrize("net", ["dense", "conv2d", "layer_norm", "swiglu"])
def test_thinking_as_often_as_there_are_layers_is_not_stepping(net: str, agrees: Any) -> None:
    """L brain ticks a world tick on fresh input each: the ordinary forward pass, where nothing is carried."""
    observations = list(inputs(20))
    found = outputs(brain_of(net, brain_ticks_per_world_tick=len(NETS[net])), observations)
    agrees(found, partial(brain_of, net, execution="sequential"), lambda brain: outputs(brain, observations))
