"""SwiGLU, forward and back (see `layers.swiglu`)."""

from __future__ import annotations

import numpy as np

from agentsim.compiled.jit import kernel
from agentsim.compiled.pointers import at
from agentsim.compiled.vectors import WIDTH, fma, load, splat, store
from brains.kernels.cpu.mathematics import add_numbers, padded, sigmoid
from brains.kernels.cpu.products import add_outer, add_rows, affine, transposed
from brains.kernels.cpu.signatures import BACK, FIRE, INTO_PARAMETERS, INTO_X
from brains.kernels.program import op

F = np.float32
HIDDEN = op.D3


@kernel(*FIRE)
def fire(operation, block, source, source_stride, target, target_stride, count):
    """y = [x +] (silu(x G + g) * (x U + u)) D + d; gate, up and their product stay in the cache."""
    inputs, hidden, units = operation[op.IN], operation[HIDDEN], operation[op.UNITS]
    wide, narrow = padded(hidden), operation[op.WIDTH]
    weight, bias, stride = at(block, operation[op.WEIGHT]), at(block, operation[op.BIAS]), target_stride
    if operation[op.WITHIN]:
        x, x_row = at(target, operation[op.X]), target_stride
    else:
        x, x_row = at(source, operation[op.X]), source_stride
    gate, up = at(target, operation[op.CACHE]), at(target, operation[op.CACHE] + wide)
    within, y = at(target, operation[op.CACHE] + 2 * wide), at(target, operation[op.Y])
    affine(weight, bias, x, x_row, gate, stride, count, inputs, wide)
    affine(at(weight, inputs * wide), at(bias, wide), x, x_row, up, stride, count, inputs, wide)
    for r in range(count):
        for o in range(r * stride, r * stride + wide, WIDTH):
            g = load(gate, o)
            store(within, o, g * sigmoid(g) * load(up, o))
    affine(at(weight, 2 * inputs * wide), at(bias, 2 * wide), within, stride, y, stride, count, hidden, narrow)
    if operation[op.RESIDUAL]:
        for r in range(count):
            add_numbers(at(y, r * stride), at(x, r * x_row), units)


@kernel(*BACK)
def back(operation, block, gradient, wave, stride, delta, dx, dx_stride, work, inner, count, wants):
    """Through the product of both halves; `work` holds the errors of gate and up."""
    inputs, hidden, units = operation[op.IN], operation[HIDDEN], operation[op.UNITS]
    wide, narrow = padded(hidden), operation[op.WIDTH]
    weight, x, one = at(block, operation[op.WEIGHT]), at(wave, operation[op.X]), splat(F(1.0))
    gate, up = at(wave, operation[op.CACHE]), at(wave, operation[op.CACHE] + wide)
    gate_error, up_error = work, at(work, wide)
    for r in range(count):
        for o in range(r * inner + hidden, r * inner + wide):
            gate_error[o] = F(0.0)
    transposed(at(weight, 2 * inputs * wide), delta, inner, gate_error, inner, count, hidden, narrow, False)
    for r in range(count):
        for o in range(0, wide, WIDTH):
            g, u, d = load(gate, r * stride + o), load(up, r * stride + o), load(gate_error, r * inner + o)
            s = sigmoid(g)
            store(up_error, r * inner + o, d * g * s)
            store(gate_error, r * inner + o, d * u * s * fma(g, one - s, one))
    if wants & INTO_X:
        transposed(weight, gate_error, inner, dx, dx_stride, count, inputs, wide, False)
        transposed(at(weight, inputs * wide), up_error, inner, dx, dx_stride, count, inputs, wide, True)
        if operation[op.RESIDUAL]:
            for r in range(count):
                add_numbers(at(dx, r * dx_stride), at(delta, r * inner), units)
    if wants & INTO_PARAMETERS:
        into, within = at(gradient, operation[op.WEIGHT]), at(wave, operation[op.CACHE] + 2 * wide)
        add_outer(into, x, stride, gate_error, inner, count, inputs, wide)
        add_outer(at(into, inputs * wide), x, stride, up_error, inner, count, inputs, wide)
        add_outer(at(into, 2 * inputs * wide), within, stride, delta, inner, count, hidden, narrow)
        bias = at(gradient, operation[op.BIAS])
        add_rows(bias, gate_error, inner, count, 2 * wide)
        add_rows(at(bias, 2 * wide), delta, inner, count, narrow)
