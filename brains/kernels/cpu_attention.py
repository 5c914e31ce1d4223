"""Attention over a window of ticks on a CPU (numba), forward and back (see `layers.attention`)."""

from __future__ import annotations

import math

import numpy as np

from brains.kernels import layout as at
from brains.kernels.compile import jit
from brains.kernels.cpu_math import add_outer, add_transposed, affine, exponential, matrix, padded, transposed

F = np.float32


@jit
def weights(op, block):
    """The (query, key, value, output) weights in a block of parameters."""
    width, size = padded(op[at.UNITS]), op[at.IN] * padded(op[at.UNITS])
    start = op[at.WEIGHT]
    return (
        matrix(block, start, op[at.IN], width),
        matrix(block, start + size, op[at.IN], width),
        matrix(block, start + 2 * size, op[at.IN], width),
        matrix(block, start + 3 * size, op[at.UNITS], width),
    )


@jit
def biases(op, block):
    """The (query, key, value, output) biases in a block of parameters."""
    width, start = padded(op[at.UNITS]), op[at.BIAS]
    return (
        block[start : start + width],
        block[start + width : start + 2 * width],
        block[start + 2 * width : start + 3 * width],
        block[start + 3 * width : start + 4 * width],
    )


@jit
def cached(op, row):
    """The (query, attended values, shares (heads, window)) that a forward pass left in a row."""
    width, start, shares = padded(op[at.UNITS]), op[at.CACHE], op[at.HEADS] * op[at.WINDOW]
    return (
        row[start : start + width],
        row[start + width : start + 2 * width],
        row[start + 2 * width : start + 2 * width + shares].reshape((op[at.HEADS], op[at.WINDOW])),
    )


@jit
def window(op, row):
    """The (keys (window, units), values (window, units)) that a forward pass left in a row, the newest last."""
    size, start = op[at.WINDOW] * op[at.UNITS], op[at.AFTER]
    return (
        row[start : start + size].reshape((op[at.WINDOW], op[at.UNITS])),
        row[start + size : start + 2 * size].reshape((op[at.WINDOW], op[at.UNITS])),
    )


@jit
def fire_attention(op, block, x, row):
    """y = [x +] Wo sum_w softmax(q k_w / sqrt(d)) v_w."""
    units, length, size = op[at.UNITS], op[at.WINDOW], op[at.WINDOW] * op[at.UNITS]
    query_weight, key_weight, value_weight, output_weight = weights(op, block)
    query_bias, key_bias, value_bias, output_bias = biases(op, block)
    query, context, shares = cached(op, row)
    before, after = row[op[at.BEFORE] :], row[op[at.AFTER] :]
    for k in range(size - units):
        after[k] = before[k + units]
        after[size + k] = before[size + k + units]
    after[2 * size] = min(before[2 * size] + F(1.0), F(length))
    affine(key_weight, key_bias, x, context)
    after[size - units : size] = context[:units]
    affine(value_weight, value_bias, x, context)
    after[2 * size - units : 2 * size] = context[:units]
    affine(query_weight, query_bias, x, query)
    keys, values = window(op, row)
    each = units // op[at.HEADS]
    scale, oldest = F(1.0) / math.sqrt(F(each)), length - int(after[2 * size])
    context[:] = F(0.0)
    for head in range(op[at.HEADS]):
        share, start = shares[head], head * each
        share[:] = F(0.0)
        largest = F(-np.inf)
        for w in range(oldest, length):
            for o in range(start, start + each):
                share[w] += query[o] * keys[w, o]
            share[w] *= scale
            largest = max(largest, share[w])
        total = F(0.0)
        for w in range(oldest, length):
            share[w] = exponential(share[w] - largest)
            total += share[w]
        for w in range(oldest, length):
            share[w] /= total
            for o in range(start, start + each):
                context[o] += share[w] * values[w, o]
    y = row[op[at.Y] : op[at.Y] + op[at.WIDTH]]
    affine(output_weight, output_bias, context, y)
    if op[at.RESIDUAL]:
        for o in range(units):
            y[o] += x[o]


@jit
def back_attention(op, block, row, x, delta, dx, gradient, work, into_x, into_parameters):
    """Back through the newest query, key and value; the older keys and values are constants."""
    units, length, width = op[at.UNITS], op[at.WINDOW], padded(op[at.UNITS])
    query_weight, key_weight, value_weight, output_weight = weights(op, block)
    query, context, shares = cached(op, row)
    keys, values = window(op, row)
    work[: 4 * width] = F(0.0)
    d_query, d_key, d_value = work[:width], work[width : 2 * width], work[2 * width : 3 * width]
    d_context, d_share = work[3 * width : 4 * width], work[4 * width : 4 * width + length]
    transposed(output_weight, delta, d_context, F(1.0), F(0.0))
    each = units // op[at.HEADS]
    scale = F(1.0) / math.sqrt(F(each))
    for head in range(op[at.HEADS]):
        share, start = shares[head], head * each
        mean = F(0.0)
        for w in range(length):
            d_share[w] = F(0.0)
            for o in range(start, start + each):
                d_share[w] += d_context[o] * values[w, o]
            mean += share[w] * d_share[w]
        for w in range(length):
            d_score = share[w] * (d_share[w] - mean) * scale
            for o in range(start, start + each):
                d_query[o] += d_score * keys[w, o]
            if w == length - 1:
                for o in range(start, start + each):
                    d_key[o] = d_score * query[o]
                    d_value[o] = share[w] * d_context[o]
    if into_x:
        for k in range(op[at.IN]):
            dx[k] = delta[k] if op[at.RESIDUAL] else F(0.0)
        add_transposed(query_weight, d_query, dx)
        add_transposed(key_weight, d_key, dx)
        add_transposed(value_weight, d_value, dx)
    if into_parameters:
        query_gradient, key_gradient, value_gradient, output_gradient = weights(op, gradient)
        add_outer(query_gradient, x, d_query)
        add_outer(key_gradient, x, d_key)
        add_outer(value_gradient, x, d_value)
        add_outer(output_gradient, context, delta)
        d_biases = gradient[op[at.BIAS] : op[at.END]]
        for k in range(3 * width):
            d_biases[k] += work[k]
        for k in range(width):
            d_biases[3 * width + k] += delta[k]
