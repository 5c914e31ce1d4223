"""Links between layers: the transpose and the derivatives of what they are said to be, against autograd."""

from __future__ import annotations

import pytest
import torch

from brains.kernels.reference import eqprop, settling
from brains.kernels.reference.eqprop import contrast
from brains.kernels.reference.links import DENSE, Convolution, Patches
from brains.kernels.reference.settling import Net, blockwise, settle
from brains.kernels.reference.units import UNITS

# link, shape of its weight, units below
LINKS = {
    "dense": (DENSE, (12, 7), 12),
    "stride 1": (Convolution((2, 5, 6), 3, 3, 1), (3, 2, 3, 3), 60),
    "stride 2, odd": (Convolution((2, 7, 5), 3, 5, 2), (3, 2, 5, 5), 70),
    "stride 2, even": (Convolution((1, 8, 8), 4, 5, 2), (4, 1, 5, 5), 64),
    "stride 3, a remainder": (Convolution((2, 7, 8), 3, 3, 3), (3, 2, 3, 3), 112),
    "patches": (Patches(6, 2), (4, 3), 36),
    "even kernel": (Convolution((1, 6, 7), 2, 4, 2), (2, 1, 4, 4), 42),
}


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("name", LINKS)
def test_down_is_the_transpose_of_up_and_outer_its_derivative(name):
    """Autograd of sum above . up(below): by the layer below it is `down`, by the weight `outer`, by the bias
    `over_rows`."""
    link, shape, units = LINKS[name]
    below, weight = drawn(4, units).requires_grad_(), drawn(*shape, seed=1).requires_grad_()
    sizes = {"dense": shape[1], "patches": 9 * 3}  # else one a channel
    bias = drawn(sizes.get(name, shape[0]), seed=2).requires_grad_()
    driven = link.up(below, weight, bias)
    above, z = drawn(*driven.shape, seed=3), drawn(4, units, seed=4)
    by_below, by_weight, by_bias = torch.autograd.grad((above * driven).sum(), (below, weight, bias))
    with torch.no_grad():
        torch.testing.assert_close(link.down(z, above, weight, 0.3), z + 0.3 * by_below)
        torch.testing.assert_close(link.outer(below, above), by_weight)
        torch.testing.assert_close(link.over_rows(above), by_bias)


def test_a_convolution_is_a_sparse_dense_link():
    """The matrix that a convolution is, column by column: the same fields as a dense net of that matrix."""
    link = Convolution((2, 6, 6), 3, 3, 2)
    weight, bias = drawn(*link.shape), drawn(3, seed=1)
    zero = torch.zeros(3, dtype=torch.float64)
    matrix = link.up(torch.eye(72, dtype=torch.float64), weight, zero)  # (72, 27)
    below, above, z = drawn(5, 72, seed=2), drawn(5, 27, seed=3), drawn(5, 72, seed=4)
    torch.testing.assert_close(link.up(below, weight, bias), DENSE.up(below, matrix, bias.repeat_interleave(9)))
    torch.testing.assert_close(link.down(z, above, weight, 0.5), DENSE.down(z, above, matrix, 0.5))


def convolutional(gain: float) -> Net:
    """8 x 8 images, two convolutions, one dense layer to 4 outputs."""
    first = Convolution((1, 8, 8), 4, 3, 2)
    second = Convolution(first.above, 6, 3, 2)
    shapes = [first.shape, second.shape, (24, 4)]
    weights = [
        drawn(*shape, seed=k) * scale for k, (shape, scale) in enumerate(zip(shapes, (0.3, 0.1, 0.1), strict=True))
    ]
    biases = [0.1 * drawn(n, seed=9) for n in (4, 6, 4)]
    units = [UNITS["tanh"], UNITS["tanh"], UNITS["linear"]]
    return Net(weights, biases, units, [1.0, gain, gain], links=[first, second, DENSE])


@pytest.mark.parametrize("gain", [1.0, 0.3])
def test_the_contrast_of_a_convolutional_net_is_its_gradient(gain):
    """Autograd through the unrolled settling is the oracle, in float64."""
    net = convolutional(gain)
    x = torch.rand(8, 64, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    cost = settling.squared_error(torch.nn.functional.one_hot(torch.arange(8) % 4, 4).double())
    parameters = [each.clone().requires_grad_() for each in (*net.weights, *net.biases)]
    own = Net(parameters[:3], parameters[3:], net.units, net.gains, links=net.links)
    states, drive = own.forward(x), own.drive(x)
    for _ in range(200):
        states = blockwise(own, states, drive, 0.0, None)
    true = torch.autograd.grad(cost.value(states[-1]).mean(), parameters)
    free = settle(net, net.forward(x), 200).states
    plus, minus = (settle(net, free, 200, beta=beta, cost=cost).states for beta in (1e-4, -1e-4))
    for mine, right in zip(contrast(net, plus, minus, 2e-4), true, strict=True):
        torch.testing.assert_close(mine, right, rtol=2e-4, atol=1e-8)
    points = eqprop.holomorphic(net, free, settling.Cost(cost.value, cost.pull), radius=0.1, points=8, sweeps=60)
    for mine, right in zip(points, true, strict=True):
        torch.testing.assert_close(mine, right, rtol=2e-4, atol=1e-8)


def test_homeostasis_of_a_convolution_holds_the_largest_singular_value_of_its_matrix():
    """numpy's singular values of the whole matrix are the oracle."""
    net = convolutional(1.0)
    net = Net([net.weights[0], 8 * net.weights[1], 8 * net.weights[2]], net.biases, net.units, links=net.links)
    vectors = [torch.zeros(0)] + [torch.ones(n, dtype=torch.float64) for n in (24, 4)]
    for _ in range(400):
        gains, vectors = eqprop.homeostasis(net, vectors, 1.0, 0.5)
    matrix = eqprop.linear(net, 1, torch.eye(64, dtype=torch.float64))
    for gain, weight in zip(gains[1:], (matrix, net.weights[2]), strict=True):
        assert gain == pytest.approx(min(1.0, 0.5 / float(torch.linalg.svdvals(weight)[0]) ** 2), rel=1e-6)
