"""RNN, forward and back (see `layers.recurrent`); gradients stop at the carried state."""

from __future__ import annotations

import numpy as np

from agentsim.compiled.jit import kernel
from agentsim.compiled.pointers import at
from agentsim.compiled.vectors import WIDTH, load, store
from brains.kernels.cpu.mathematics import copy, fill, padded, tanh
from brains.kernels.cpu.recurrent import HIDDEN, STEPS, input_of, previous, product, product_back
from brains.kernels.cpu.signatures import BACK, FIRE
from brains.kernels.program import op

F = np.float32


@kernel(*FIRE)
def fire(operation, block, source, source_stride, target, target_stride, count):
    """h_s = tanh(x_s Wx + h_(s-1) Wh + b)."""
    units, steps = operation[HIDDEN], operation[STEPS]
    for r in range(count):
        row = at(target, r * target_stride)
        x, z = input_of(operation, source, source_stride, row, r), at(row, operation[op.CACHE])
        for step in range(steps):
            product(operation, block, x, row, step, 1, z)
            for o in range(0, padded(units), WIDTH):
                store(z, o, tanh(load(z, o)))
            copy(z, at(row, operation[op.Y] + step * units), units)
        copy(previous(operation, row, steps), at(row, operation[op.AFTER]), units)


@kernel(*BACK)
def back(operation, block, gradient, wave, stride, delta, dx, dx_stride, work, inner, count, wants):
    """From the last step of the inner sequence to the first."""
    units, width = operation[HIDDEN], padded(operation[HIDDEN])
    for r in range(count):
        row, dz = at(wave, r * stride), at(work, r * inner)
        dh, error, x = at(dz, width), at(dx, r * dx_stride), at(row, operation[op.X])
        fill(dz, 0.0, 2 * width)
        for step in range(operation[STEPS] - 1, -1, -1):
            start = step * units
            d, y = at(delta, r * inner + start), at(row, operation[op.Y] + start)
            for o in range(units):
                dz[o] = (d[o] + dh[o]) * (F(1.0) - y[o] * y[o])
            product_back(operation, block, row, x, step, 1, dz, dh, error, gradient, wants)
