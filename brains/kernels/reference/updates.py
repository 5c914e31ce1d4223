"""From a gathered gradient to new weights: an optimiser's step, or a velocity's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from brains.kernels.program import block, counter, option, rate
from brains.kernels.reference.operation import Operation, parameter_views

if TYPE_CHECKING:
    from brains.kernels.reference.lane import Lane


def clip(value: Tensor, limit: float) -> Tensor:
    """Clamp to +-limit, in place; non-finite values become 0."""
    return value.nan_to_num_(0.0, 0.0, 0.0).clamp_(-limit, limit)


def optimizer_of(
    layers: Sequence[Operation], table: NDArray[Any], own: Tensor, kind: int, numbers: NDArray[Any]
) -> torch.optim.Optimizer:
    """torch's SGD or Adam with its moments in our arrays `own` (BLOCKS, P), so that they are saved with everything
    else."""
    parameters, step = [p for layer in layers for p in layer.parameters()], float(numbers[rate.RATE])

    def views(which: int) -> list[Tensor]:
        return [view for parts in parameter_views(table, own[which]) for part in parts for view in part.values()]

    for parameter, gradient in zip(parameters, views(block.GRADIENT), strict=True):
        parameter.grad = gradient
    first = views(block.MOMENT1)
    if kind == option.ADAM:
        betas = (float(numbers[rate.BETA1]), float(numbers[rate.BETA2]))
        optimizer: torch.optim.Optimizer = torch.optim.Adam(
            parameters, step, betas, float(numbers[rate.EPSILON]), maximize=True
        )
        for p, m, v in zip(parameters, first, views(block.MOMENT2), strict=True):
            optimizer.state[p] = {"step": torch.tensor(0.0), "exp_avg": m, "exp_avg_sq": v}
    else:
        optimizer = torch.optim.SGD(parameters, step, float(numbers[rate.MOMENTUM]), maximize=True)
        for p, m in zip(parameters, first, strict=True):
            optimizer.state[p] = {"momentum_buffer": m}
    return optimizer


def step_down_gradient(lane: Lane) -> bool:
    """Clip the gradient's norm and let torch's optimiser step. Returns whether the gradient was finite."""
    gradient = lane.own[block.GRADIENT]
    norm = float(torch.linalg.vector_norm(gradient))
    if not math.isfinite(norm):
        return False
    if 0.0 < lane.clip < norm:
        gradient.mul_(lane.clip / (norm + 1e-6))
    for moments in lane.optimizer.state.values():
        if "step" in moments:
            moments["step"].fill_(float(lane.state[counter.ADAM_STEP]))
    lane.state[counter.ADAM_STEP] += 1
    lane.optimizer.step()
    return True


def step_with_velocity(lane: Lane, limit: float) -> bool:
    """v = 0.9 v + 0.1 clip(g); W += v; and b += clip(g): biases are updated with no memory of v. Returns True: what
    is not finite was clipped to 0."""
    lane.own[block.MOMENT1].lerp_(clip(lane.own[block.GRADIENT], limit), lane.freshness)
    lane.own[block.VALUE].add_(lane.own[block.MOMENT1])
    return True
