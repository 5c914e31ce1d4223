"""Backprop, exact for the activations it is given, and Sideways, which sends errors one operation a tick."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch import Tensor

from brains.kernels.program import activation, option
from brains.kernels.reference.operation import Operation
from brains.kernels.reference.updates import step_down_gradient
from brains.kernels.reference.wave import Update, Wave, hand_on, hand_on_move

if TYPE_CHECKING:
    from brains.kernels.reference.lane import Lane


def backprop(layers: list[Operation], wave: Wave, errors: Wave, error: Tensor) -> Update:
    """Minus the gradient of the loss through the activations in `wave`; error = target - A[L].

    `errors` is working space.
    """
    errors.y[-1] = error
    update: Update = []
    for k, layer in reversed(list(enumerate(layers))):
        if not layer.learns:
            hand_on_move(layer, k, wave, errors, errors.y[k])
            continue
        delta = layer.through_activation(errors.y[k], wave.y[k])
        if layer.reads_world:  # whose error is nobody's
            update.append((k, layer.gradients(wave.x[k], wave.kept[k], delta), 1.0, 1.0))
            continue
        dx, gradients = layer.vjp(wave.x[k], wave.kept[k], delta)
        update.append((k, gradients, 1.0, 1.0))
        hand_on(layer, k, errors, dx)
    return update


def sideways(layers: list[Operation], wave: Wave, errors: Wave, error: Tensor, side: Wave) -> Update:
    """d_i(t) = act'(A[i+1](t)) W_{i+1} d_{i+1}(t-1); `side` holds d(t-1) and is given d(t). Arxiv 2001.06232.

    One operation a tick, those that move included; Jacobians are those of now.
    """
    for k, layer in reversed(list(enumerate(layers))):
        if not layer.learns:
            hand_on_move(layer, k, wave, errors, side.y[k])
        else:
            hand_on(layer, k, errors, layer.back(wave.x[k], wave.kept[k], side.y[k]))
    errors.y[-1] = error
    update: Update = []
    for k, layer in enumerate(layers):
        delta = errors.y[k]
        if layer.learns:
            delta = layer.through_activation(delta, wave.y[k])
            update.append((k, layer.gradients(wave.x[k], wave.kept[k], delta), 1.0, 1.0))
        side.y[k].copy_(delta)
    return update


def sample(lane: Lane, wave: Wave, goal: Tensor, now: bool) -> tuple[float, Update]:
    """A sample's loss, the cross-entropy of a soft-max or half the squared error, and its update."""
    output = wave.output
    error = goal - output
    loss = 0.5 * float(error @ error)
    if lane.readout == activation.SOFTMAX:
        loss = -math.log(max(float(output[int(goal.argmax())]), 1e-30))
    if now and lane.options[option.ALIGN] == option.SIDEWAYS and lane.options[option.EXECUTION] == option.STEPPING:
        return loss, sideways(lane.layers, wave, lane.errors, error, lane.side)
    return loss, backprop(lane.layers, wave, lane.errors, error)


def update(lane: Lane) -> bool:
    """A step of the optimiser."""
    return step_down_gradient(lane)
