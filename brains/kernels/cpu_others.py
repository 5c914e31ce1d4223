"""Convolution, LayerNorm and SwiGLU on a CPU (numba), forward and back (see the layers of these names)."""

from __future__ import annotations

import numpy as np

from brains.kernels import layout as at
from brains.kernels.compile import jit
from brains.kernels.cpu_math import (
    add_outer,
    add_transposed,
    affine,
    matrix,
    normalize,
    normalize_gradient,
    padded,
    sigmoid,
    transposed,
)

F = np.float32


@jit
def extent(op):
    """(rows, columns) of a convolution's output."""
    kernel, stride = op[at.KERNEL], op[at.STRIDE]
    return (op[at.HEIGHT] - kernel) // stride + 1, (op[at.BREADTH] - kernel) // stride + 1


@jit
def fire_conv2d(op, block, x, row):
    """y[f, i, j] = b[f] + sum_cuv w[f, c, u, v] x[c, i s + u, j s + v]."""
    rows, columns = extent(op)
    breadth, kernel, stride = op[at.BREADTH], op[at.KERNEL], op[at.STRIDE]
    patch = padded(op[at.CHANNELS] * kernel * kernel)
    weight, bias = matrix(block, op[at.WEIGHT], op[at.FILTERS], patch), block[op[at.BIAS] : op[at.END]]
    for f in range(op[at.FILTERS]):
        y = row[op[at.Y] + f * rows * columns : op[at.Y] + (f + 1) * rows * columns]
        y[:] = bias[f]
        tap = 0
        for c in range(op[at.CHANNELS]):
            for u in range(kernel):
                for v in range(kernel):
                    w = weight[f, tap]
                    tap += 1
                    for i in range(rows):
                        start = (c * op[at.HEIGHT] + i * stride + u) * breadth + v
                        for j in range(columns):
                            y[i * columns + j] += w * x[start + j * stride]


@jit
def back_conv2d(op, block, row, x, delta, dx, gradient, work, into_x, into_parameters):
    """dx and, if wanted, what is added to the gradient."""
    rows, columns = extent(op)
    breadth, kernel, stride = op[at.BREADTH], op[at.KERNEL], op[at.STRIDE]
    patch = padded(op[at.CHANNELS] * kernel * kernel)
    weight, d_weight = (
        matrix(block, op[at.WEIGHT], op[at.FILTERS], patch),
        matrix(gradient, op[at.WEIGHT], op[at.FILTERS], patch),
    )
    d_bias = gradient[op[at.BIAS] : op[at.END]]
    dx[: op[at.IN]] = F(0.0)
    for f in range(op[at.FILTERS]):
        d = delta[f * rows * columns : (f + 1) * rows * columns]
        tap = 0
        for c in range(op[at.CHANNELS]):
            for u in range(kernel):
                for v in range(kernel):
                    w, total = weight[f, tap], F(0.0)
                    for i in range(rows):
                        start = (c * op[at.HEIGHT] + i * stride + u) * breadth + v
                        for j in range(columns):
                            dx[start + j * stride] += w * d[i * columns + j]
                            total += d[i * columns + j] * x[start + j * stride]
                    if into_parameters:
                        d_weight[f, tap] += total
                    tap += 1
        if into_parameters:
            for k in range(d.size):
                d_bias[f] += d[k]


@jit
def spread_conv2d(op, block, t, total, size):
    """total (in,) = W t and size = |W| 1 for the transposed Jacobian W of a convolution."""
    rows, columns = extent(op)
    breadth, kernel, stride = op[at.BREADTH], op[at.KERNEL], op[at.STRIDE]
    weight = matrix(block, op[at.WEIGHT], op[at.FILTERS], padded(op[at.CHANNELS] * kernel * kernel))
    for f in range(op[at.FILTERS]):
        tap = 0
        for c in range(op[at.CHANNELS]):
            for u in range(kernel):
                for v in range(kernel):
                    w = weight[f, tap]
                    tap += 1
                    for i in range(rows):
                        start = (c * op[at.HEIGHT] + i * stride + u) * breadth + v
                        for j in range(columns):
                            total[start + j * stride] += w * t[(f * rows + i) * columns + j]
                            size[start + j * stride] += abs(w)


@jit
def fire_layer_norm(op, block, x, row):
    """y = gain hat + bias."""
    y, hat = row[op[at.Y] : op[at.Y] + op[at.WIDTH]], row[op[at.CACHE] : op[at.CACHE] + op[at.WIDTH] + at.PAD]
    for o in range(op[at.UNITS]):
        y[o] = x[o]
    normalize(y, op[at.UNITS], hat)
    gain, bias = block[op[at.WEIGHT] : op[at.BIAS]], block[op[at.BIAS] : op[at.END]]
    for o in range(op[at.UNITS]):
        y[o] = gain[o] * hat[o] + bias[o]


@jit
def back_layer_norm(op, block, row, x, delta, dx, gradient, work, into_x, into_parameters):
    """dx and, if wanted, what is added to the gradient."""
    hat, gain = row[op[at.CACHE] : op[at.CACHE] + op[at.WIDTH] + at.PAD], block[op[at.WEIGHT] : op[at.BIAS]]
    for o in range(op[at.UNITS]):
        dx[o] = gain[o] * delta[o]
    normalize_gradient(dx, op[at.UNITS], hat)
    if into_parameters:
        d_gain, d_bias = gradient[op[at.WEIGHT] : op[at.BIAS]], gradient[op[at.BIAS] : op[at.END]]
        for o in range(op[at.UNITS]):
            d_gain[o] += delta[o] * hat[o]
            d_bias[o] += delta[o]


@jit
def swiglu_weights(op, block):
    """The (gate, up, down) weights in a block of parameters."""
    wide, narrow = padded(op[at.HIDDEN]), padded(op[at.UNITS])
    start, size = op[at.WEIGHT], op[at.IN] * wide
    return (
        matrix(block, start, op[at.IN], wide),
        matrix(block, start + size, op[at.IN], wide),
        matrix(block, start + 2 * size, op[at.HIDDEN], narrow),
    )


@jit
def fire_swiglu(op, block, x, row):
    """y = [x +] (silu(x G + g) * (x U + u)) D + d."""
    wide, start, bias = padded(op[at.HIDDEN]), op[at.CACHE], block[op[at.BIAS] : op[at.END]]
    gate_weight, up_weight, down_weight = swiglu_weights(op, block)
    gate, up, within = (
        row[start : start + wide],
        row[start + wide : start + 2 * wide],
        row[start + 2 * wide : start + 3 * wide],
    )
    affine(gate_weight, bias[:wide], x, gate)
    affine(up_weight, bias[wide : 2 * wide], x, up)
    for o in range(wide):
        within[o] = gate[o] * sigmoid(gate[o]) * up[o]
    y = row[op[at.Y] : op[at.Y] + op[at.WIDTH]]
    affine(down_weight, bias[2 * wide :], within, y)
    if op[at.RESIDUAL]:
        for o in range(op[at.UNITS]):
            y[o] += x[o]


@jit
def back_swiglu(op, block, row, x, delta, dx, gradient, work, into_x, into_parameters):
    """dx and, if wanted, what is added to the gradient."""
    wide, start = padded(op[at.HIDDEN]), op[at.CACHE]
    gate_weight, up_weight, down_weight = swiglu_weights(op, block)
    d_gate, d_up = work[:wide], work[wide : 2 * wide]
    d_gate[:] = F(0.0)
    transposed(down_weight, delta, d_gate, F(1.0), F(0.0))
    for o in range(wide):
        gate, up, d = row[start + o], row[start + wide + o], d_gate[o]
        s = sigmoid(gate)
        d_up[o] = d * gate * s
        d_gate[o] = d * up * s * (F(1.0) + gate * (F(1.0) - s))
    if into_x:
        for k in range(op[at.IN]):
            dx[k] = delta[k] if op[at.RESIDUAL] else F(0.0)
        add_transposed(gate_weight, d_gate, dx)
        add_transposed(up_weight, d_up, dx)
    if into_parameters:
        gate_gradient, up_gradient, down_gradient = swiglu_weights(op, gradient)
        add_outer(gate_gradient, x, d_gate)
        add_outer(up_gradient, x, d_up)
        add_outer(down_gradient, row[start + 2 * wide : start + 3 * wide], delta)
        d_bias = gradient[op[at.BIAS] : op[at.END]]
        for o in range(2 * wide):
            d_bias[o] += work[o]
        for o in range(delta.size):
            d_bias[2 * wide + o] += delta[o]
