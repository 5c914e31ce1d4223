"""Convolution, forward and back, a row at a time (see `layers.conv2d`)."""

from __future__ import annotations

import numpy as np

from agentsim.compiled.jit import inline, kernel
from agentsim.compiled.pointers import at
from brains.kernels.cpu.mathematics import padded
from brains.kernels.cpu.signatures import BACK, FIRE, INTO_PARAMETERS, TRANSPOSE
from brains.kernels.program import op

F = np.float32
CHANNELS, HEIGHT, BREADTH, KERNEL, STRIDE, FILTERS = op.D1, op.D2, op.D3, op.D4, op.D5, op.D6


@inline
def extent(operation):
    """(rows, columns) of a convolution's output, and the numbers of a filter with its padding."""
    kernel_size, step = operation[KERNEL], operation[STRIDE]
    rows = (operation[HEIGHT] - kernel_size) // step + 1
    columns = (operation[BREADTH] - kernel_size) // step + 1
    return rows, columns, padded(operation[CHANNELS] * kernel_size * kernel_size)


@kernel(*FIRE)
def fire(operation, block, source, source_stride, target, target_stride, count):
    """y[f, i, j] = b[f] + sum_cuv w[f, c, u, v] x[c, i s + u, j s + v]."""
    rows, columns, patch = extent(operation)
    size, step, breadth = operation[KERNEL], operation[STRIDE], operation[BREADTH]
    weight, bias = at(block, operation[op.WEIGHT]), at(block, operation[op.BIAS])
    for r in range(count):
        row = at(target, r * target_stride)
        x = at(row if operation[op.WITHIN] else at(source, r * source_stride), operation[op.X])
        for f in range(operation[FILTERS]):
            y, tap = at(row, operation[op.Y] + f * rows * columns), f * patch
            for k in range(rows * columns):
                y[k] = bias[f]
            for c in range(operation[CHANNELS]):
                for u in range(size):
                    for v in range(size):
                        w = weight[tap]
                        tap += 1
                        for i in range(rows):
                            start = (c * operation[HEIGHT] + i * step + u) * breadth + v
                            for j in range(columns):
                                y[i * columns + j] += w * x[start + j * step]


@kernel(*BACK)
def back(operation, block, gradient, wave, stride, delta, dx, dx_stride, work, inner, count, wants):
    """The error of each input gathers those of all outputs that saw it."""
    rows, columns, patch = extent(operation)
    size, step, breadth = operation[KERNEL], operation[STRIDE], operation[BREADTH]
    weight, weight_gradient = at(block, operation[op.WEIGHT]), at(gradient, operation[op.WEIGHT])
    bias_gradient = at(gradient, operation[op.BIAS])
    for r in range(count):
        x, error = at(wave, r * stride + operation[op.X]), at(dx, r * dx_stride)
        for k in range(operation[op.IN]):
            error[k] = F(0.0)
        for f in range(operation[FILTERS]):
            d, tap = at(delta, r * inner + f * rows * columns), f * patch
            for c in range(operation[CHANNELS]):
                for u in range(size):
                    for v in range(size):
                        w, along = weight[tap], F(0.0)
                        for i in range(rows):
                            start = (c * operation[HEIGHT] + i * step + u) * breadth + v
                            for j in range(columns):
                                error[start + j * step] += w * d[i * columns + j]
                                along += d[i * columns + j] * x[start + j * step]
                        if wants & INTO_PARAMETERS:
                            weight_gradient[tap] += along
                        tap += 1
            if wants & INTO_PARAMETERS:
                for k in range(rows * columns):
                    bias_gradient[f] += d[k]


@kernel(*TRANSPOSE)
def transpose(operation, block, wave, goal, sums, sizes):
    """sums = W goal and sizes = |W| 1 for the transposed Jacobian W."""
    rows, columns, patch = extent(operation)
    size, step, breadth = operation[KERNEL], operation[STRIDE], operation[BREADTH]
    weight = at(block, operation[op.WEIGHT])
    for k in range(operation[op.IN]):
        sums[k] = sizes[k] = F(0.0)
    for f in range(operation[FILTERS]):
        tap = f * patch
        for c in range(operation[CHANNELS]):
            for u in range(size):
                for v in range(size):
                    w = weight[tap]
                    tap += 1
                    for i in range(rows):
                        start = (c * operation[HEIGHT] + i * step + u) * breadth + v
                        for j in range(columns):
                            sums[start + j * step] += w * goal[(f * rows + i) * columns + j]
                            sizes[start + j * step] += abs(w)
