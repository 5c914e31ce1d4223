"""The legacy heuristic of Neural Tween: targets go back by the normalised transpose of the weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from brains.kernels.reference.operation import Operation
from brains.kernels.reference.updates import step_with_velocity
from brains.kernels.reference.wave import Update, Wave, hand_on

if TYPE_CHECKING:
    from brains.kernels.reference.lane import Lane


def tween_targets(layers: list[Operation], wave: Wave, targets: Wave, goal: Tensor) -> None:
    """The legacy targets: T[i]_a = sum_b W_ab T[i+1]_b / sum_b |W_ab|, clamped by layer i's activation, in `targets`.

    Of other layers W is the transposed Jacobian, or where sizes agree the identity; a gate's is what passed through it.
    What several operations read gets the mean of their targets.
    """
    targets.y[-1] = goal
    for k, layer in reversed(list(enumerate(layers))):
        target = targets.y[k]
        if not layer.learns and wave.kept[k] is not None:
            size = wave.x[k].abs().sum()
            targets.kept[k].copy_(torch.where(size > 0.01, torch.dot(target, wave.x[k]) / size, 0.0))
        if layer.passes_targets:
            said = target
        else:
            transpose = layer.transpose(wave.x[k], wave.kept[k])
            size = transpose.abs().sum(1)
            said = torch.where(size > 0.01, torch.mv(transpose, target) / size, 0.0)
        if layer.bounds:
            said = said.clamp(*layer.bounds)
        hand_on(layer, k, targets, said if layer.readers == 1 else said / layer.readers)


def link_budget(activation: Tensor, target: Tensor) -> float:
    """(cosine + 1) / 2; one half where either squared norm is at most 0.001."""
    a, t = float(activation @ activation), float(target @ target)
    if a <= 0.001 or t <= 0.001:
        return 0.5
    return (float(activation @ target) / math.sqrt(a * t) + 1.0) / 2.0


def tween(layers: list[Operation], wave: Wave, targets: Wave, goal: Tensor, rates: list[float]) -> Update:
    """The legacy heuristic's raw updates (0.01 rate x g, 0.1 rate g), g = T - A; a budget below 0.2 is skipped.

    Leaves T in `targets`. An activation's slope or a dense layer's normalisation has no part in it.
    """
    tween_targets(layers, wave, targets, goal)
    update: Update = []
    for k, layer in enumerate(layers):
        if not layer.learns:
            continue
        budget = link_budget(wave.y[k], targets.y[k])
        if budget >= 0.2:
            gradients = layer.gradients(wave.x[k], None if layer.normalize else wave.kept[k], targets.y[k] - wave.y[k])
            rate = rates[k] * (0.5 + 0.5 * budget)
            update.append((k, gradients, 0.01 * rate, 0.1 * rate))
    return update


def sample(lane: Lane, wave: Wave, goal: Tensor, now: bool) -> tuple[float, Update]:
    """A sample's loss, the squared error, and its update."""
    error = goal - wave.output
    return float(error @ error), tween(lane.layers, wave, lane.errors, goal, lane.rates)


def update(lane: Lane) -> bool:
    """Velocities of gradients as they are."""
    return step_with_velocity(lane, math.inf)
