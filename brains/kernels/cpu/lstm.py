"""LSTM, forward and back (see `layers.recurrent`); gradients stop at the carried state."""

from __future__ import annotations

import numpy as np

from agentsim.compiled.jit import inline, kernel
from agentsim.compiled.pointers import at
from agentsim.compiled.vectors import WIDTH, load, store
from brains.kernels.cpu.mathematics import copy, fill, padded, sigmoid, tanh
from brains.kernels.cpu.recurrent import HIDDEN, STEPS, input_of, previous, product, product_back
from brains.kernels.cpu.signatures import BACK, FIRE
from brains.kernels.program import op

F = np.float32


@inline
def cell_before(operation, row, step):
    """The cell that a step of an LSTM starts from."""
    units, width = operation[HIDDEN], padded(operation[HIDDEN])
    if step == 0:
        return at(row, operation[op.BEFORE] + units)
    return at(row, operation[op.CACHE] + 5 * (step - 1) * width + 4 * width)


@kernel(*FIRE)
def fire(operation, block, source, source_stride, target, target_stride, count):
    """Gates i, f, g, o of every step, and its cell, stay in the cache."""
    units, width, steps = operation[HIDDEN], padded(operation[HIDDEN]), operation[STEPS]
    for r in range(count):
        row = at(target, r * target_stride)
        x = input_of(operation, source, source_stride, row, r)
        squashed = at(row, operation[op.CACHE] + 5 * steps * width)
        for step in range(steps):
            z = at(row, operation[op.CACHE] + 5 * step * width)
            cell, h = at(z, 4 * width), at(row, operation[op.Y] + step * units)
            product(operation, block, x, row, step, 4, z)
            for o in range(0, width, WIDTH):
                store(z, o, sigmoid(load(z, o)))
                store(z, width + o, sigmoid(load(z, width + o)))
                store(z, 2 * width + o, tanh(load(z, 2 * width + o)))
                store(z, 3 * width + o, sigmoid(load(z, 3 * width + o)))
            before = cell_before(operation, row, step)
            for o in range(units):
                cell[o] = z[width + o] * before[o] + z[o] * z[2 * width + o]
            for o in range(units, width):
                cell[o] = F(0.0)
            for o in range(0, width, WIDTH):
                store(squashed, o, tanh(load(cell, o)))
            for o in range(units):
                h[o] = z[3 * width + o] * squashed[o]
        copy(previous(operation, row, steps), at(row, operation[op.AFTER]), units)
        copy(cell_before(operation, row, steps), at(row, operation[op.AFTER] + units), units)


@kernel(*BACK)
def back(operation, block, gradient, wave, stride, delta, dx, dx_stride, work, inner, count, wants):
    """From the last step of the inner sequence to the first."""
    units, width = operation[HIDDEN], padded(operation[HIDDEN])
    for r in range(count):
        row, dz = at(wave, r * stride), at(work, r * inner)
        dh, dc, squashed = at(dz, 4 * width), at(dz, 5 * width), at(dz, 6 * width)
        error, x = at(dx, r * dx_stride), at(row, operation[op.X])
        fill(dz, 0.0, 6 * width)
        for step in range(operation[STEPS] - 1, -1, -1):
            z, d = at(row, operation[op.CACHE] + 5 * step * width), at(delta, r * inner + step * units)
            before = cell_before(operation, row, step)
            for o in range(0, width, WIDTH):
                store(squashed, o, tanh(load(z, 4 * width + o)))
            for o in range(units):
                i, f, g, out, t = z[o], z[width + o], z[2 * width + o], z[3 * width + o], squashed[o]
                along = d[o] + dh[o]
                into_cell = dc[o] + along * out * (F(1.0) - t * t)
                dc[o] = into_cell * f
                dz[o] = into_cell * g * i * (F(1.0) - i)
                dz[width + o] = into_cell * before[o] * f * (F(1.0) - f)
                dz[2 * width + o] = into_cell * i * (F(1.0) - g * g)
                dz[3 * width + o] = along * t * out * (F(1.0) - out)
            product_back(operation, block, row, x, step, 4, dz, dh, error, gradient, wants)
