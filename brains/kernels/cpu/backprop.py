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
    gather,
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
def through(program, own, wave, error, count, live, top, bottom):
    """The gradient of the loss through the activations in `wave`, added to GRADIENT, from operation `top` down to
    `bottom`; the error of top's output is given."""
    delta, size = at(floats(program[option.WORK]), scratch(program, row.DELTA)), program[option.WORK_SIZE]
    value, gradient = block_of(program, own, block.VALUE), block_of(program, own, block.GRADIENT)
    for i in range(top, bottom - 1, -1):
        operation = operation_of(program, i)
        if operation[op.TYPE] == op.MOVE:
            for r in range(count):
                hand_back(operation, at(wave, r * size), at(error, r * size))
            continue
        through_activation(program, operation, wave, error, delta, count, F(0.0))
        wants = INTO_PARAMETERS if comes_from_the_world(operation) else INTO_X | INTO_PARAMETERS
        hand_down(program, operation, value, gradient, wave, error, delta, count, wants, live)


@inline
def through_skips(program, own, wave, error, rows, slot):
    """The gradient of the loss of an output made in `slot` of the ring, through every hidden layer that it saw by the
    wave which that came with: layer s by the one that entered s + 1 ticks before. `wave` holds the oldest, with all
    that the read-out read; error[L] is given."""
    readout, stages = program[option.OPERATIONS] - 1, program[option.STAGES]
    first = readout - (stages - 1)  # of the moves that are the skips, one a hidden layer
    through(program, own, wave, error, 1, 0, readout, first)
    top = first - 1
    for stage in range(stages - 2, -1, -1):
        skip = operation_of(program, first + stage)
        if stage < stages - 2:
            gather(program, rows, slot - stage - 1, wave, stage + 1)
        fill(error, 0.0, operation_of(program, first)[op.Y])
        hand_back(skip, wave, error)
        while operation_of(program, top)[op.STAGE] > stage:
            top -= 1
        through(program, own, wave, error, 1, 0, top, 0)


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
    """Add minus the gradient of the loss of `count` samples to GRADIENT; `live`: where one comes from, if not from a
    forward pass (see `program.row`)."""
    if live >= row.SKIPPING:
        through_skips(program, own, wave, error, rows, live - row.SKIPPING)
    elif live and program[option.ALIGN] == option.SIDEWAYS:
        sideways(program, own, wave, error, extra_row(program, rows, row.SIDE))
    else:
        through(program, own, wave, error, count, live, program[option.OPERATIONS] - 1, 0)


@kernel(*UPDATE)
def update(program, own, counters, count):
    """One step of the optimiser along the mean gradient of `count` samples."""
    if move_by_gradient(program, counters, own, F(1.0) / F(count)):
        guard(program, counters, own)
    else:
        fill(block_of(program, own, block.GRADIENT), 0.0, program[option.BLOCK_SIZE])
        roll_back(program, own)
