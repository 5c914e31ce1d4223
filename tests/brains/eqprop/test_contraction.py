"""Where homeostasis holds its bound there is one minimum and no two-cycle; the same nets without it have both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from brains.eqprop.core import Core
from brains.kernels.program import settling as of
from brains.kernels.reference import eqprop, settling
from brains.kernels.reference.units import UNITS

SIZES, KINDS = (8, 64, 64, 4), ("rational_tanh", "rational_tanh", "linear")
STARTS, SWEEPS, STRONG = 200, 1_000, 1.3  # STRONG: the largest singular value of both upper matrices
POWER_ITERATIONS = 400  # the two largest singular values may be near


def strong(seed: int) -> list[Tensor]:
    """U(+-1 / sqrt(inputs)), the upper two scaled by their exact singular values."""
    chance = torch.Generator().manual_seed(seed)
    drawn = [
        (torch.rand(rows, columns, generator=chance, dtype=torch.float64) * 2 - 1) / rows**0.5
        for rows, columns in pairwise(SIZES)
    ]
    return [drawn[0], *(STRONG * weight / torch.linalg.svdvals(weight)[0] for weight in drawn[1:])]


def core_of(weights: Sequence[Tensor], bound: float | None) -> Core:
    core = Core(SIZES, KINDS, rows=STARTS, free_sweeps=SWEEPS, homeostasis=bound)
    for own, weight in zip(core.weights, weights, strict=True):
        own[...] = weight
    for _ in range(POWER_ITERATIONS if bound else 0):
        core._ask(of.FOLLOWING)
    return core


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_warm_start_ends_where_a_cold_one_does(seed: int) -> None:
    """From 200 random states to 1e-4, at the bound of homeostasis; and some end elsewhere at sqrt(gamma) sigma 1.3."""
    chance, weights = np.random.default_rng(seed), strong(seed)
    x = chance.uniform(-1, 1, (STARTS, SIZES[0]))
    for bound in (0.5, None):
        core = core_of(weights, bound)
        core.settle(x)
        cold = [states.copy() for states in core.states]
        for states in core.states[1:]:
            states[...] = chance.uniform(-1, 1, states.shape)
        core.go_on()
        apart = np.max([np.abs(new - old).max(axis=1) for new, old in zip(core.states, cold, strict=True)], axis=0)
        if bound:
            assert core.gains == pytest.approx([bound / STRONG**2] * 2, rel=1e-3), "at the bound"
            assert apart.max() < 1e-4
        else:
            assert 0.02 < (apart > 0.1).mean() < 0.9


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_parallel_sweeps_end_in_no_two_cycle(seed: int) -> None:
    """s(t) is s(t - 2) but not s(t - 1): never below `contraction_bound`, and some at sqrt(gamma) sigma 1.3."""
    chance, weights = torch.Generator().manual_seed(seed), strong(seed)
    biases = [torch.zeros(size, dtype=torch.float64) for size in SIZES[1:]]
    start = [torch.rand(STARTS, size, generator=chance, dtype=torch.float64) * 2 - 1 for size in SIZES]
    vectors = [torch.ones(size, dtype=torch.float64) / size**0.5 for size in SIZES[1:]]
    free = settling.Net(weights, biases, [UNITS[kind] for kind in KINDS], [1.0] * 3)
    for bound in (0.99 * eqprop.contraction_bound(3), None):
        gains = free.gains
        for _ in range(POWER_ITERATIONS if bound else 0):
            gains, vectors = eqprop.homeostasis(free, vectors, 1.0, bound or 0.0)
        net = replace(free, gains=gains)
        ended = settling.settle(net, start, SWEEPS, dynamics=settling.discrete)
        once_more = settling.settle(net, ended.states, 1, dynamics=settling.discrete).states
        if bound:
            assert settling.moved(ended.states, once_more) < 1e-6
        else:
            cycling = settling.two_cycling(ended.before, ended.states, once_more)
            assert 0.02 < cycling.double().mean() < 0.9
