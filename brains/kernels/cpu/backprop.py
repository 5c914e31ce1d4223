"""Backpropagation: through a wave, and sideways, one operation a tick; updates by SGD or Adam."""

from __future__ import annotations

import numpy as np

from agentsim.compiled.jit import inline, kernel
from agentsim.compiled.pointers import at, floats
from brains.kernels.cpu.mathematics import copy, fill
from brains.kernels.cpu.move import hand_back
from brains.kernels.cpu.network import (
    comes_from_the_world,
    extra_row,
    hand_down,
    operation_of,
    scratch,
    through_activation,
)
from brains.kernels.cpu.signatures import INTO_PARAMETERS, INTO_X, SAMPLE, UPDATE
from brains.kernels.cpu.updates import block_of, guard, move_by_gradient, roll_back
from brains.kernels.program import block, op, option, row

F = np.float32


@inline
def through(program, own, wave, error, count, live):
    """The gradient of the loss through the activations in `wave`, added to GRADIENT; error[L] is given."""
    delta, size = at(floats(program[option.WORK]), scratch(program, row.DELTA)), program[option.WORK_SIZE]
    value, gradient = block_of(program, own, block.VALUE), block_of(program, own, block.GRADIENT)
    for i in range(program[option.OPERATIONS] - 1, -1, -1):
        operation = operation_of(program, i)
        if operation[op.TYPE] == op.MOVE:
            for r in range(count):
                hand_back(operation, at(wave, r * size), at(error, r * size))
            continue
        through_activation(program, operation, wave, error, delta, count, F(0.0))
        wants = INTO_PARAMETERS if comes_from_the_world(operation) else INTO_X | INTO_PARAMETERS
        hand_down(program, operation, value, gradient, wave, error, delta, count, wants, live)


@inline
def sideways(program, own, wave, error, side):
    """Depth-parallel backprop: d_i(t) = act'(A[i+1](t)) W_{i+1} d_{i+1}(t-1), one backward operation a tick.

    `side` carries d of the last tick, laid out like the outputs; error[L] is given; `wave` is a copy of a live row.
    """
    delta = at(floats(program[option.WORK]), scratch(program, row.DELTA))
    value, gradient = block_of(program, own, block.VALUE), block_of(program, own, block.GRADIENT)
    for i in range(program[option.OPERATIONS] - 1, -1, -1):
        operation = operation_of(program, i)
        if comes_from_the_world(operation):
            continue
        e, d = at(error, operation[op.Y]), at(side, operation[op.Y])
        if operation[op.TYPE] == op.MOVE:
            copy(e, delta, operation[op.UNITS])
            copy(d, e, operation[op.UNITS])
            hand_back(operation, wave, error)
            copy(delta, e, operation[op.UNITS])
        else:
            copy(d, delta, operation[op.WIDTH])
            hand_down(program, operation, value, gradient, wave, error, delta, 1, INTO_X, 1)
    for i in range(program[option.OPERATIONS]):
        operation = operation_of(program, i)
        if operation[op.TYPE] == op.MOVE:
            copy(at(error, operation[op.Y]), at(side, operation[op.Y]), operation[op.UNITS])
        else:
            through_activation(program, operation, wave, error, delta, 1, F(0.0))
            copy(delta, at(side, operation[op.Y]), operation[op.WIDTH])
            hand_down(program, operation, value, gradient, wave, error, delta, 1, INTO_PARAMETERS, 1)


@kernel(*SAMPLE)
def sample(program, own, wave, error, rows, count, live):
    """Add minus the gradient of the loss of `count` samples to GRADIENT; `live`: one, in a copy of a live row."""
    if live and program[option.ALIGN] == option.SIDEWAYS:
        sideways(program, own, wave, error, extra_row(program, rows, row.SIDE))
    else:
        through(program, own, wave, error, count, live)


@kernel(*UPDATE)
def update(program, own, counters, count):
    """One step of the optimiser along the mean gradient of `count` samples."""
    if move_by_gradient(program, counters, own, F(1.0) / F(count)):
        guard(program, counters, own)
    else:
        fill(block_of(program, own, block.GRADIENT), 0.0, program[option.BLOCK_SIZE])
        roll_back(program, own)
