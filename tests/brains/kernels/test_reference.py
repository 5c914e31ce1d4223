"""The torch reference in float64 against autograd and finite differences: what every other kernel is measured by."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from brains.kernels.program import activation
from brains.kernels.reference.activations import SLOPE, TWEEN_SLOPE
from brains.kernels.reference.backprop import backprop
from brains.kernels.reference.layer_norm import layer_norm, through_layer_norm
from brains.kernels.reference.operation import operations
from brains.kernels.reference.wave import Wave, fire
from brains.layers import Dense
from brains.layers.plan import Activation
from brains.stepping.network import Network

HIDDEN = get_args(Activation)
CLOSE = {"rtol": 1e-9, "atol": 1e-12}
SIZES = st.lists(st.integers(1, 9), min_size=2, max_size=5)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", HIDDEN)
def test_slope_is_the_derivative_from_the_output(name: str, activations: dict[str, Any]) -> None:
    z = normal(200).mul(3).requires_grad_()
    y = activations[name](z)
    (expected,) = torch.autograd.grad(y.sum(), z)
    torch.testing.assert_close(SLOPE[activation.NAMES.index(name)](y.detach()), expected, **CLOSE)


@pytest.mark.parametrize("name", activation.NAMES[:-1])
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
    actual = TWEEN_SLOPE[activation.NAMES.index(name)](o)
    torch.testing.assert_close(actual, expected.double(), rtol=0, atol=1e-7)


@given(st.integers(2, 12), st.integers(0, 1000))
@settings(deadline=None, max_examples=20)
def test_through_layer_norm_is_its_vector_jacobian_product(units: int, seed: int) -> None:
    z, delta = normal(units, seed=seed).requires_grad_(), normal(units, seed=seed + 1)
    (expected,) = torch.autograd.grad(torch.nn.functional.layer_norm(z, z.shape), z, delta)
    hat, inverse = layer_norm(z.detach())
    torch.testing.assert_close(through_layer_norm(delta, hat, inverse), expected, rtol=1e-7, atol=1e-9)


@given(
    SIZES,
    st.sampled_from(["softmax", "sigmoid", "linear"]),
    st.lists(st.sampled_from(HIDDEN), min_size=4, max_size=4),
    st.booleans(),
    st.integers(0, 1000),
)
@settings(deadline=None, max_examples=60)
def test_backprop_is_autograd_of_the_loss(
    activations: dict[str, Any], sizes: list[int], readout: str, names: list[str], normalize: bool, seed: int
) -> None:
    """Cross-entropy of a soft-max, half the squared error of the others, through the whole net, in float64."""
    kinds = [*names[: len(sizes) - 2], readout]
    configs = [
        Dense(units=units, activation=kind, normalize=normalize and units > 1)
        for kind, units in zip(kinds[:-1], sizes[1:-1], strict=True)
    ]
    network = Network([*configs, Dense()], sizes[0], sizes[-1], readout, 2)
    block = normal(network.parameters.shape[2], seed=seed).requires_grad_()
    target, x = seed % sizes[-1], normal(sizes[0], seed=seed)
    goal = torch.nn.functional.one_hot(torch.tensor(target), sizes[-1]).double()
    layers = operations(network.table, block)
    wave, errors = (Wave(network.table, normal(network.activity.shape[2], seed=seed)) for _ in range(2))
    wave.world.copy_(x)
    with torch.no_grad():
        for k, layer in enumerate(layers):
            fire(layer, k, wave, wave)
        update = backprop(layers, wave, errors, goal - wave.output)
    output = x
    for views, kind, layer in zip(network.views, kinds, layers, strict=True):
        z = output @ views["weight"].of(block) + views["bias"].of(block)
        z = torch.nn.functional.layer_norm(z, z.shape) if layer.normalize else z
        output = torch.softmax(z, 0) if kind == "softmax" else activations[kind](z)
    loss = -torch.log(output[target]) if readout == "softmax" else 0.5 * (goal - output).square().sum()
    (expected,) = torch.autograd.grad(loss, block)
    for k, gradients, rate, bias_rate in update:
        weight, bias = (network.views[k][name].of(expected) for name in ("weight", "bias"))
        torch.testing.assert_close(-rate * torch.outer(*gradients["weight"]), weight, rtol=1e-7, atol=1e-9)
        torch.testing.assert_close(-bias_rate * gradients["bias"], bias, rtol=1e-7, atol=1e-9)
