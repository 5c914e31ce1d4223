"""Attention over a window of ticks, forward and back, a row at a time (see `layers.attention`)."""

from __future__ import annotations

import math

import numpy as np

from agentsim.compiled.jit import kernel
from agentsim.compiled.pointers import at
from agentsim.compiled.vectors import WIDTH, load, store
from brains.kernels.cpu.mathematics import add_numbers, copy, exponential, fill, padded
from brains.kernels.cpu.products import add_outer, affine, transposed
from brains.kernels.cpu.signatures import BACK, FIRE, INTO_PARAMETERS, INTO_X
from brains.kernels.program import op

F = np.float32
HEADS, WINDOW = op.D1, op.D2


@kernel(*FIRE)
def fire(operation, block, source, source_stride, target, target_stride, count):
    """y = [x +] Wo sum_w softmax(q k_w / sqrt(d)) v_w; the cache holds the query, what was heard, and the shares
    (heads, window)."""
    units, length, inputs, width = operation[op.UNITS], operation[WINDOW], operation[op.IN], operation[op.WIDTH]
    weight, bias = at(block, operation[op.WEIGHT]), at(block, operation[op.BIAS])
    size, matrix, each = length * units, inputs * width, units // operation[HEADS]
    scale = F(1.0) / math.sqrt(F(each))
    for r in range(count):
        row = at(target, r * target_stride)
        x = at(row if operation[op.WITHIN] else at(source, r * source_stride), operation[op.X])
        before, after, query = at(row, operation[op.BEFORE]), at(row, operation[op.AFTER]), at(row, operation[op.CACHE])
        heard, shares, values = at(query, width), at(query, 2 * width), at(after, size)
        copy(at(before, units), after, size - units)
        copy(at(before, size + units), values, size - units)
        after[2 * size] = min(before[2 * size] + F(1.0), F(length))
        affine(at(weight, matrix), at(bias, width), x, 0, heard, 0, 1, inputs, width)
        copy(heard, at(after, size - units), units)
        affine(at(weight, 2 * matrix), at(bias, 2 * width), x, 0, heard, 0, 1, inputs, width)
        copy(heard, at(values, size - units), units)
        affine(weight, bias, x, 0, query, 0, 1, inputs, width)
        fill(heard, 0.0, width)
        fill(shares, 0.0, padded(operation[HEADS] * length))
        oldest = length - np.int64(after[2 * size])
        for head in range(operation[HEADS]):
            share, first = at(shares, head * length), head * each
            most = F(-math.inf)
            for w in range(oldest, length):
                key = at(after, w * units)
                for o in range(first, first + each):
                    share[w] += query[o] * key[o]
                share[w] *= scale
                most = max(most, share[w])
            for w in range(oldest, length):
                share[w] -= most
        for k in range(0, padded(operation[HEADS] * length), WIDTH):
            store(shares, k, exponential(load(shares, k)))
        for head in range(operation[HEADS]):
            share, first = at(shares, head * length), head * each
            fill(share, 0.0, oldest)
            everything = F(0.0)
            for w in range(oldest, length):
                everything += share[w]
            for w in range(oldest, length):
                share[w] /= everything
                value = at(values, w * units)
                for o in range(first, first + each):
                    heard[o] += share[w] * value[o]
        y = at(row, operation[op.Y])
        affine(at(weight, 3 * matrix), at(bias, 3 * width), heard, 0, y, 0, 1, units, width)
        if operation[op.RESIDUAL]:
            add_numbers(y, x, units)


@kernel(*BACK)
def back(operation, block, gradient, wave, stride, delta, dx, dx_stride, work, inner, count, wants):
    """Through the newest query, key and value; the older keys and values are constants."""
    units, length, inputs, width = operation[op.UNITS], operation[WINDOW], operation[op.IN], operation[op.WIDTH]
    weight, into = at(block, operation[op.WEIGHT]), at(gradient, operation[op.WEIGHT])
    size, matrix, each = length * units, inputs * width, units // operation[HEADS]
    scale, d_bias = F(1.0) / math.sqrt(F(each)), at(gradient, operation[op.BIAS])
    for r in range(count):
        row, d, error = at(wave, r * stride), at(delta, r * inner), at(dx, r * dx_stride)
        x, keys, query = at(row, operation[op.X]), at(row, operation[op.AFTER]), at(row, operation[op.CACHE])
        values, heard, shares = at(keys, size), at(query, width), at(query, 2 * width)
        d_query, d_share = at(work, r * inner), at(work, r * inner + 4 * width)
        d_key, d_value, d_heard = at(d_query, width), at(d_query, 2 * width), at(d_query, 3 * width)
        fill(d_query, 0.0, 4 * width)
        transposed(at(weight, 3 * matrix), d, 0, d_heard, 0, 1, units, width, False)
        for head in range(operation[HEADS]):
            share, first = at(shares, head * length), head * each
            mean = F(0.0)
            for w in range(length):
                along, value = F(0.0), at(values, w * units)
                for o in range(first, first + each):
                    along += d_heard[o] * value[o]
                d_share[w] = along
                mean += share[w] * along
            for w in range(length):
                d_score, key = share[w] * (d_share[w] - mean) * scale, at(keys, w * units)
                for o in range(first, first + each):
                    d_query[o] += d_score * key[o]
                if w == length - 1:
                    for o in range(first, first + each):
                        d_key[o] = d_score * query[o]
                        d_value[o] = share[w] * d_heard[o]
        if wants & INTO_X:
            transposed(weight, d_query, 0, error, 0, 1, inputs, width, False)
            transposed(at(weight, matrix), d_key, 0, error, 0, 1, inputs, width, True)
            transposed(at(weight, 2 * matrix), d_value, 0, error, 0, 1, inputs, width, True)
            if operation[op.RESIDUAL]:
                add_numbers(error, d, units)
        if wants & INTO_PARAMETERS:
            add_outer(into, x, 0, d_query, 0, 1, inputs, width)
            add_outer(at(into, matrix), x, 0, d_key, 0, 1, inputs, width)
            add_outer(at(into, 2 * matrix), x, 0, d_value, 0, 1, inputs, width)
            add_outer(at(into, 3 * matrix), heard, 0, d, 0, 1, units, width)
            add_numbers(d_bias, d_query, 3 * width)
            add_numbers(at(d_bias, 3 * width), d, width)
