"""All operations of a network together: firing them, and what rules and learners do with rows of activity."""

from __future__ import annotations

import numpy as np

from agentsim.compiled.jit import inline
from agentsim.compiled.pointers import at, call, floats, integers
from agentsim.compiled.vectors import WIDTH, load, store
from brains.kernels.cpu.mathematics import add_numbers, clear_padding, copy, fill
from brains.kernels.cpu.signatures import INTO_X
from brains.kernels.program import op, option, row

F = np.float32


@inline
def operation_of(program, i):
    """Row i of the table."""
    return at(integers(program[option.TABLE]), i * op.COLUMNS)


@inline
def last_of(program):
    """The read-out's row of the table."""
    return operation_of(program, program[option.OPERATIONS] - 1)


@inline
def fire(operation, block, source, source_stride, target, target_stride, count):
    """Fire one operation on `count` rows: what it computes, then its activation."""
    call(operation[op.FIRE], (operation, block, source, source_stride, target, target_stride, count))
    if operation[op.ACTIVATE]:
        y, units, width = at(target, operation[op.Y]), operation[op.UNITS], operation[op.WIDTH]
        call(operation[op.ACTIVATE], (y, units, width, target_stride, count))


@inline
def carry(program, before, now):
    """Let every operation start in `now` from the state it left in `before`."""
    if program[option.STATE_TOTAL]:
        for i in range(program[option.OPERATIONS]):
            operation = operation_of(program, i)
            copy(at(before, operation[op.AFTER]), at(now, operation[op.BEFORE]), operation[op.STATE_SIZE])


@inline
def forward(program, block, source, source_stride, target, target_stride, count, age):
    """Fire everything once, into the rows `target`: with source = target an ordinary forward pass; with source = the
    row of the previous tick a stepping tick, in which a state of the first row advances only once a wave has come as
    far as its layer (`age`)."""
    for i in range(program[option.OPERATIONS]):
        operation = operation_of(program, i)
        fire(operation, block, source, source_stride, target, target_stride, count)
        if age < operation[op.STAGE]:
            fill(at(target, operation[op.AFTER]), 0.0, operation[op.STATE_SIZE])


@inline
def present(program, observation, row):
    """Write an observation (SENSES,) into a row as A[0], over and over until it is full."""
    senses = program[option.SENSES]
    copy(observation, row, senses)
    for k in range(senses, program[option.INPUTS]):
        row[k] = row[k - senses]


@inline
def ring_row(program, rows, tick):
    """The row of a tick in a lane's ring."""
    slots = program[option.RING]
    return at(rows, (tick + slots) % slots * program[option.ROW_SIZE])


@inline
def extra_row(program, rows, which):
    """A lane's row after its ring."""
    return at(rows, (program[option.RING] + which) * program[option.ROW_SIZE])


@inline
def gather(program, rows, start, wave, stages):
    """The wave that entered at tick `start`: A[0] of that tick, and what each of the first stages made of it so many
    ticks later."""
    copy(ring_row(program, rows, start), wave, program[option.INPUTS])
    for i in range(program[option.OPERATIONS]):
        operation = operation_of(program, i)
        if operation[op.STAGE] < stages:
            row = ring_row(program, rows, start + operation[op.STAGE])
            copy(at(row, operation[op.Y]), at(wave, operation[op.Y]), operation[op.SPAN])


@inline
def best_of(output, count):
    """The place of the first largest number."""
    best = 0
    for o in range(1, count):
        if output[o] > output[best]:
            best = o
    return best


@inline
def through_activation(program, operation, wave, error, delta, count, more):
    """delta = the error of an operation's output, taken back through its activation; padding and all."""
    width, y, size = operation[op.WIDTH], operation[op.Y], program[option.WORK_SIZE]
    for r in range(0, count * size, size):
        for o in range(r, r + width, WIDTH):
            store(delta, o, load(error, o + y))
    if operation[op.SLOPE]:
        out, units = at(wave, y), operation[op.UNITS]
        call(operation[op.SLOPE], (out, size, delta, size, units, width, count, more))


@inline
def back(program, operation, block, gradient, wave, delta, dx, dx_stride, count, wants, live):
    """The vector-Jacobian product of one operation, by its own kernel, its errors lying in `work`.

    In a live row an operation has seen its input of the last tick, and its reader its output: what it keeps for its
    gradient is made anew from the input as it stands there now, and its output is left as it is.
    """
    work, size = floats(program[option.WORK]), program[option.WORK_SIZE]
    inner, kept, y = at(work, scratch(program, row.INNER)), at(work, scratch(program, row.KEPT)), operation[op.Y]
    keeps_more = operation[op.CACHE] < y + operation[op.SPAN] and not operation[op.NORMALIZE]
    if live and keeps_more:
        copy(at(wave, y), kept, operation[op.WIDTH])
        fire(operation, block, wave, 0, wave, 0, 1)
    call(
        operation[op.BACK],
        (operation, block, gradient, wave, size, delta, dx, dx_stride, inner, size, count, wants),
    )
    if live and keeps_more:
        copy(kept, at(wave, y), operation[op.WIDTH])


@inline
def hand_down(program, operation, block, gradient, wave, error, delta, count, wants, live):
    """`back` with the error of the operation's input going to `error`, where the one below finds it."""
    x, size, inputs = at(error, operation[op.X]), program[option.WORK_SIZE], operation[op.IN]
    dx = at(floats(program[option.WORK]), scratch(program, row.INPUT))
    adds = operation[op.ADDS] or not wants & INTO_X
    back(program, operation, block, gradient, wave, delta, dx if adds else x, size, count, wants, live)
    if wants & INTO_X:
        for r in range(0, count * size, size):
            if adds:
                add_numbers(at(x, r), at(dx, r), inputs)
            else:
                clear_padding(at(x, r), inputs)


@inline
def scratch(program, group):
    """Where a group of rows of `work` starts."""
    return group * program[option.BATCH] * program[option.WORK_SIZE]


@inline
def comes_from_the_world(operation):
    """Whether the operation reads the network's own input, whose error is nobody's."""
    return operation[op.X] == 0
