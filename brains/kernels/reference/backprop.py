"""Backprop, exact for the activations it is given, and Sideways, which sends errors one operation a tick."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch import Tensor

from brains.kernels.program import activation, counter, option
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
    return sweep(layers, wave, errors, len(layers) - 1, 0)


def sweep(layers: list[Operation], wave: Wave, errors: Wave, top: int, bottom: int) -> Update:
    """The same from operation `top` down to `bottom`, the error of top's output being in `errors`."""
    update: Update = []
    for k in range(top, bottom - 1, -1):
        layer = layers[k]
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


def through_skips(lane: Lane, error: Tensor) -> Update:
    """Minus the gradient of the loss of the newest output while skips bring the read-out hidden layers of several
    waves: layer s as the wave that entered s + 1 ticks before made it, and whatever that one went through."""
    newest = int(lane.state[counter.TICK]) - 1
    *hidden, (wave, errors) = lane.branches
    lane.gather_wave(newest - len(hidden), wave, lane.stages)
    errors.y[-1] = error
    read_out, first = len(lane.layers) - 1, len(lane.layers) - 1 - len(hidden)
    update = sweep(lane.layers, wave, errors, read_out, first)
    for stage, (wave, parts) in enumerate(hidden):
        lane.gather_wave(newest - stage - 1, wave, stage + 1)
        for k in range(first):
            parts.y[k].zero_()
        skip = first + stage
        hand_on_move(lane.layers[skip], skip, wave, parts, errors.y[skip])
        top = max(k for k in range(first) if lane.layers[k].stage == stage)
        update += sweep(lane.layers, wave, parts, top, 0)
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
    if now and lane.branches:
        return loss, through_skips(lane, error)
    return loss, backprop(lane.layers, wave, lane.errors, error)


def update(lane: Lane) -> bool:
    """A step of the optimiser."""
    return step_down_gradient(lane)
