"""How a network settles, B rows at once: `blockwise` of the reference, from a pass upwards, or `discrete`.

Compiled into the one kernel of `eqprop`.
"""

from __future__ import annotations

import numpy as np

from agentsim.compiled.jit import OPTIONS, inline, njit
from agentsim.compiled.pointers import at, floats, integers
from agentsim.compiled.vectors import WIDTH, absolute, fma, load, splat, store, total
from brains.kernels.cpu.mathematics import copy, is_finite, maximum
from brains.kernels.cpu.products import add_outer, add_product, affine, transposed
from brains.kernels.cpu.units import CLIP2, SQUARED_ERROR, apply, pull
from brains.kernels.program import settling as of

F = np.float32
_EQPROP, BACKPROP = range(len(of.RULES))
SETTLING, RISING, PULLED = range(3)  # how a layer fires


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


@inline
def lifted(program, lower, index, z):
    """z of a layer: what comes from below, where the states are those of `lower`."""
    layer, parameters, rows = layer_of(program, index), floats(program[of.PARAMETERS]), program[of.ROWS]
    if index == 1:
        copy(floats(program[of.DRIVE]), z, rows * layer[of.WIDTH])
    else:
        below = layer_of(program, index - 1)
        upwards(layer, below, parameters, floats(below[lower]), z, rows)


@njit(**OPTIONS)
def fire(program, numbers, which, lower, upper, index, beta, how):
    """One layer of `which` becomes its own minimum, given the one below in `lower` and the one above in `upper`; how:
    RISING, without what comes down, or PULLED, where its z and PULL are there already."""
    layer, parameters, rows = layer_of(program, index), floats(program[of.PARAMETERS]), program[of.ROWS]
    units, width, kind, depth = layer[of.UNITS], layer[of.WIDTH], layer[of.KIND], program[of.DEPTH]
    state, scratch, force = floats(layer[which]), floats(program[of.SCRATCH]), floats(program[of.PULL])
    nudged = index == depth and beta != F(0.0)
    exactly = nudged and program[of.COST] == SQUARED_ERROR and kind <= CLIP2
    if nudged and not exactly and how != PULLED:
        for r in range(rows):
            target = at(floats(program[of.TARGET]), r * width)
            pull(program, numbers, at(state, r * width), target, at(force, r * width), units, width)
    if how != PULLED:
        lifted(program, lower, index, state)
    if index < depth and how != RISING:
        above, gain = layer_of(program, index + 1), splat(numbers[of.GAINS + index])
        down, span = floats(above[upper]), above[of.WIDTH]
        for k in range(0, rows * span, WIDTH):
            store(scratch, k, gain * load(down, k))
        downwards(above, layer, parameters, scratch, state, rows)
    if exactly:
        target, share = floats(program[of.TARGET]), splat(F(1.0) / (F(1.0) + beta))
        for k in range(0, rows * width, WIDTH):
            store(state, k, fma(splat(beta), load(target, k), load(state, k)) * share)
    elif nudged:
        for k in range(0, rows * width, WIDTH):
            store(state, k, fma(splat(beta), load(force, k), load(state, k)))
    if how == RISING and program[of.RULE] == BACKPROP:  # which asks for z on the way back
        copy(state, floats(layer[of.PLUS]), rows * width)
    apply(kind, state, rows, units, width)


@inline
def sweep(program, numbers, which, count, beta):
    """So many blockwise sweeps, each from the last layer to the first."""
    for _ in range(count):
        for down in range(program[of.DEPTH]):
            fire(program, numbers, which, which, which, program[of.DEPTH] - down, beta, SETTLING)


@inline
def keep(program, which):
    """Write the states down as those of BEFORE."""
    for index in range(1, program[of.DEPTH] + 1):
        layer = layer_of(program, index)
        copy(floats(layer[which]), floats(layer[of.BEFORE]), program[of.ROWS] * layer[of.WIDTH])


@inline
def together(program, numbers, which, count, beta):
    """So many sweeps of all layers at once, each from what the others just were."""
    for _ in range(count):
        keep(program, which)
        for index in range(1, program[of.DEPTH] + 1):
            fire(program, numbers, which, of.BEFORE, of.BEFORE, index, beta, SETTLING)


@inline
def drive(program, which):
    """What the inputs do to the first layer, once as long as they stand still."""
    inputs, first, parameters = layer_of(program, 0), layer_of(program, 1), floats(program[of.PARAMETERS])
    x, factors, found = floats(inputs[which]), floats(program[of.FACTORS]), floats(program[of.DRIVE])
    weight, bias = at(parameters, first[of.WEIGHT]), at(parameters, first[of.BIAS])
    rows, width, span = program[of.ROWS], first[of.WIDTH], program[of.SPAN]
    affine(weight, bias, x, inputs[of.WIDTH], factors, span, rows, inputs[of.UNITS], span)
    if span > width:
        for r in range(rows):
            for o in range(r * width, (r + 1) * width, WIDTH):
                seen = r * width + o  # o, and as many rows of the second factor
                store(found, o, load(factors, seen) * load(factors, seen + width))


@inline
def rise(program, numbers):
    """A pass upwards; its last step is left to the first of the sweeps where that one takes it again."""
    again = program[of.FREE] > 1 and not program[of.PARALLEL]
    for index in range(1, program[of.DEPTH] + (0 if again else 1)):
        fire(program, numbers, of.STATE, of.STATE, of.STATE, index, F(0.0), RISING)


@inline
def settled(program, numbers):
    """The free sweeps from where the states are, and the residual of the last one, 0 without any."""
    residual = splat(F(0.0))
    if program[of.FREE] > 0:
        if program[of.PARALLEL]:
            together(program, numbers, of.STATE, program[of.FREE], F(0.0))
        else:
            sweep(program, numbers, of.STATE, program[of.FREE] - 1, F(0.0))
            keep(program, of.STATE)
            sweep(program, numbers, of.STATE, 1, F(0.0))
        for index in range(1, program[of.DEPTH] + 1):
            layer = layer_of(program, index)
            now, before = floats(layer[of.STATE]), floats(layer[of.BEFORE])
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
