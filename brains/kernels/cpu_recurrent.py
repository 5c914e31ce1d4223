"""Recurrent operations on a CPU (numba): RNN and LSTM, forward and back (see `layers.recurrent`)."""

from __future__ import annotations

import numpy as np

from brains.kernels import layout as at
from brains.kernels.compile import jit
from brains.kernels.cpu_math import add_outer, add_product, affine, matrix, padded, sigmoid, tanh, transposed

F = np.float32


@jit
def parts(op, block, gates):
    """(input weight, hidden weight, bias) of a recurrent operation with so many gates, in a block of parameters."""
    width = gates * padded(op[at.HIDDEN])
    hidden = op[at.WEIGHT] + op[at.FEATURES] * width
    weight = matrix(block, op[at.WEIGHT], op[at.FEATURES], width)
    return weight, matrix(block, hidden, op[at.HIDDEN], width), block[op[at.BIAS] : op[at.END]]


@jit
def previous(op, row, step):
    """The hidden state that a step starts from."""
    units = op[at.HIDDEN]
    start = op[at.BEFORE] if step == 0 else op[at.Y] + (step - 1) * units
    return row[start : start + units]


@jit
def product(op, block, x, row, step, gates, z):
    """z = x_s Wx + h_(s-1) Wh + b of a step."""
    weight, hidden_weight, bias = parts(op, block, gates)
    affine(weight, bias, x[step * op[at.FEATURES] :], z)
    add_product(hidden_weight, previous(op, row, step), z)


@jit
def product_back(op, block, row, x, step, gates, dz, dh, dx, gradient, into_x, into_parameters):
    """From dz of a step to dh of the one before, to its dx and to what is added to the gradient, as wanted."""
    weight, hidden_weight, _ = parts(op, block, gates)
    start = step * op[at.FEATURES]
    if into_x:
        transposed(weight, dz, dx[start:], F(1.0), F(0.0))
    transposed(hidden_weight, dz, dh, F(1.0), F(0.0))
    if into_parameters:
        d_weight, d_hidden_weight, d_bias = parts(op, gradient, gates)
        add_outer(d_weight, x[start:], dz)
        add_outer(d_hidden_weight, previous(op, row, step), dz)
        for k in range(dz.size):
            d_bias[k] += dz[k]


@jit
def fire_rnn(op, block, x, row):
    """h_s = tanh(x_s Wx + h_(s-1) Wh + b)."""
    units = op[at.HIDDEN]
    z = row[op[at.CACHE] : op[at.CACHE] + padded(units)]
    for step in range(op[at.STEPS]):
        product(op, block, x, row, step, 1, z)
        h = row[op[at.Y] + step * units : op[at.Y] + (step + 1) * units]
        for o in range(units):
            h[o] = tanh(z[o])
    row[op[at.AFTER] : op[at.AFTER] + units] = previous(op, row, op[at.STEPS])


@jit
def back_rnn(op, block, row, x, delta, dx, gradient, work, into_x, into_parameters):
    """Back through the inner sequence; the state carried in is a constant."""
    units, width = op[at.HIDDEN], padded(op[at.HIDDEN])
    dz, dh = work[:width], work[width : 2 * width]
    work[: 2 * width] = F(0.0)
    for step in range(op[at.STEPS] - 1, -1, -1):
        start = step * units
        for o in range(units):
            h = row[op[at.Y] + start + o]
            dz[o] = (delta[start + o] + dh[o]) * (F(1.0) - h * h)
        product_back(op, block, row, x, step, 1, dz, dh, dx, gradient, into_x, into_parameters)


@jit
def fire_lstm(op, block, x, row):
    """Gates i, f, g, o of every step, and its cell, stay in the cache."""
    units, width = op[at.HIDDEN], padded(op[at.HIDDEN])
    for step in range(op[at.STEPS]):
        cache = row[op[at.CACHE] + 5 * step * width : op[at.CACHE] + 5 * (step + 1) * width]
        z, cell = cache[: 4 * width], cache[4 * width :]
        product(op, block, x, row, step, 4, z)
        for k in range(2 * width):
            z[k] = sigmoid(z[k])
        for k in range(2 * width, 3 * width):
            z[k] = tanh(z[k])
        for k in range(3 * width, 4 * width):
            z[k] = sigmoid(z[k])
        before = cell_before(op, row, step)
        for o in range(units):
            cell[o] = z[width + o] * before[o] + z[o] * z[2 * width + o]
            row[op[at.Y] + step * units + o] = z[3 * width + o] * tanh(cell[o])
    row[op[at.AFTER] : op[at.AFTER] + units] = previous(op, row, op[at.STEPS])
    row[op[at.AFTER] + units : op[at.AFTER] + 2 * units] = cell_before(op, row, op[at.STEPS])


@jit
def cell_before(op, row, step):
    """The cell that a step of an LSTM starts from."""
    units, width = op[at.HIDDEN], padded(op[at.HIDDEN])
    start = op[at.BEFORE] + units if step == 0 else op[at.CACHE] + 5 * (step - 1) * width + 4 * width
    return row[start : start + units]


@jit
def back_lstm(op, block, row, x, delta, dx, gradient, work, into_x, into_parameters):
    """Back through the inner sequence; the state carried in is a constant."""
    units, width = op[at.HIDDEN], padded(op[at.HIDDEN])
    dz, dh, dc = work[: 4 * width], work[4 * width : 5 * width], work[5 * width : 6 * width]
    work[: 6 * width] = F(0.0)
    for step in range(op[at.STEPS] - 1, -1, -1):
        z = row[op[at.CACHE] + 5 * step * width : op[at.CACHE] + 5 * (step + 1) * width]
        before = cell_before(op, row, step)
        for o in range(units):
            i, f, g, out, t = z[o], z[width + o], z[2 * width + o], z[3 * width + o], tanh(z[4 * width + o])
            d = delta[step * units + o] + dh[o]
            into_cell = dc[o] + d * out * (F(1.0) - t * t)
            dc[o] = into_cell * f
            dz[o] = into_cell * g * i * (F(1.0) - i)
            dz[width + o] = into_cell * before[o] * f * (F(1.0) - f)
            dz[2 * width + o] = into_cell * i * (F(1.0) - g * g)
            dz[3 * width + o] = d * t * out * (F(1.0) - out)
        product_back(op, block, row, x, step, 4, dz, dh, dx, gradient, into_x, into_parameters)
