"""Tokens that attend to each other: forces and slopes against autograd of the energy, the contrast against autograd
through the settling, the vector field's estimate against the contrast where there is an energy."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from brains.kernels.reference import settling
from brains.kernels.reference.eqprop import contrast, field_contrast
from brains.kernels.reference.laterals import EnergyTransformer, LoopedBlock, along, calmed
from brains.kernels.reference.links import DENSE, Patches
from brains.kernels.reference.settling import Net, blockwise, settle
from brains.kernels.reference.units import UNITS

TOKENS, WIDTH = 4, 6


def drawn(*shape, seed=0, scale=1.0):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def of_energy(scale=1.0):
    """(lateral, parameters): two heads of width 3, five memories."""
    shapes = [(2, WIDTH, 3), (2, WIDTH, 3), (5, WIDTH)]
    return EnergyTransformer(TOKENS, 0.7), [drawn(*shape, seed=k, scale=scale) for k, shape in enumerate(shapes)]


def looped(scale=1.0):
    shapes = [(2, WIDTH, 3)] * 3 + [(2, 3, WIDTH), (WIDTH, 5), (5, WIDTH)]
    return LoopedBlock(TOKENS, 0.6), [drawn(*shape, seed=k, scale=scale) for k, shape in enumerate(shapes)]


def network(lateral, parameters) -> Net:
    """4 x 4 pixels as four patches, tokens, five units, three outputs; a contraction."""
    patches = Patches(4, 2)
    weights = [drawn(4, WIDTH, seed=7, scale=0.5), drawn(24, 5, seed=8, scale=0.15), drawn(5, 3, seed=9, scale=0.3)]
    biases = [drawn(size, seed=10, scale=0.1) for size in (24, 5, 3)]
    units = [UNITS["rational_tanh"], UNITS["rational_tanh"], UNITS["linear"]]
    links = [patches, DENSE, DENSE]
    return Net(weights, biases, units, [1.0, 0.5, 0.8], links=links, laterals={1: (lateral, parameters)})


def test_forces_and_slopes_are_the_derivatives_of_the_energy():
    """Autograd of E, whose formula is computed here once more, token by token."""
    lateral, parameters = of_energy()
    s = drawn(3, TOKENS * WIDTH, seed=3).requires_grad_()
    own = [each.clone().requires_grad_() for each in parameters]
    total = []
    for row in s.view(3, TOKENS, WIDTH):
        heads = 0.0
        for to_query, to_key in zip(own[0], own[1], strict=True):
            for i, token in enumerate(row):
                logits = [(other @ to_key) @ (token @ to_query) / 3**0.5 for j, other in enumerate(row) if j != i]
                heads = heads + torch.stack(logits).logsumexp(0) * 3**0.5
        total.append(-0.7 * (heads + (row @ own[2].T).clamp_min(0).square().sum() / 2))
    energy = torch.stack(total)
    torch.testing.assert_close(lateral.energy(s, own), energy)
    by_state, *by_parameters = torch.autograd.grad(energy.sum(), [s, *own])
    with torch.no_grad():
        torch.testing.assert_close(lateral.pull(s, parameters), -by_state)
        for found, true in zip(lateral.slopes(s, parameters), by_parameters, strict=True):
            torch.testing.assert_close(found, -true)


@pytest.mark.parametrize("made", [of_energy, looped])
def test_tokens_have_no_order(made):
    lateral, parameters = made()
    s, order = drawn(2, TOKENS, WIDTH, seed=4), torch.tensor([2, 0, 3, 1])
    straight = lateral.pull(s.flatten(1), parameters).view(2, TOKENS, WIDTH)
    torch.testing.assert_close(lateral.pull(s[:, order].flatten(1), parameters).view_as(s), straight[:, order])


def batch():
    x = torch.rand(5, 16, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    return x, settling.cross_entropy(torch.nn.functional.one_hot(torch.arange(5) % 3, 3).double(), 2.0)


def nudged(net: Net, beta=1e-4):
    x, cost = batch()
    free = settle(net, net.forward(x), 300)
    assert free.residual < 1e-12
    return free.states, *(settle(net, free.states, 300, beta=b, cost=cost).states for b in (beta, -beta))


def test_the_contrast_of_an_energy_transformer_is_its_gradient():
    """Autograd through the unrolled settling, for every parameter, in float64."""
    net = network(*of_energy(0.3))
    x, cost = batch()
    lateral, own = net.laterals[1][0], [each.clone().requires_grad_() for each in net.laterals[1][1]]
    parameters = [each.clone().requires_grad_() for each in (*net.weights, *net.biases)]
    unrolled = replace(net, weights=parameters[:3], biases=parameters[3:], laterals={1: (lateral, own)})
    states, drive = unrolled.forward(x), unrolled.drive(x)
    for _ in range(200):
        states = blockwise(unrolled, states, drive, 0.0, None)
    true = torch.autograd.grad(cost.value(states[-1]).mean(), [*parameters, *own])
    _, plus, minus = nudged(net)
    for found, right in zip(contrast(net, plus, minus, 2e-4), true, strict=True):
        torch.testing.assert_close(found, right, rtol=1e-4, atol=1e-8)


def test_the_energy_of_the_whole_net_falls_sweep_by_sweep_where_it_contracts():
    """For s = sigma(z) lies down the slope of E from s, and weak laterals keep the step short enough."""
    net = network(*of_energy(0.3))
    x, _ = batch()
    states, drive = net.forward(x), net.drive(x)
    energy = net.energy(states)
    for _ in range(30):
        states = blockwise(net, states, drive, 0.0, None)
        assert (net.energy(states) <= energy + 1e-12).all()
        energy = net.energy(states)


def test_a_vector_field_that_has_an_energy_learns_by_its_gradient():
    """-dE/dparameter moves by (d pull / d parameter)' ds, the derivatives being in either order the same."""
    net = network(*of_energy(0.3))
    free, plus, minus = nudged(net)
    field = field_contrast(net, free, plus, minus, 2e-4)
    for found, true in zip(field.laterals, contrast(net, plus, minus, 2e-4).laterals, strict=True):
        torch.testing.assert_close(found, true, rtol=1e-4, atol=1e-8)


def test_a_looped_block_has_no_energy_and_says_so():
    net = network(*looped(0.2))
    assert not net.has_energy
    free, plus, minus = nudged(net)
    with pytest.raises(TypeError, match="vector field"):
        contrast(net, plus, minus, 2e-4)
    found = field_contrast(net, free, plus, minus, 2e-4).laterals
    share = -1 / (2e-4 * 5 * net.gains[1] * net.gains[2])
    lateral, parameters = net.laterals[1]
    for mine, right in zip(found, along(lateral, free[1], parameters, share * (plus[1] - minus[1])), strict=True):
        torch.testing.assert_close(mine, right)


def test_calm_tokens_are_at_the_bound():
    """Of one state, the largest singular value of the true Jacobian, by autograd."""
    lateral, parameters = of_energy(2.0)
    s, vector = drawn(1, TOKENS * WIDTH, seed=6, scale=0.5), torch.ones(TOKENS * WIDTH, dtype=torch.float64) / 24**0.5
    for _ in range(400):
        lateral, vector = calmed(lateral, s, parameters, vector, 0.5)
    jacobian = torch.autograd.functional.jacobian(lambda row: lateral.pull(row[None], parameters)[0], s[0])
    assert float(torch.linalg.svdvals(jacobian)[0]) == pytest.approx(0.5, rel=1e-2)


@pytest.mark.parametrize("made", [of_energy, looped])
def test_the_strength_is_that_of_the_largest_image_over_samples(made):
    """One iteration from a vector is |J v| of each state at strength 1, J by autograd; weak ones are left alone."""
    lateral, parameters = made(2.0)
    s, vector = drawn(3, TOKENS * WIDTH, seed=6, scale=0.5), drawn(TOKENS * WIDTH, seed=8)
    vector = vector / vector.norm()
    whole = replace(lateral, strength=1.0)
    jacobians = [torch.autograd.functional.jacobian(lambda r: whole.pull(r[None], parameters)[0], row) for row in s]
    images = [jacobian @ vector for jacobian in jacobians]
    largest = max(images, key=lambda image: float(image.norm()))
    calm, moved = calmed(lateral, s, parameters, vector, 0.5)
    assert calm.strength == pytest.approx(0.5 / float(largest.norm()), rel=2e-2)
    torch.testing.assert_close(moved, largest / largest.norm(), rtol=0.05, atol=0.02)
    weak, _ = calmed(lateral, s, [0.01 * each for each in parameters], vector, 0.5)
    assert weak.strength == 1.0
