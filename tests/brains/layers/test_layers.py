"""Every layer type of the torch reference in float64: against finite differences, libraries and autograd."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from brains.kernels.program import op
from brains.kernels.reference.operation import Operation, parameter_views
from brains.layers import LAYERS
from tests.brains.layers.cases import CASES, CLOSE, WINDOW, every_layer, layer_of, network_of, normal, oracle


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
