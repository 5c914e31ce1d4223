"""What a unit of a settling network can be, and what pulls at the last layer, on padded rows."""

from __future__ import annotations

import math

import numpy as np

from agentsim.compiled.jit import OPTIONS, njit
from agentsim.compiled.pointers import at
from agentsim.compiled.vectors import WIDTH, absolute, fma, load, splat, store, total, where_less
from brains.kernels.cpu.mathematics import (
    clear_padding,
    exponential,
    flush,
    maximum,
    minimum,
    rational_parts,
    sigmoid,
    tanh,
)
from brains.kernels.program import settling as of

F = np.float32
LINEAR, CLIP, CLIP2, TANH, SIGMOID, _RATIONAL = range(len(of.KINDS))
SQUARED_ERROR, CROSS_ENTROPY, FORCE = range(len(of.COSTS))


@njit(**OPTIONS)
def apply(kind, z, rows, units, width):
    """sigma of rows of z in place; nothing is left beyond their units, nor near a denormal number.

    What is beyond the units is zero before, and so it is after every sigma but one.
    """
    if CLIP <= kind <= CLIP2:  # a loop of its own, as short as can be
        highest = splat(F(1.0)) if kind == CLIP else splat(F(2.0))
        for k in range(0, rows * width, WIDTH):
            store(z, k, flush(maximum(minimum(load(z, k), highest), splat(F(0.0)))))
        return
    for k in range(0, rows * width, WIDTH):
        s = load(z, k)
        if kind == TANH:
            s = tanh(s)
        elif kind == SIGMOID:
            s = sigmoid(s)
        elif kind != LINEAR:
            over, under = rational_parts(s)
            s = over / under
        store(z, k, flush(s))
    if kind == SIGMOID:
        for r in range(rows):
            clear_padding(at(z, r * width), units)


@njit(**OPTIONS)
def slope(kind, z, s, delta, size):
    """delta times sigma'(z), in place, where s = sigma(z)."""
    zero, one, nine = splat(F(0.0)), splat(F(1.0)), splat(F(9.0))
    for k in range(0, size, WIDTH):
        here, rate = load(s, k), one
        if kind in (CLIP, CLIP2):
            rate = where_less(zero, absolute(load(z, k) - here), zero, one)
        elif kind == TANH:
            rate = one - here * here
        elif kind == SIGMOID:
            rate = here * (one - here)
        elif kind != LINEAR:
            square = minimum(load(z, k) * load(z, k), nine)
            root = (nine - square) / fma(splat(F(3.0)), square, nine)
            rate = root * root
        store(delta, k, rate * load(delta, k))


@njit(**OPTIONS)
def softmax(row, found, temperature, units, width):
    """found = softmax(temperature x row). Returns the logarithm of the sum of powers about the largest, and that."""
    largest = row[0]
    for o in range(1, units):
        largest = max(largest, row[o])
    sums = splat(F(0.0))
    for o in range(0, width, WIDTH):
        store(found, o, exponential(splat(temperature) * (load(row, o) - splat(largest))))
    clear_padding(found, units)
    for o in range(0, width, WIDTH):
        sums = sums + load(found, o)
    whole = total(sums)
    for o in range(0, width, WIDTH):
        store(found, o, load(found, o) / splat(whole))
    return F(math.log(whole)), largest


@njit(**OPTIONS)
def pull(program, numbers, s, target, found, units, width):
    """found = -dC / ds of a row. Returns C."""
    cost = F(0.0)
    if program[of.COST] == CROSS_ENTROPY:
        kappa = numbers[of.TEMPERATURE]
        log, largest = softmax(s, found, kappa, units, width)
        for o in range(units):
            cost += target[o] * (log + kappa * (largest - s[o]))
        for o in range(0, width, WIDTH):
            store(found, o, splat(kappa) * (load(target, o) - load(found, o)))
    elif program[of.COST] == FORCE:
        for o in range(0, width, WIDTH):
            store(found, o, splat(F(0.0)) - load(target, o))
        for o in range(units):
            cost += target[o] * s[o]
    else:
        for o in range(0, width, WIDTH):
            store(found, o, load(target, o) - load(s, o))
        for o in range(units):
            cost += F(0.5) * (s[o] - target[o]) * (s[o] - target[o])
    return cost
