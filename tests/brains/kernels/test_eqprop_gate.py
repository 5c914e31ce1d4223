"""A gated drive in the reference: its contrast against autograd through the settling, its energy against the states."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from brains.kernels.reference import settling
from brains.kernels.reference.eqprop import contrast
from brains.kernels.reference.settling import Net, blockwise, settle
from brains.kernels.reference.units import UNITS


def gated(dims, gain=1.0, scale=0.5, seed=0) -> Net:
    """Uniform weights of +-1 / sqrt(inputs), those above the first times `scale`; the gate's bias about a half."""
    chance = torch.Generator().manual_seed(seed)

    def uniform(*shape):
        return (torch.rand(*shape, generator=chance, dtype=torch.float64) * 2 - 1) / math.sqrt(dims[0])

    weights = [uniform(*pair) * (scale if index else 1) for index, pair in enumerate(pairwise(dims))]
    units = [UNITS["rational_tanh"]] * (len(dims) - 2) + [UNITS["linear"]]
    gate = uniform(*dims[:2]), uniform(dims[1]) + 0.5
    return Net(weights, [uniform(n) for n in dims[1:]], units, [1.0] + [gain] * (len(dims) - 2), gate=gate)


def data(rows=16, inputs=8, outputs=4):
    chance = torch.Generator().manual_seed(1)
    x = torch.rand(rows, inputs, generator=chance, dtype=torch.float64) * 2 - 1
    return x, torch.eye(outputs, dtype=torch.float64)[torch.randint(0, outputs, (rows,), generator=chance)]


@pytest.mark.parametrize("gain", [1.0, 0.3])
@pytest.mark.parametrize("dims", [(8, 20, 4), (8, 20, 20, 4)])
def test_contrast_is_the_gradient_through_the_settling(dims, gain):
    """EqProp stays exact with a cubic energy: each factor's gradient, size and all, to 2e-4 in float64."""
    net, (x, target) = gated(dims, gain), data()
    cost = settling.cross_entropy(target, 3.0)
    parameters = [each.clone().requires_grad_() for each in (*net.weights, *net.biases, *net.gate)]
    depth = net.depth
    gate = (parameters[-2], parameters[-1])
    own = Net(parameters[:depth], parameters[depth : 2 * depth], net.units, net.gains, gate=gate)
    states, drive = own.forward(x), own.drive(x)
    for _ in range(200):
        states = blockwise(own, states, drive, 0.0, None)
    true = torch.autograd.grad(cost.value(states[-1]).mean(), parameters)
    free = settle(net, net.forward(x), 200).states
    plus, minus = (settle(net, free, 200, beta=beta, cost=cost).states for beta in (1e-4, -1e-4))
    found = list(contrast(net, plus, minus, 2e-4))
    assert len(found) == 2 * depth + 2
    for mine, right in zip(found, true, strict=True):
        torch.testing.assert_close(mine, right, rtol=2e-4, atol=1e-8)


def test_the_free_states_are_where_the_energy_is_flat():
    """dE / ds of every layer, by autograd, is zero at the settled states."""
    net, (x, _) = gated((8, 20, 20, 4), 0.6), data()
    free = settle(net, net.forward(x), 300).states
    states = [free[0], *(s.clone().requires_grad_() for s in free[1:])]
    for slope in torch.autograd.grad(net.energy(states).sum(), states[1:]):
        torch.testing.assert_close(slope, torch.zeros_like(slope), rtol=0, atol=1e-7)
