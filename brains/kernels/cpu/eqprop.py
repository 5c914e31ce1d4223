"""Equilibrium propagation in one call: free phase, nudged phases, gradient, Adam, homeostasis.

Settles as `blockwise` of the reference does, B rows at once. What is not a number teaches nothing: it is counted.
"""

from __future__ import annotations

import math

import numpy as np

from agentsim.compiled.jit import INTEGERS, OPTIONS, inline, kernel, njit
from agentsim.compiled.pointers import at, floats, integers
from agentsim.compiled.vectors import WIDTH, absolute, fma, load, splat, square_root, store, total
from brains.kernels.cpu.mathematics import copy, fill, flush, is_finite, maximum
from brains.kernels.cpu.products import add_outer, add_product, affine, transposed
from brains.kernels.cpu.units import CLIP2, CROSS_ENTROPY, FORCE, SQUARED_ERROR, apply, pull, softmax
from brains.kernels.program import settling as of

F = np.float32


@inline
def layer_of(program, layer):
    """A row of the table of layers."""
    return at(integers(program[of.LAYERS]), layer * of.COLUMNS)


@njit(**OPTIONS)
def upwards(layer, below, parameters, s, z, rows):
    """z = s W + b, of the layer below and of this one."""
    weight, bias = at(parameters, layer[of.WEIGHT]), at(parameters, layer[of.BIAS])
    width, heard = layer[of.WIDTH], below[of.WIDTH]
    if layer[of.FLIPPED]:
        for r in range(rows):
            copy(bias, at(z, r * width), width)
        transposed(weight, s, heard, z, width, rows, layer[of.UNITS], heard, 1)
    else:
        affine(weight, bias, s, heard, z, width, rows, below[of.UNITS], width)


@njit(**OPTIONS)
def downwards(layer, below, parameters, s, z, rows):
    """z += s W', of this layer and of the one below."""
    weight, width, reached = at(parameters, layer[of.WEIGHT]), layer[of.WIDTH], below[of.WIDTH]
    if layer[of.FLIPPED]:
        add_product(z, reached, z, reached, s, width, 1, weight, reached, rows, layer[of.UNITS], reached)
    else:
        transposed(weight, s, width, z, reached, rows, below[of.UNITS], width, 1)


@njit(**OPTIONS)
def outwards(layer, below, gradient, s, delta, rows):
    """gradient += sum over rows of s outer delta, of the layer below and of this one."""
    weight, width, heard = at(gradient, layer[of.WEIGHT]), layer[of.WIDTH], below[of.WIDTH]
    if layer[of.FLIPPED]:
        add_outer(weight, delta, width, s, heard, rows, layer[of.UNITS], heard)
    else:
        add_outer(weight, s, heard, delta, width, rows, below[of.UNITS], width)


@njit(**OPTIONS)
def fire(program, numbers, which, index, beta, rising):
    """One layer becomes its own minimum, given those beside it; rising: without what comes down."""
    layer, parameters, rows = layer_of(program, index), floats(program[of.PARAMETERS]), program[of.ROWS]
    units, width, kind, depth = layer[of.UNITS], layer[of.WIDTH], layer[of.KIND], program[of.DEPTH]
    state, scratch = floats(layer[which]), floats(program[of.SCRATCH])
    nudged = index == depth and beta != F(0.0)
    exactly = nudged and program[of.COST] == SQUARED_ERROR and kind <= CLIP2
    if nudged and not exactly:
        for r in range(rows):
            target = at(floats(program[of.TARGET]), r * width)
            pull(program, numbers, at(state, r * width), target, at(scratch, r * width), units, width)
    if index == 1:
        copy(floats(program[of.DRIVE]), state, rows * width)
    else:
        below = layer_of(program, index - 1)
        upwards(layer, below, parameters, floats(below[which]), state, rows)
    if index < depth and not rising:
        above, gain = layer_of(program, index + 1), splat(numbers[of.GAINS + index])
        down, heard = floats(above[which]), above[of.WIDTH]
        for k in range(0, rows * heard, WIDTH):
            store(scratch, k, gain * load(down, k))
        downwards(above, layer, parameters, scratch, state, rows)
    if exactly:
        target, share = floats(program[of.TARGET]), splat(F(1.0) / (F(1.0) + beta))
        for k in range(0, rows * width, WIDTH):
            store(state, k, fma(splat(beta), load(target, k), load(state, k)) * share)
    elif nudged:
        for k in range(0, rows * width, WIDTH):
            store(state, k, fma(splat(beta), load(scratch, k), load(state, k)))
    for r in range(rows):
        apply(kind, at(state, r * width), units, width)


@inline
def sweep(program, numbers, which, count, beta):
    """So many blockwise sweeps, each from the last layer to the first."""
    for _ in range(count):
        for down in range(program[of.DEPTH]):
            fire(program, numbers, which, program[of.DEPTH] - down, beta, 0)


@inline
def rise(program, numbers):
    """The drive, and a pass upwards."""
    inputs, first = layer_of(program, 0), layer_of(program, 1)
    x, drive = floats(inputs[of.STATE]), floats(program[of.DRIVE])
    upwards(first, inputs, floats(program[of.PARAMETERS]), x, drive, program[of.ROWS])
    for index in range(1, program[of.DEPTH] + 1):
        fire(program, numbers, of.STATE, index, F(0.0), 1)


@inline
def settled(program, numbers):
    """The free sweeps from where the states are, and the residual of the last one, 0 without any."""
    residual = splat(F(0.0))
    if program[of.FREE] > 0:
        sweep(program, numbers, of.STATE, program[of.FREE] - 1, F(0.0))
        for index in range(1, program[of.DEPTH] + 1):
            layer = layer_of(program, index)
            copy(floats(layer[of.STATE]), floats(layer[of.PLUS]), program[of.ROWS] * layer[of.WIDTH])
        sweep(program, numbers, of.STATE, 1, F(0.0))
        for index in range(1, program[of.DEPTH] + 1):
            layer = layer_of(program, index)
            now, before = floats(layer[of.STATE]), floats(layer[of.PLUS])
            for k in range(0, program[of.ROWS] * layer[of.WIDTH], WIDTH):
                residual = maximum(absolute(load(now, k) - load(before, k)), residual)
    largest = F(0.0)
    whole = total(residual)  # NaN where any is
    numbers[of.RESIDUAL] = whole
    if is_finite(whole):
        scratch = floats(program[of.SCRATCH])
        store(scratch, 0, residual)
        for k in range(WIDTH):
            largest = max(largest, scratch[k])
        numbers[of.RESIDUAL] = largest


@inline
def loss_of(program, numbers):
    """The mean cost of the free states."""
    layer, scratch = layer_of(program, program[of.DEPTH]), floats(program[of.SCRATCH])
    units, width, summed = layer[of.UNITS], layer[of.WIDTH], F(0.0)
    for r in range(program[of.ROWS]):
        s, target = at(floats(layer[of.STATE]), r * width), at(floats(program[of.TARGET]), r * width)
        if program[of.COST] == CROSS_ENTROPY:
            log, largest = softmax(s, scratch, numbers[of.TEMPERATURE], units, width)
            for o in range(units):
                summed += target[o] * (log + numbers[of.TEMPERATURE] * (largest - s[o]))
        else:
            for o in range(units):
                if program[of.COST] == FORCE:
                    summed += target[o] * s[o]
                else:
                    summed += F(0.5) * (s[o] - target[o]) * (s[o] - target[o])
    numbers[of.LOSS] = summed / F(program[of.ROWS])


@inline
def contrast(program, numbers):
    """The gradient from the states that were nudged by +beta and by -beta, over the gains above each weight."""
    gradient, scratch, rows = floats(program[of.GRADIENT]), floats(program[of.SCRATCH]), program[of.ROWS]
    fill(gradient, F(0.0), program[of.SIZE])
    share = F(-1.0) / (F(2.0) * numbers[of.BETA] * F(rows))
    for index in range(program[of.DEPTH], 0, -1):
        layer, below = layer_of(program, index), layer_of(program, index - 1)
        width, bias = layer[of.WIDTH], at(gradient, layer[of.BIAS])
        plus, minus = floats(layer[of.PLUS]), floats(layer[of.MINUS])
        for k in range(0, rows * width, WIDTH):
            store(scratch, k, splat(share) * (load(plus, k) - load(minus, k)))
        for r in range(rows):
            for o in range(0, width, WIDTH):
                store(bias, o, load(bias, o) + load(scratch, r * width + o))
        if index == 1:  # the input is the same in both
            outwards(layer, below, gradient, floats(below[of.STATE]), scratch, rows)
        else:  # p p' - m m' = (p - m) p' + m (p' - m'), which loses no digits where both are near
            outwards(layer, below, gradient, floats(below[of.MINUS]), scratch, rows)
            difference = at(scratch, rows * width)
            lower, upper = floats(below[of.MINUS]), floats(below[of.PLUS])
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
    """The mean cost of the free phase, and both nudged phases from where it ended."""
    loss_of(program, numbers)
    for index in range(1, program[of.DEPTH] + 1):
        layer = layer_of(program, index)
        size = program[of.ROWS] * layer[of.WIDTH]
        copy(floats(layer[of.STATE]), floats(layer[of.PLUS]), size)
        copy(floats(layer[of.STATE]), floats(layer[of.MINUS]), size)
    inputs = layer_of(program, 0)
    inputs[of.PLUS], inputs[of.MINUS] = inputs[of.STATE], inputs[of.STATE]
    sweep(program, numbers, of.PLUS, program[of.NUDGED], numbers[of.BETA])
    sweep(program, numbers, of.MINUS, program[of.NUDGED], -numbers[of.BETA])


@kernel(INTEGERS)
def run(program):
    """As ASKED: the free sweeps from where the states are; the free phase; free and nudged phases and the gradient; an
    update by it besides; or one power iteration alone. It is one kernel, for each would compile all that it is made of.

    Where the gradient is not finite, or the residual above its limit, nothing is changed, and it is counted.
    """
    numbers, asked = floats(program[of.NUMBERS]), program[of.ASKED]
    if asked == of.FOLLOWING:
        homeostasis(program, numbers)
        return
    if asked != of.GOING_ON:
        rise(program, numbers)
    settled(program, numbers)
    if asked < of.ESTIMATING:
        return
    nudge(program, numbers)
    contrast(program, numbers)
    limit, residual = numbers[of.LIMIT], numbers[of.RESIDUAL]
    if asked == of.LEARNING:
        if (limit > F(0.0) and not residual <= limit) or not adam(program, numbers):
            program[of.WITHHELD] += 1
        elif numbers[of.BOUND] > F(0.0):
            homeostasis(program, numbers)
