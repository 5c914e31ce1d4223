"""Layers together in the torch reference, in float64: errors and targets that go back through them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from brains.kernels.program import block
from brains.kernels.reference.backprop import backprop
from brains.kernels.reference.operation import Operation, operations
from brains.kernels.reference.tween import tween_targets
from brains.kernels.reference.tween_chain import tween_chain
from brains.kernels.reference.wave import Wave, fire
from brains.stepping.network import Network
from tests.brains.layers.cases import CLOSE, WINDOW, every_layer, network_of, normal, oracle

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
