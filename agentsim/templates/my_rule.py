"""my_rule: gradient descent by direction alone: every update is `learning_rate` long, whatever the gradient's length.

A rule says of a sample what it adds to the gathered gradient, which here is backprop's to do, and what an update makes
of that: once in torch, short and obviously right, and once compiled.

agentsim run my_rule.yaml --import my_rule
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

import agentsim
from agentsim.compiled.jit import kernel
from agentsim.compiled.pointers import floats
from agentsim.compiled.vectors import WIDTH, fma, load, splat, store
from brains.kernels.cpu.backprop import sample
from brains.kernels.cpu.mathematics import fill, is_finite
from brains.kernels.cpu.signatures import UPDATE
from brains.kernels.cpu.updates import block_of, guard, norm_of, roll_back
from brains.kernels.program import block, option, rate
from brains.kernels.reference import backprop
from brains.rules import Rule

if TYPE_CHECKING:
    from brains.kernels.reference.lane import Lane

__all__ = ["MyRule", "sample", "update"]  # `sample` is a kernel of this rule too

SMALLEST = 1e-6  # added to a gradient's length, so that nothing is divided by 0
F = np.float32


class MyRule:
    """The torch reference."""

    sample = staticmethod(backprop.sample)

    @staticmethod
    def update(lane: Lane) -> bool:
        """W += rate g / |g|, with g the mean of what was gathered, uphill. False if it was not finite: the lane goes
        back to its last good snapshot."""
        gradient = lane.own[block.GRADIENT]
        length = float(torch.linalg.vector_norm(gradient))
        if not math.isfinite(length):
            return False
        lane.own[block.VALUE].add_(gradient, alpha=lane.rate / (length + SMALLEST))
        return True


@kernel(*UPDATE)
def update(program, own, counters, count):
    """The same of `count` samples, sixteen numbers at a time."""
    value, gradient = block_of(program, own, block.VALUE), block_of(program, own, block.GRADIENT)
    size, mean = program[option.BLOCK_SIZE], F(1.0) / F(count)
    length = mean * norm_of(gradient, size)
    if is_finite(length):
        step = splat(mean * floats(program[option.RATES])[rate.RATE] / (length + F(SMALLEST)))
        for k in range(0, size, WIDTH):
            store(value, k, fma(step, load(gradient, k), load(value, k)))
    fill(gradient, 0.0, size)
    if is_finite(length):
        guard(program, counters, own)
    else:
        roll_back(program, own)


agentsim.register_rule("my_rule", Rule(f"{__name__}:MyRule", __name__, from_reward=True))
