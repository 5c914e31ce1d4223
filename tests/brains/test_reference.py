"""The torch reference in float64 against autograd and finite differences: what every other kernel is measured by."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from brains.kernels import layout as at
from brains.kernels import reference
from brains.layers.dense import Activation

HIDDEN = get_args(Activation)
CLOSE = {"rtol": 1e-9, "atol": 1e-12}
SIZES = st.lists(st.integers(1, 9), min_size=2, max_size=5)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def layer_of(name: str, inputs: int, units: int, normalize: bool, seed: int = 0) -> reference.Dense:
    weight, bias = normal(inputs, units, seed=seed + 1), normal(units, seed=seed + 2)
    return reference.Dense(
        weight.requires_grad_(), bias.requires_grad_(), at.ACTIVATIONS.index(name), normalize and units > 1
    )


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("name", at.ACTIVATIONS)
def test_gradcheck_of_dense(name: str, normalize: bool) -> None:
    """Autograd's Jacobian in x, W and b equals finite differences."""
    layer, x = layer_of(name, 5, 7, normalize), normal(5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, *_: layer(x), (x, layer.weight, layer.bias))


@pytest.mark.parametrize("name", at.ACTIVATIONS)
def test_a_layer_is_what_its_formula_says(name: str, activations: dict[str, Any]) -> None:
    """y = f(x W + b), normalised by torch's own layer_norm."""
    for normalize in (False, True):
        layer, x = layer_of(name, 5, 7, normalize), normal(5)
        z = x @ layer.weight + layer.bias
        if normalize:
            z = torch.nn.functional.layer_norm(z, z.shape, eps=1e-5)
        expected = torch.softmax(z, 0) if name == "softmax" else activations[name](z)
        torch.testing.assert_close(layer(x), expected, **CLOSE)


@pytest.mark.parametrize("name", HIDDEN)
def test_slope_is_the_derivative_from_the_output(name: str, activations: dict[str, Any]) -> None:
    z = normal(200).mul(3).requires_grad_()
    y = activations[name](z)
    (expected,) = torch.autograd.grad(y.sum(), z)
    torch.testing.assert_close(reference.SLOPE[at.ACTIVATIONS.index(name)](y.detach()), expected, **CLOSE)


@pytest.mark.parametrize("name", at.ACTIVATIONS)
def test_tween_slope_as_published(name: str) -> None:
    """The published derivative from the output o, 0.01 more for the smooth ones; 1 for linear and soft-max."""
    o = torch.tensor([-0.7, 0.0, 0.3, 0.9], dtype=torch.float64)
    expected = {
        "tanh": 1 - o**2 + 0.01,
        "sigmoid": o * (1 - o) + 0.01,
        "leaky_relu": torch.tensor([0.1, 1.0, 1.0, 1.0]),
        "scaled_relu": torch.tensor([0.0, 0.0, 1.1, 1.1]),
        "softplus": 1 / (1 + torch.exp(-o)) + 0.01,
    }.get(name, torch.ones(4))
    actual = reference.TWEEN_SLOPE[at.ACTIVATIONS.index(name)](o)
    torch.testing.assert_close(actual, expected.double(), rtol=0, atol=1e-7)


@given(st.integers(2, 12), st.integers(0, 1000))
@settings(deadline=None, max_examples=20)
def test_through_layer_norm_is_its_vector_jacobian_product(units: int, seed: int) -> None:
    z, delta = normal(units, seed=seed).requires_grad_(), normal(units, seed=seed + 1)
    (expected,) = torch.autograd.grad(torch.nn.functional.layer_norm(z, z.shape), z, delta)
    hat, inverse = reference.layer_norm(z.detach())
    torch.testing.assert_close(reference.through_layer_norm(delta, hat, inverse), expected, rtol=1e-7, atol=1e-9)


@given(
    SIZES,
    st.sampled_from(["softmax", "sigmoid", "linear"]),
    st.lists(st.sampled_from(HIDDEN), min_size=4, max_size=4),
    st.booleans(),
    st.integers(0, 1000),
)
@settings(deadline=None, max_examples=60)
def test_backprop_is_autograd_of_the_loss(
    sizes: list[int], readout: str, names: list[str], normalize: bool, seed: int
) -> None:
    """Cross-entropy of a soft-max, half the squared error of the others, through the whole net, in float64."""
    kinds = [*names[: len(sizes) - 2], readout]
    layers = [
        layer_of(kind, inputs, units, normalize and kind != readout, seed + 3 * i)
        for i, (kind, inputs, units) in enumerate(zip(kinds, sizes, sizes[1:], strict=False))
    ]
    target, output = seed % sizes[-1], normal(sizes[0], seed=seed)
    goal = torch.nn.functional.one_hot(torch.tensor(target), sizes[-1]).double()
    wave = wave_of(layers, sizes)
    wave.outputs[0].copy_(output)
    with torch.no_grad():
        for i, layer in enumerate(layers):
            reference.fire(layer, i, wave.outputs[i], wave)
        update = reference.backprop(layers, wave, goal - wave.outputs[-1])
    for layer in layers:
        output = layer(output)
    loss = -torch.log(output[target]) if readout == "softmax" else 0.5 * (goal - output).square().sum()
    for layer, (x, delta, rate, bias_rate) in zip(layers, update, strict=True):
        weight, bias = torch.autograd.grad(loss, (layer.weight, layer.bias), retain_graph=True)
        torch.testing.assert_close(-rate * torch.outer(x, delta), weight, rtol=1e-7, atol=1e-9)
        torch.testing.assert_close(-bias_rate * delta, bias, rtol=1e-7, atol=1e-9)


def wave_of(layers: list[reference.Dense], sizes: list[int]) -> reference.Wave:
    """A row of float64 activity for these layers."""
    table = np.zeros((len(layers), at.COLUMNS), np.int64)
    place = sizes[0]
    for row, layer, inputs, units in zip(table, layers, sizes, sizes[1:], strict=False):
        row[[at.IN, at.UNITS, at.WIDTH, at.Y, at.NORMALIZE, at.HAT]] = (
            inputs,
            units,
            units,
            place,
            layer.normalize,
            place + units,
        )
        place += 2 * units + at.PAD
    return reference.Wave(table, torch.zeros(place, dtype=torch.float64))
