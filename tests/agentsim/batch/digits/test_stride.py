"""Learning in stride: lanes against settling by the same dynamics, and autograd where images are held for long."""

from __future__ import annotations

import torch

from agentsim.batch.digits.stride import Lanes
from brains.kernels.reference import settling
from brains.kernels.reference.settling import Net, blockwise, discrete, settle
from brains.kernels.reference.units import UNITS

BETA, ROWS, HOLD = 1e-3, 5, 4


def network() -> Net:
    """6-8-7-3 of tanh units, a contraction, in float64."""
    chance = torch.Generator().manual_seed(0)
    shapes = [(6, 8), (8, 7), (7, 3)]
    weights = [0.25 * torch.randn(*shape, generator=chance, dtype=torch.float64) for shape in shapes]
    biases = [0.1 * torch.randn(shape[1], generator=chance, dtype=torch.float64) for shape in shapes]
    return Net(weights, biases, [UNITS["tanh"], UNITS["tanh"], UNITS["linear"]], [1.0, 0.6, 0.8])


def images(count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """(x, one-hot target) of so many batches."""
    chance = torch.Generator().manual_seed(1)
    drawn = []
    for _ in range(count):
        x = torch.randn(ROWS, 6, generator=chance, dtype=torch.float64)
        label = torch.randint(0, 3, (ROWS,), generator=chance)
        drawn.append((x, torch.nn.functional.one_hot(label, 3).double()))
    return drawn


def test_an_image_held_for_n_ticks_has_had_n_times_k_parallel_sweeps():
    """Each lane's pair, tick by tick, against `settle` of the batch it holds from the states it found there."""
    net, k, batches = network(), 2, images(11)
    lanes = Lanes(net, *batches[0], HOLD)
    for tick, (x, target) in enumerate(batches):
        place = slice(tick % HOLD * ROWS, (tick % HOLD + 1) * ROWS)
        found = [[s[place].clone() for s in side[1:]] for side in (lanes.plus, lanes.minus)]
        lanes.take(x, target)
        kept = [Lanes.of({name: s.clone() for name, s in lanes.kept.items()})]
        for age in range(1, HOLD + 1):
            kept[0].sweep(net, BETA, k, settling.squared_error)
            for side, start, beta in zip((kept[0].plus, kept[0].minus), found, (BETA, -BETA), strict=True):
                cost = settling.squared_error(target)
                expected = settle(net, [x, *start], age * k, beta=beta, cost=cost, dynamics=discrete).states
                for mine, right in zip(side, expected, strict=True):
                    torch.testing.assert_close(mine[place], right, rtol=0, atol=1e-14)
        assert kept[0].age[place].tolist() == [HOLD] * ROWS
        lanes.sweep(net, BETA, k, settling.squared_error)
    ages = [(len(batches) - 1 - group) % HOLD + 1 for group in range(HOLD)]
    assert lanes.age.tolist() == [age for age in ages for _ in range(ROWS)]


def test_only_ripe_lanes_are_heard_and_theirs_is_the_gradient():
    """Images held for 150 ticks: the contrast is autograd's gradient through the settling of the ripe images alone."""
    net = network()
    (x, target), late = images(2)
    lanes = Lanes(net, x, target, 2)
    assert lanes.contrast(net, BETA, 1) is None, "nothing has had a tick"
    for _ in range(150):
        lanes.sweep(net, BETA, 1, settling.squared_error)
    lanes.take(*late)  # in the place of the first half of the lanes
    lanes.sweep(net, BETA, 1, settling.squared_error)
    found = lanes.contrast(net, BETA, 100)
    assert found is not None
    gradient, output, own = found
    assert torch.equal(own, target)
    parameters = [each.clone().requires_grad_() for each in (*net.weights, *net.biases)]
    unrolled = Net(parameters[:3], parameters[3:], net.units, net.gains)
    states, drive = unrolled.forward(x), unrolled.drive(x)
    for _ in range(150):
        states = blockwise(unrolled, states, drive, 0.0, None)
    torch.testing.assert_close(output, states[-1].detach(), rtol=1e-4, atol=1e-6)
    true = torch.autograd.grad(settling.squared_error(target).value(states[-1]).mean(), parameters)
    for mine, right in zip(gradient, true, strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-3, atol=1e-7)
