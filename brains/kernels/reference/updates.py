"""From a gathered gradient to new weights: an optimiser's step, or a velocity's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from brains.kernels import layout as at
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
    parameters, rate = [p for layer in layers for p in layer.parameters()], float(numbers[at.RATE])
    gradients, first, second = (
        [view for parts in parameter_views(table, own[block]) for part in parts for view in part.values()]
        for block in (at.GRADIENT, at.MOMENT1, at.MOMENT2)
    )
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    if kind == at.ADAM:
        betas = (float(numbers[at.BETA1]), float(numbers[at.BETA2]))
        optimizer: torch.optim.Optimizer = torch.optim.Adam(
            parameters, rate, betas, float(numbers[at.EPSILON]), maximize=True
        )
        for p, m, v in zip(parameters, first, second, strict=True):
            optimizer.state[p] = {"step": torch.tensor(0.0), "exp_avg": m, "exp_avg_sq": v}
    else:
        optimizer = torch.optim.SGD(parameters, rate, float(numbers[at.MOMENTUM]), maximize=True)
        for p, m in zip(parameters, first, strict=True):
            optimizer.state[p] = {"momentum_buffer": m}
    return optimizer


def step_down_gradient(lane: Lane) -> bool:
    """Clip the gradient's norm and let torch's optimiser step. Returns whether the gradient was finite."""
    gradient = lane.own[at.GRADIENT]
    norm = float(torch.linalg.vector_norm(gradient))
    if not math.isfinite(norm):
        return False
    if 0.0 < lane.clip < norm:
        gradient.mul_(lane.clip / (norm + 1e-6))
    for moments in lane.optimizer.state.values():
        if "step" in moments:
            moments["step"].fill_(float(lane.state[at.ADAM_STEP]))
    lane.state[at.ADAM_STEP] += 1
    lane.optimizer.step()
    return True


def step_with_velocity(lane: Lane, limit: float) -> bool:
    """v = 0.9 v + 0.1 clip(g); W += v; and b += clip(g): biases are updated with no memory of v. Returns True: what
    is not finite was clipped to 0."""
    lane.own[at.MOMENT1].lerp_(clip(lane.own[at.GRADIENT], limit), lane.freshness)
    lane.own[at.VALUE].add_(lane.own[at.MOMENT1])
    return True
