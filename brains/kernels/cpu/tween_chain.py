"""Neural Tween's chain of local errors (see `reference.tween_chain`)."""

from __future__ import annotations

import math

import numpy as np

from agentsim.compiled.jit import inline, kernel
from agentsim.compiled.pointers import at, call, floats
from agentsim.compiled.vectors import WIDTH, load, splat, store
from brains.kernels.cpu.mathematics import clear_padding, clip, clip_number
from brains.kernels.cpu.move import hand_back
from brains.kernels.cpu.network import back, extra_row, operation_of, scratch, through_activation
from brains.kernels.cpu.signatures import INTO_PARAMETERS, INTO_X, SAMPLE, UPDATE
from brains.kernels.cpu.tween import bounds
from brains.kernels.cpu.updates import block_of, finish_with_momentum, move_with_momentum
from brains.kernels.program import block, op, option, rate, row

F = np.float32


@inline
def through(program, own, wave, error, rows, count, live):
    """The chain from the output down; error[L] is given.

    R x l' and R l' are added to GRADIENT or, AT_ONCE, applied operation by operation as the chain passes.
    """
    work, size = floats(program[option.WORK]), program[option.WORK_SIZE]
    raw, link = at(work, scratch(program, row.DELTA)), at(work, scratch(program, row.LINK))
    dx, value = at(work, scratch(program, row.INPUT)), block_of(program, own, block.VALUE)
    velocity, gradient = block_of(program, own, block.MOMENT1), block_of(program, own, block.GRADIENT)
    rates = floats(program[option.RATES])
    health = extra_row(program, rows, row.HEALTH)
    rate_now = rates[rate.RATE]
    if program[option.EXPLOSION] and health[row.MULTIPLIER] > F(0.0):
        rate_now *= health[row.MULTIPLIER]
    for i in range(program[option.OPERATIONS] - 1, -1, -1):
        operation = operation_of(program, i)
        if operation[op.TYPE] == op.MOVE:
            for r in range(count):
                hand_back(operation, at(wave, r * size), at(error, r * size))
            continue
        inputs, width, x = operation[op.IN], operation[op.WIDTH], at(error, operation[op.X])
        scale = rates[rate.NUMBERS + 2 * i]
        step = rate_now * rates[rate.NUMBERS + 2 * i + 1] * scale
        root = F(1.0) / F(math.sqrt(F(operation[op.UNITS])))
        through_activation(program, operation, wave, error, raw, count, F(0.01))
        for r in range(count):
            for o in range(r * size, r * size + width, WIDTH):
                error_here = load(raw, o)
                store(link, o, clip(error_here * splat(scale), splat(F(10.0))))
                store(raw, o, error_here * splat(step))
        if program[option.AT_ONCE] and operation[op.CHAIN] and not operation[op.ADDS]:
            call(operation[op.CHAIN], (operation, value, velocity, wave, link, raw, x, root))
            clear_padding(x, inputs)
            continue
        back(program, operation, value, gradient, wave, link, dx, size, count, INTO_X, live)
        for r in range(count):
            for k in range(inputs):
                handed = clip_number(dx[r * size + k] * root, F(10.0))
                x[r * size + k] = handed + x[r * size + k] if operation[op.ADDS] else handed
            clear_padding(at(x, r * size), inputs)
        back(program, operation, value, gradient, wave, raw, dx, size, count, INTO_PARAMETERS, live)
        if program[option.AT_ONCE]:
            move_with_momentum(program, own, operation, F(1.0), F(1.0))
    if program[option.EXPLOSION]:
        watch(program, wave, error, health)


@inline
def watch(program, wave, error, health):
    """Explosion detection: from the mean squared gap between activations and the chain's targets to a slower rate."""
    summed, links = F(0.0), 1
    for i in range(program[option.OPERATIONS]):
        operation = operation_of(program, i)
        if operation[op.TYPE] == op.MOVE:
            continue
        low, high = bounds(operation[op.ACTIVATION])
        gap = F(0.0)
        for k in range(operation[op.X], operation[op.X] + operation[op.IN]):
            goal = wave[k] + F(0.1) * error[k]
            if high > F(1.0):
                goal = min(max(goal, -high), high)
            elif high > low:
                goal = min(max(goal, low), high)
            gap += (goal - wave[k]) * (goal - wave[k])
        summed += gap / F(operation[op.IN])
        links += 1
    last, gap = operation_of(program, program[option.OPERATIONS] - 1), F(0.0)
    for k in range(last[op.Y], last[op.Y] + last[op.UNITS]):
        gap += error[k] * error[k]
    gap = (summed + gap / F(last[op.UNITS])) / F(links)
    count, before = health[row.GAPS], health[row.PREVIOUS_GAP]
    multiplier = health[row.MULTIPLIER] if health[row.MULTIPLIER] > F(0.0) else F(1.0)
    grows = before > F(0.0) and gap > F(1.5) * before
    if grows or (count >= F(10.0) and gap > health[row.BASELINE]):  # ten times the mean of ten
        health[row.STREAK] += F(1.0)
        streak = health[row.STREAK]
        multiplier *= F(0.3) if streak > F(10.0) else F(0.5) if streak > F(5.0) else F(0.7)
    else:
        health[row.STREAK] = F(0.0)
        multiplier *= F(1.05)
    if count < F(10.0):
        health[row.BASELINE] += gap
    health[row.GAPS] = min(count + F(1.0), F(10.0))
    health[row.PREVIOUS_GAP] = gap
    health[row.MULTIPLIER] = min(max(multiplier, F(0.01)), F(1.0))


@kernel(*SAMPLE)
def sample(program, own, wave, error, rows, count, live):
    """The raw update of `count` samples; one after the other where each may slow the next (EXPLOSION)."""
    if program[option.EXPLOSION]:
        for r in range(0, count * program[option.WORK_SIZE], program[option.WORK_SIZE]):
            through(program, own, at(wave, r), at(error, r), rows, 1, live)
    else:
        through(program, own, wave, error, rows, count, live)


@kernel(*UPDATE)
def update(program, own, counters, count):
    """v = 0.9 v + 0.1 clip(g, 1); W += v; b += clip(g, 1), g the mean of `count` samples, if that is still to do."""
    finish_with_momentum(program, own, counters, count, F(1.0))
