"""Every layer type of the torch reference in float64: against finite differences, libraries and autograd."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor, nn
from torch.nn import functional

from brains.kernels.program import block, op
from brains.kernels.reference.backprop import backprop
from brains.kernels.reference.operation import Operation, operations, parameter_views
from brains.kernels.reference.tween import tween_targets
from brains.kernels.reference.tween_chain import tween_chain
from brains.kernels.reference.wave import Wave, fire
from brains.layers import LAYERS, Layer
from brains.stepping.network import Network

CLOSE = {"rtol": 1e-9, "atol": 1e-11}
WINDOW = 3
# (inputs, config): each type, and what a config can make of it
CASES: tuple[tuple[int, dict[str, Any]], ...] = (
    (6, {"type": "dense", "units": 5}),
    (6, {"type": "dense", "units": 5, "normalize": True}),
    (24, {"type": "conv2d", "filters": 3, "kernel": 2, "shape": [2, 4, 3]}),
    (70, {"type": "conv2d", "filters": 2, "kernel": 3, "stride": 2, "shape": [2, 5, 7]}),
    (6, {"type": "rnn", "units": 17}),
    (6, {"type": "rnn", "units": 3, "steps": 2}),
    (6, {"type": "lstm", "units": 17}),
    (6, {"type": "lstm", "units": 3, "steps": 2}),
    (6, {"type": "attention", "heads": 2, "window": WINDOW}),
    (5, {"type": "attention", "heads": 2, "window": WINDOW, "units": 18}),
    (6, {"type": "layer_norm"}),
    (6, {"type": "swiglu", "hidden": 17}),
    (6, {"type": "swiglu", "hidden": 5, "units": 4}),
)
every_layer = pytest.mark.parametrize(("inputs", "config"), CASES, ids=str)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def network_of(layers: list[dict[str, Any]], inputs: int, skip: bool = False, outputs: int = 3) -> Network:
    """A network whose parameters are all random, so that no bias sits at 0."""
    configs = TypeAdapter(list[Layer]).validate_python(layers)
    network = Network(configs, inputs, outputs, "softmax", len(layers) + 1, skip_to_output=skip)
    generator = np.random.default_rng(0)
    for views in network.views:
        for view in views.values():
            view.of(network.parameters[0, block.VALUE])[:] = generator.normal(0.0, 0.5, view.shape)
    return network


def layer_of(inputs: int, config: dict[str, Any]) -> tuple[Operation, dict[str, Tensor], Tensor | None]:
    """The module, its parameters by name, and a state to fire from: for attention, two entries valid of three."""
    network = network_of([config, {}], inputs)
    layer = operations(network.table, torch.tensor(network.parameters[0, block.VALUE]).double().requires_grad_())[0]
    size = int(network.table[0, op.STATE_SIZE])
    state = normal(size, seed=1) if size else None
    if state is not None and config["type"] == "attention":
        state[-1] = WINDOW - 1
    return layer, dict(layer.named_parameters()), state


def oracle(config: dict[str, Any], own: dict[str, Tensor], inputs: Tensor) -> Tensor:
    """z of a layer (T, units) over T ticks (T, inputs) from fresh zeros, by torch's own modules."""
    ticks, kind = len(inputs), config["type"]
    if kind == "dense":
        z = functional.linear(inputs, own["weight"].T, own["bias"])
        return functional.layer_norm(z, z.shape[1:]) if config.get("normalize") else z
    if kind == "conv2d":
        channels, kernel = config["shape"][0], config["kernel"]
        conv = nn.Conv2d(channels, config["filters"], kernel, config.get("stride", 1), dtype=torch.float64)
        weights = {"weight": own["weight"].reshape(-1, channels, kernel, kernel), "bias": own["bias"]}
        return torch.func.functional_call(conv, weights, (inputs.view(ticks, *config["shape"]),)).flatten(1)
    if kind in ("rnn", "lstm"):
        units, steps = config["units"], config.get("steps", 1)
        sequence, gates = inputs.view(ticks * steps, -1), own["bias"].numel()
        module = (nn.RNN if kind == "rnn" else nn.LSTM)(sequence.shape[1], units, dtype=torch.float64)
        weights = {
            "weight_ih_l0": own["input_weight"].reshape(-1, gates).T,
            "weight_hh_l0": own["hidden_weight"].reshape(units, gates).T,
            "bias_ih_l0": own["bias"].flatten(),
            "bias_hh_l0": torch.zeros(gates, dtype=torch.float64),
        }
        return torch.func.functional_call(module, weights, (sequence,))[0].view(ticks, steps * units)
    if kind == "layer_norm":
        return functional.layer_norm(inputs, inputs.shape[1:], own["gain"], own["bias"])
    if kind == "swiglu":
        gate, up = (inputs @ own[f"{name}_weight"] + own[f"{name}_bias"] for name in ("gate", "up"))
        z = functional.linear(functional.silu(gate) * up, own["down_weight"].T, own["down_bias"])
        return z + inputs if z.shape == inputs.shape else z
    assert kind == "attention"
    age = torch.arange(ticks)[:, None] - torch.arange(ticks)
    mask, heads = (age >= 0) & (age < config["window"]), config["heads"]
    q, k, v = (inputs @ own[f"{name}_weight"] + own[f"{name}_bias"] for name in ("query", "key", "value"))
    split = [part.view(ticks, heads, -1).transpose(0, 1) for part in (q, k, v)]
    heard = functional.scaled_dot_product_attention(*split, attn_mask=mask).transpose(0, 1).reshape(ticks, -1)
    z = functional.linear(heard, own["output_weight"].T, own["output_bias"])
    return z + inputs if z.shape == inputs.shape else z


def live(layer: Operation, inputs: Tensor, config: dict[str, Any]) -> Tensor:
    """z (T, units) of T ticks, the state carried from each to the next."""
    units = layer.units
    size = {"rnn": 1, "lstm": 2}.get(config["type"], 0) * config.get("units", 0)
    state = torch.zeros(2 * WINDOW * units + 1 if config["type"] == "attention" else size, dtype=torch.float64)
    outputs = []
    for x in inputs:
        z, state = layer(x, state)
        outputs.append(z)
    return torch.stack(outputs)


def test_the_cases_are_every_type() -> None:
    assert {config["type"] for _, config in CASES} == LAYERS.keys()


@every_layer
def test_gradcheck(inputs: int, config: dict[str, Any]) -> None:
    """Autograd's Jacobian in x and every parameter equals finite differences, from a state that is not zero."""
    layer, own, state = layer_of(inputs, config)
    x = normal(inputs).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, *_: layer(x, state)[0], (x, *own.values()))


@every_layer
def test_a_life_of_seven_ticks_is_the_library_over_the_whole_sequence(inputs: int, config: dict[str, Any]) -> None:
    layer, own, _ = layer_of(inputs, config)
    sequence = normal(7, inputs)
    torch.testing.assert_close(live(layer, sequence, config), oracle(config, own, sequence), **CLOSE)


def test_attention_is_torchs_multihead_attention() -> None:
    """The other independent implementation, whose projections are its own too."""
    inputs, config = next(case for case in CASES if case[1]["type"] == "attention")
    layer, own, _ = layer_of(inputs, config)
    sequence, module = normal(7, inputs), nn.MultiheadAttention(inputs, config["heads"], dtype=torch.float64)
    names = ("query", "key", "value")
    weights = {
        "in_proj_weight": torch.cat([own[f"{name}_weight"].T for name in names]),
        "in_proj_bias": torch.cat([own[f"{name}_bias"] for name in names]),
        "out_proj.weight": own["output_weight"].T,
        "out_proj.bias": own["output_bias"],
    }
    age = torch.arange(7)[:, None] - torch.arange(7)
    hidden = (age < 0) | (age >= WINDOW)
    heard, _ = torch.func.functional_call(module, weights, (sequence, sequence, sequence), {"attn_mask": hidden})
    torch.testing.assert_close(live(layer, sequence, config), sequence + heard, **CLOSE)


@every_layer
def test_vjp_is_autograds(inputs: int, config: dict[str, Any]) -> None:
    """In x and in every parameter; `back` and `gradients` are its two halves."""
    layer, own, state = layer_of(inputs, config)
    x, delta = normal(inputs).requires_grad_(), normal(layer.units, seed=2)
    z, left = layer(x, state)
    expected = torch.autograd.grad(z, (x, *own.values()), delta)
    kept = (z.detach(), left.detach()) if config.get("normalize") else state
    with torch.inference_mode():
        dx, gradients = layer.vjp(x.detach(), kept, delta)
        halves = layer.back(x.detach(), kept, delta), layer.gradients(x.detach(), kept, delta)
    assert gradients.keys() == own.keys()
    for found, by_name in ((dx, gradients), halves):
        torch.testing.assert_close(found, expected[0], **CLOSE)
        for name, gradient in zip(own, expected[1:], strict=True):
            mine = torch.outer(*by_name[name]) if isinstance(by_name[name], tuple) else by_name[name]
            torch.testing.assert_close(mine, gradient, **CLOSE)


@every_layer
def test_every_input_counts(inputs: int, config: dict[str, Any]) -> None:
    """Changing any one input changes the output (a stride of 2 over 7 x 5 leaves nothing out)."""
    layer, _, state = layer_of(inputs, config)
    x = normal(inputs)
    before = layer(x, state)[0]
    for i in range(inputs):
        x[i] += 1.0
        after = layer(x, state)[0]
        assert (after - before).abs().max() > 1e-6
        before = after


@every_layer
def test_parameters_lie_where_the_network_says(inputs: int, config: dict[str, Any]) -> None:
    """The same names, shapes and places in memory; weights before BIAS and biases from there to END."""
    network = network_of([config, {}], inputs)
    flat = torch.arange(network.parameters.shape[2])
    for row, views, (weights, biases) in zip(
        network.table, network.views, parameter_views(network.table, flat), strict=True
    ):
        assert list(views) == [*weights, *biases]
        for name, mine in {**weights, **biases}.items():
            assert torch.equal(mine, views[name].of(flat))
            low, high = (op.WEIGHT, op.BIAS) if name in weights else (op.BIAS, op.END)
            assert row[low] <= mine.min() and mine.max() < row[high]


# --- layers together -------------------------------------------------------------------------------------------------

BRANCHES = [[{"units": 6, "activation": "tanh"}], [{"type": "lstm", "units": 3, "steps": 2}, {"type": "layer_norm"}]]
MIXED: list[dict[str, Any]] = [
    {"type": "dense", "units": 24, "activation": "softplus"},
    {"type": "conv2d", "filters": 2, "kernel": 2, "shape": [2, 4, 3], "activation": "tanh"},
    {"type": "dense", "units": 6, "normalize": True, "activation": "sigmoid"},
    {"type": "rnn", "units": 3, "steps": 2},
    {"type": "parallel", "combine": "gate", "branches": BRANCHES},
    {"type": "attention", "heads": 2, "window": WINDOW},
    {"type": "parallel", "combine": "concat", "branches": BRANCHES},
    {"type": "swiglu", "hidden": 5},
    {"type": "parallel", "combine": "mean", "branches": [BRANCHES[0], [{"type": "parallel", "combine": "add",
                                                                        "branches": BRANCHES}]]},
    {"type": "layer_norm"},
    {},
]  # fmt: skip


def functional_forward(layer: dict[str, Any], own: Iterator[dict[str, Tensor]], x: Tensor) -> Tensor:
    """One layer of a config from fresh zeros, by the oracles; takes its parameters from `own`."""
    if layer.get("type", "dense") != "parallel":
        z = oracle({"type": "dense", **layer}, next(own), x[None])[0]
        name = layer.get("activation", "leaky_relu" if layer.get("type", "dense") in ("dense", "conv2d") else None)
        if name == "leaky_relu":
            return functional.leaky_relu(z, 0.1)
        return z if name is None else getattr(functional if name == "softplus" else torch, name)(z)
    ends = []
    for branch in layer["branches"]:
        y = x
        for inner in branch:
            y = functional_forward(inner, own, y)
        ends.append(y)
    if layer["combine"] == "concat":
        return torch.cat(ends)
    if layer["combine"] == "gate":
        gate = next(own)
        shares = torch.softmax(x @ gate["weight"] + gate["bias"], 0)
        return (shares[:, None] * torch.stack(ends)).sum(0)
    return torch.stack(ends).sum(0) if layer["combine"] == "add" else torch.stack(ends).mean(0)


def whole_forward(layers: list[dict[str, Any]], own: list[dict[str, Tensor]], x: Tensor, skip: bool) -> Tensor:
    """The logits of a whole config."""
    each, outputs = iter(own), []
    for layer in layers[:-1]:
        x = functional_forward(layer, each, x)
        outputs.append(x)
    last = next(each)
    return (torch.cat(outputs) if skip else x) @ last["weight"] + last["bias"]


def fired(network: Network, x: Tensor) -> tuple[list[Operation], Wave, Wave]:
    """The operations, the row of an ordinary forward pass in float64, and a row of errors that are NaN."""
    layers = operations(network.table, torch.tensor(network.parameters[0, block.VALUE]).double())
    wave, errors = (
        Wave(network.table, torch.full((network.activity.shape[2],), value, dtype=torch.float64))
        for value in (0.0, float("nan"))
    )
    wave.world.copy_(x)
    with torch.inference_mode():
        for k, layer in enumerate(layers):
            fire(layer, k, wave, wave)
    return layers, wave, errors


def parameters_of(network: Network) -> list[dict[str, Tensor]]:
    """Each operation's own, of those that have any, as float64 leaves."""
    return [
        {name: torch.tensor(network.parameter(k, name)).double().requires_grad_() for name in views}
        for k, views in enumerate(network.views)
        if views
    ]


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("layers", [MIXED, MIXED[4:], [*MIXED[6:7], {}]])
def test_backprop_through_everything_is_autograd(layers: list[dict[str, Any]], skip: bool) -> None:
    """d cross-entropy / d every parameter of a graph of all layer types, in float64."""
    inputs = 6
    network, x = network_of(layers, inputs, skip), normal(inputs, seed=3)
    own, label = parameters_of(network), torch.tensor(1)
    logits = whole_forward(layers, own, x, skip)
    flat = [(k, name, p) for k, one in enumerate(own) for name, p in one.items()]
    expected = torch.autograd.grad(functional.cross_entropy(logits, label), [p for *_, p in flat])
    kernels, wave, errors = fired(network, x)
    torch.testing.assert_close(wave.output, torch.softmax(logits, 0).detach(), **CLOSE)
    with torch.inference_mode():
        error = functional.one_hot(label, 3) - wave.output
        found = {k: gradients for k, gradients, *_ in backprop(kernels, wave, errors, error)}
    learners = [k for k, views in enumerate(network.views) if views]
    assert sorted(found) == learners
    for (i, name, _), gradient in zip(flat, expected, strict=True):
        mine = found[learners[i]][name]
        mine = torch.outer(*mine) if isinstance(mine, tuple) else mine
        torch.testing.assert_close(-mine, gradient, **CLOSE)
        alone = name.startswith(("query", "key"))  # an empty window: what is asked and how makes no difference yet
        assert alone or gradient.abs().max() > 1e-12


@pytest.mark.parametrize("combine", ["concat", "add", "mean", "gate"])
def test_combine_is_its_closed_form(combine: str) -> None:
    """Two dense branches a and b: (a, b), a + b, (a + b) / 2, and p a + (1 - p) b with p = s(logit difference)."""
    branches = [[{"units": 4, "activation": "linear"}], [{"units": 4, "activation": "tanh"}]]
    network = network_of([{"type": "parallel", "combine": combine, "branches": branches}, {}], 5)
    x = normal(5)
    _, wave, _ = fired(network, x)
    own = parameters_of(network)
    a, b = (x @ one["weight"] + one["bias"] for one in own[:2])
    b = torch.tanh(b)
    logits = x @ own[2]["weight"] + own[2]["bias"] if combine == "gate" else x.new_zeros(2)
    p = torch.sigmoid(logits[0] - logits[1])
    expected = {"concat": torch.cat([a, b]), "add": a + b, "mean": (a + b) / 2, "gate": p * a + (1 - p) * b}[combine]
    torch.testing.assert_close(wave.x[-1], expected.detach(), **CLOSE)


@every_layer
def test_neural_tween_takes_an_error_through_the_true_jacobian(inputs: int, config: dict[str, Any]) -> None:
    """G[0] = clip(J' clip(G[1] act' s, 10) / sqrt(units), 10), and the update is R times that of G[1] act'; J is that
    of the library's layer."""
    network, x = network_of([{**config, **no_activation(config)}, {}], inputs), normal(inputs)
    layers, wave, errors = fired(network, x)
    own = parameters_of(network)[0]
    jacobian = torch.autograd.functional.jacobian(lambda x: oracle(config, own, x[None])[0], x)
    scales, rates = [torch.tensor(1.2), torch.tensor(1.0)], [0.3, 0.2]
    with torch.inference_mode():
        update = tween_chain(layers, wave, errors, normal(3, seed=5), scales, rates)
    g = errors.y[0]
    link = (g * 1.2).clamp(-10, 10)
    expected = (jacobian.T @ link / layers[0].units ** 0.5).clamp(-10, 10)
    torch.testing.assert_close(errors.x[0], expected, rtol=1e-6, atol=1e-9)
    k, gradients, rate, bias_rate = update[-1]
    assert (k, rate, bias_rate) == (0, 0.3, 0.3)
    z = oracle(config, own, x[None])[0]
    for (name, _), expected in zip(own.items(), torch.autograd.grad(z, list(own.values()), g), strict=True):
        mine = torch.outer(*gradients[name]) if isinstance(gradients[name], tuple) else gradients[name]
        torch.testing.assert_close(mine, expected, rtol=1e-6, atol=1e-9)


def no_activation(config: dict[str, Any]) -> dict[str, Any]:
    """Where a layer has an activation, none."""
    return {"activation": "linear"} if config["type"] in ("dense", "conv2d") else {}


@every_layer
def test_a_legacy_target_goes_back_by_the_normalised_transpose(inputs: int, config: dict[str, Any]) -> None:
    """T_a = sum_b J_ba T_b / sum_b |J_ba|; where sizes agree and the layer is not dense, T itself."""
    network, x = network_of([{**config, **no_activation(config)}, {}], inputs), normal(inputs)
    layers, wave, targets = fired(network, x)
    own = parameters_of(network)[0]
    with torch.inference_mode():
        tween_targets(layers, wave, targets, normal(3, seed=5))
    plain = {key: value for key, value in config.items() if key != "normalize"}
    jacobian = torch.autograd.functional.jacobian(lambda x: oracle(plain, own, x[None])[0], x)
    expected = jacobian.T @ targets.y[0] / jacobian.abs().sum(0)
    if config["type"] != "dense" and layers[0].units == inputs:
        expected = targets.y[0]
    torch.testing.assert_close(targets.x[0], expected, **CLOSE)
