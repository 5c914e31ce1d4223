"""A learning network in one call: a batch, its phases, gradient, Adam, homeostasis.

The gradient is that of equilibrium propagation, between two nudged phases, or backprop's through the pass upwards. What
is not a number teaches nothing: it is counted.
"""

from __future__ import annotations

import math

import numpy as np

from agentsim.compiled.jit import INTEGERS, inline, kernel
from agentsim.compiled.pointers import at, floats, integers
from agentsim.compiled.vectors import WIDTH, fma, load, splat, square_root, store, total
from brains.kernels.cpu.gate import choose, release
from brains.kernels.cpu.mathematics import copy, draw, fill, flush, is_finite
from brains.kernels.cpu.products import add_outer, add_rows
from brains.kernels.cpu.settling import (
    BACKPROP,
    PULLED,
    SETTLING,
    downwards,
    drive,
    fire,
    layer_of,
    lifted,
    outwards,
    rise,
    settled,
    sweep,
    together,
    upwards,
)
from brains.kernels.cpu.units import pull, slope
from brains.kernels.program import settling as of

F = np.float32


@inline
def recall(program, which, r, recently):
    """A sample from memory into a row, with a one-hot target; `recently`, from the last RECENT."""
    inputs, outputs = layer_of(program, 0), layer_of(program, program[of.DEPTH])
    size, capacity = inputs[of.UNITS], program[of.CAPACITY]
    held = min(program[of.REMEMBERED], capacity)
    stream, back = draw(program[of.STREAM], min(held, program[of.RECENT]) if recently else held)
    program[of.STREAM] = stream
    place = (program[of.REMEMBERED] - 1 - back) % capacity
    remembered = at(floats(program[of.MEMORY]), place * (size + 1))
    copy(remembered, at(floats(inputs[which]), r * inputs[of.WIDTH]), size)
    target = at(floats(program[of.TARGET]), r * outputs[of.WIDTH])
    for o in range(outputs[of.UNITS]):
        target[o] = F(1.0) if remembered[size] == F(o) else F(0.0)


@inline
def loss_of(program, numbers):
    """What each row costs at the free states, the mean of that, and PULL there."""
    layer, force, summed = layer_of(program, program[of.DEPTH]), floats(program[of.PULL]), F(0.0)
    width, each = layer[of.WIDTH], floats(program[of.EACH])
    for r in range(program[of.ROWS]):
        s, target = at(floats(layer[of.STATE]), r * width), at(floats(program[of.TARGET]), r * width)
        each[r] = pull(program, numbers, s, target, at(force, r * width), layer[of.UNITS], width)
        summed += each[r]
    numbers[of.LOSS] = summed / F(program[of.ROWS])


@inline
def teach_drive(program, delta):
    """The gradient of what drives the first layer, from delta (rows, width), that of the drive; FACTORS are lost."""
    inputs, first, gradient = layer_of(program, 0), layer_of(program, 1), floats(program[of.GRADIENT])
    rows, width, span = program[of.ROWS], first[of.WIDTH], program[of.SPAN]
    if span > width:  # each factor learns by the other
        factors = floats(program[of.FACTORS])
        for r in range(rows):
            for o in range(r * width, (r + 1) * width, WIDTH):
                seen = r * width + o
                factor, other = load(factors, seen), load(factors, seen + width)
                store(factors, seen, load(delta, o) * other)
                store(factors, seen + width, load(delta, o) * factor)
        delta = factors
    add_rows(at(gradient, first[of.BIAS]), delta, span, rows, span)
    x, weight = floats(inputs[of.STATE]), at(gradient, first[of.WEIGHT])
    add_outer(weight, x, inputs[of.WIDTH], delta, span, rows, inputs[of.UNITS], span)


@inline
def backwards(program, numbers):
    """The gradient through the pass upwards, whose z are in PLUS; MINUS becomes that of z."""
    gradient, parameters, rows = floats(program[of.GRADIENT]), floats(program[of.PARAMETERS]), program[of.ROWS]
    top, force = layer_of(program, program[of.DEPTH]), floats(program[of.PULL])
    for k in range(0, rows * top[of.WIDTH], WIDTH):
        store(floats(top[of.MINUS]), k, splat(F(-1.0) / F(rows)) * load(force, k))
    for index in range(program[of.DEPTH], 0, -1):
        layer, below = layer_of(program, index), layer_of(program, index - 1)
        width, delta = layer[of.WIDTH], floats(layer[of.MINUS])
        slope(layer[of.KIND], floats(layer[of.PLUS]), floats(layer[of.STATE]), delta, rows * width)
        if index == 1:
            teach_drive(program, delta)
        else:
            add_rows(at(gradient, layer[of.BIAS]), delta, width, rows, width)
            outwards(layer, below, gradient, floats(below[of.STATE]), delta, rows)
            fill(floats(below[of.MINUS]), F(0.0), rows * below[of.WIDTH])
            downwards(layer, below, parameters, delta, floats(below[of.MINUS]), rows)


@inline
def contrast(program, numbers, towards, away):
    """The gradient from the states that were nudged by +beta and by -beta, over the gains above each weight."""
    gradient, scratch, rows = floats(program[of.GRADIENT]), floats(program[of.SCRATCH]), program[of.ROWS]
    share = F(-1.0) / (F(2.0) * numbers[of.BETA] * F(rows))
    for index in range(program[of.DEPTH], 0, -1):
        layer, below = layer_of(program, index), layer_of(program, index - 1)
        width = layer[of.WIDTH]
        plus, minus = floats(layer[towards]), floats(layer[away])
        for k in range(0, rows * width, WIDTH):
            store(scratch, k, splat(share) * (load(plus, k) - load(minus, k)))
        if index == 1:  # the input is the same in both
            teach_drive(program, scratch)
        else:  # p p' - m m' = (p - m) p' + m (p' - m'), which loses no digits where both are near
            add_rows(at(gradient, layer[of.BIAS]), scratch, width, rows, width)
            outwards(layer, below, gradient, floats(below[away]), scratch, rows)
            difference = at(scratch, rows * width)
            lower, upper = floats(below[away]), floats(below[towards])
            for k in range(0, rows * below[of.WIDTH], WIDTH):
                store(difference, k, splat(share) * (load(upper, k) - load(lower, k)))
            outwards(layer, below, gradient, difference, plus, rows)
            share = share / numbers[of.GAINS + index - 1]


@inline
def adam(program, numbers):
    """torch.optim.AdamW with beta_1 .9, epsilon 1e-8. Returns whether the gradient was finite: else nothing moves."""
    value, gradient = floats(program[of.PARAMETERS]), floats(program[of.GRADIENT])
    first, second = floats(program[of.MOMENT1]), floats(program[of.MOMENT2])
    squares = splat(F(0.0))
    for k in range(0, program[of.SIZE], WIDTH):
        squares = fma(load(gradient, k), load(gradient, k), squares)
    if not is_finite(total(squares)):
        return False
    program[of.STEPS] += 1
    steps, rate = np.float64(program[of.STEPS]), np.float64(numbers[of.RATE])
    beta2 = np.float64(numbers[of.BETA2])
    first_scale = splat(F(rate / (1.0 - 0.9**steps)))
    second_scale = splat(F(1.0 / math.sqrt(1.0 - beta2**steps)))
    keep2, take2 = splat(F(beta2)), splat(F(1.0 - beta2))
    kept = splat(F(1.0 - rate * np.float64(numbers[of.DECAY])))
    for k in range(0, program[of.SIZE], WIDTH):
        g = load(gradient, k)
        m = flush(fma(splat(F(0.9)), load(first, k), splat(F(0.1)) * g))
        v = flush(fma(keep2, load(second, k), take2 * (g * g)))
        store(first, k, m)
        store(second, k, v)
        step = first_scale * m / fma(square_root(v), second_scale, splat(F(1e-8)))
        store(value, k, kept * load(value, k) - step)
    return True


@inline
def homeostasis(program, numbers):
    """gamma_l = min(gain, bound / sigma_max(W_l)^2), by one power iteration from where the last one ended."""
    parameters = floats(program[of.PARAMETERS])
    for index in range(1, program[of.DEPTH]):
        layer, above = layer_of(program, index), layer_of(program, index + 1)
        width, vector, image = above[of.WIDTH], floats(above[of.VECTOR]), floats(above[of.IMAGE])
        fill(image, F(0.0), layer[of.WIDTH])
        downwards(above, layer, parameters, vector, image, 1)
        upwards(above, layer, parameters, image, vector, 1)  # with a bias, which is no part of the matrix
        bias = at(parameters, above[of.BIAS])
        for o in range(0, width, WIDTH):
            store(vector, o, load(vector, o) - load(bias, o))
        squares = splat(F(0.0))
        for o in range(0, width, WIDTH):
            squares = fma(load(vector, o), load(vector, o), squares)
        norm = F(math.sqrt(total(squares)))
        if is_finite(norm) and norm > F(1e-12):
            numbers[of.GAINS + index] = min(numbers[of.GAIN], numbers[of.BOUND] / norm)
            for o in range(0, width, WIDTH):
                store(vector, o, load(vector, o) / splat(norm))
        else:  # of a matrix of zeros nothing comes down, and any vector will do to start again
            numbers[of.GAINS + index] = numbers[of.GAIN]
            fill(vector, F(1.0) / F(math.sqrt(above[of.UNITS])), above[of.UNITS])


@inline
def nudge(program, numbers):
    """Both nudged phases from where the free phase ended: there the pull is known, and z of the last layer is one."""
    depth, beta, more = program[of.DEPTH], numbers[of.BETA], program[of.NUDGED] - 1
    top = layer_of(program, depth)
    lifted(program, of.STATE, depth, floats(top[of.PLUS]))
    copy(floats(top[of.PLUS]), floats(top[of.MINUS]), program[of.ROWS] * top[of.WIDTH])
    for side in range(2):
        which, force = (of.MINUS, -beta) if side else (of.PLUS, beta)
        fire(program, numbers, which, of.STATE, of.STATE, depth, force, PULLED)
        for index in range(depth - 1, 0, -1):
            fire(program, numbers, which, of.STATE, which, index, force, SETTLING)
    sweep(program, numbers, of.PLUS, more, beta)
    sweep(program, numbers, of.MINUS, more, -beta)


@inline
def stride(program, numbers):
    """A tick of pairs of states that never stop, nudged by +beta and by -beta; a lane's sample leaves after HOLD
    sweeps, its states stay. Gathers the pairs of ripe samples in STATE and BEFORE, ROWS of them, and their mean cost.
    """
    depth, lanes, ages, sweeps = program[of.DEPTH], program[of.LANES], integers(program[of.AGES]), program[of.FREE]
    for r in range(lanes):
        if ages[r] == 0 or ages[r] >= program[of.HOLD]:
            recall(program, of.PLUS, r, r % 4 == 0)
            ages[r] = 0
        ages[r] += sweeps
    program[of.ROWS] = lanes
    drive(program, of.PLUS)
    together(program, numbers, of.PLUS, sweeps, numbers[of.BETA])
    together(program, numbers, of.MINUS, sweeps, -numbers[of.BETA])
    ripe, summed, top = 0, F(0.0), layer_of(program, depth)
    factors, span, force = floats(program[of.FACTORS]), program[of.SPAN], floats(program[of.PULL])
    for r in range(lanes):
        if ages[r] < program[of.RIPE]:
            continue
        row, units = r * top[of.WIDTH], top[of.UNITS]
        target = at(floats(program[of.TARGET]), row)
        for side in (of.PLUS, of.MINUS):
            summed += pull(program, numbers, at(floats(top[side]), row), target, force, units, top[of.WIDTH])
        copy(at(factors, r * span), at(factors, ripe * span), span)
        for index in range(depth + 1):
            layer = layer_of(program, index)
            width = layer[of.WIDTH]
            copy(at(floats(layer[of.PLUS]), r * width), at(floats(layer[of.STATE]), ripe * width), width)
            copy(at(floats(layer[of.MINUS]), r * width), at(floats(layer[of.BEFORE]), ripe * width), width)
        ripe += 1
    program[of.ROWS], numbers[of.RESIDUAL] = ripe, F(0.0)
    numbers[of.LOSS] = summed / F(2 * max(1, ripe))


@kernel(INTEGERS)
def run(program):
    """As ASKED: the free sweeps from where the states are, on the same input or another; the free phase; that and what
    the gate lets through, of a batch that is there or from memory; the free phase and the gradient; an update by it
    besides; the same of a batch from memory, or of what waits; a tick in stride and an update; or one power iteration
    alone. It is one kernel, for each would compile all that it is made of.

    Where the gradient is not finite, or the residual above its limit, nothing is changed, and it is counted.
    """
    numbers, asked = floats(program[of.NUMBERS]), program[of.ASKED]
    if asked == of.FOLLOWING:
        homeostasis(program, numbers)
        return
    towards, away = of.PLUS, of.MINUS
    if asked == of.STRIDING:
        stride(program, numbers)
        if program[of.ROWS] == 0:
            return
        towards, away = of.STATE, of.BEFORE
    else:
        if asked in (of.RECALLING, of.REHEARSING):
            for r in range(program[of.ROWS]):
                recall(program, of.STATE, r, 4 * r < program[of.ROWS])
        elif asked == of.RELEASING:
            release(program)
        if asked != of.GOING_ON:
            drive(program, of.STATE)
        if asked > of.STEPPING:
            rise(program, numbers)
        settled(program, numbers)
        if asked < of.JUDGING:
            return
        loss_of(program, numbers)
        if asked < of.ESTIMATING:
            choose(program, numbers)
            return
    fill(floats(program[of.GRADIENT]), F(0.0), program[of.SIZE])
    if program[of.RULE] == BACKPROP:
        backwards(program, numbers)
    else:
        if asked != of.STRIDING:
            nudge(program, numbers)
        contrast(program, numbers, towards, away)
    limit, residual = numbers[of.LIMIT], numbers[of.RESIDUAL]
    if asked != of.ESTIMATING:
        if (limit > F(0.0) and not residual <= limit) or not adam(program, numbers):
            program[of.WITHHELD] += 1
        elif numbers[of.BOUND] > F(0.0):
            homeostasis(program, numbers)
