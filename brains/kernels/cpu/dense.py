"""A dense layer, forward and back (see `layers.dense`)."""

from __future__ import annotations

import numpy as np

from agentsim.compiled.jit import inline, kernel
from agentsim.compiled.pointers import at
from agentsim.compiled.vectors import WIDTH, absolute, fma, largest, load, splat, store, totals
from brains.kernels.cpu.layer_norm import normalize, normalize_back
from brains.kernels.cpu.mathematics import clip, clip_number, flush, maximum
from brains.kernels.cpu.products import add_outer, add_rows, affine, dot, dots, sizes, transposed
from brains.kernels.cpu.signatures import BACK, CHAIN, FIRE, INTO_PARAMETERS, INTO_X, PLAIN, TRANSPOSE
from brains.kernels.program import op

F = np.float32


@kernel(*FIRE)
def fire(operation, block, source, source_stride, target, target_stride, count):
    """y = x W + b, normalised if that is wanted."""
    weight, bias, y = at(block, operation[op.WEIGHT]), at(block, operation[op.BIAS]), at(target, operation[op.Y])
    terms, width = operation[op.IN], operation[op.WIDTH]
    if operation[op.WITHIN]:
        affine(weight, bias, at(target, operation[op.X]), target_stride, y, target_stride, count, terms, width)
    else:
        affine(weight, bias, at(source, operation[op.X]), source_stride, y, target_stride, count, terms, width)
    if operation[op.NORMALIZE]:
        for r in range(count):
            row = at(target, r * target_stride)
            normalize(at(row, operation[op.Y]), operation[op.UNITS], at(row, operation[op.CACHE]))


@kernel(*BACK)
def back(operation, block, gradient, wave, stride, delta, dx, dx_stride, work, inner, count, wants):
    """dx = W delta; the weight's gradient is x outer delta, the bias's delta."""
    inputs, width = operation[op.IN], operation[op.WIDTH]
    if operation[op.NORMALIZE] and not wants & PLAIN:
        for r in range(count):
            normalize_back(at(delta, r * inner), operation[op.UNITS], at(wave, r * stride + operation[op.CACHE]))
    if wants & INTO_X:
        transposed(at(block, operation[op.WEIGHT]), delta, inner, dx, dx_stride, count, inputs, width, False)
    if wants & INTO_PARAMETERS:
        x = at(wave, operation[op.X])
        add_outer(at(gradient, operation[op.WEIGHT]), x, stride, delta, inner, count, inputs, width)
        add_rows(at(gradient, operation[op.BIAS]), delta, inner, count, width)


@inline
def move_weights(weight, velocity, x, delta, width, clipped):
    """A row: v = 0.9 v + 0.1 clip(x delta); W += v. Where no product can reach the clip, it is left out."""
    if clipped:
        for o in range(0, width, WIDTH):
            step = splat(F(0.1)) * clip(splat(x) * load(delta, o), splat(F(1.0)))
            v = flush(fma(splat(F(0.9)), load(velocity, o), step))
            store(velocity, o, v)
            store(weight, o, load(weight, o) + v)
    else:
        share = splat(F(0.1) * x)
        for o in range(0, width, WIDTH):
            v = flush(fma(splat(F(0.9)), load(velocity, o), share * load(delta, o)))
            store(velocity, o, v)
            store(weight, o, load(weight, o) + v)


@kernel(*CHAIN)
def chain(operation, value, velocity, wave, link, raw, dx, root):
    """Sixteen rows of weights at a time: first what they hand down, then their update, while they are in the cache."""
    inputs, width, hat = operation[op.IN], operation[op.WIDTH], at(wave, operation[op.CACHE])
    x, weight, momentum = at(wave, operation[op.X]), at(value, operation[op.WEIGHT]), at(velocity, operation[op.WEIGHT])
    if operation[op.NORMALIZE]:
        normalize_back(raw, operation[op.UNITS], hat)
        normalize_back(link, operation[op.UNITS], hat)
    most, limit = splat(F(0.0)), splat(F(10.0))
    for o in range(0, width, WIDTH):
        most = maximum(most, absolute(load(raw, o)))
    largest_delta, largest_x = largest(most), F(0.0)
    for k in range(inputs):
        largest_x = max(largest_x, abs(x[k]))
    clipped = not largest_x * largest_delta <= F(1.0)
    k = 0
    while k + WIDTH <= inputs:
        start = k * width
        store(dx, k, clip(splat(root) * totals(dots(at(weight, start), width, link, width)), limit))
        for i in range(k, k + WIDTH):
            move_weights(at(weight, i * width), at(momentum, i * width), x[i], raw, width, clipped)
        k += WIDTH
    while k < inputs:
        start = k * width
        dx[k] = clip_number(root * dot(at(weight, start), link, width), F(10.0))
        move_weights(at(weight, start), at(momentum, start), x[k], raw, width, clipped)
        k += 1
    bias = at(value, operation[op.BIAS])
    for o in range(0, width, WIDTH):
        store(bias, o, load(bias, o) + clip(load(raw, o), splat(F(1.0))))


@kernel(*TRANSPOSE)
def transpose(operation, block, wave, goal, total, size):
    """total = W goal and size = |W| 1: the legacy rule looks past the normalisation."""
    inputs, width, weight, k = operation[op.IN], operation[op.WIDTH], at(block, operation[op.WEIGHT]), 0
    transposed(weight, goal, 0, total, 0, 1, inputs, width, False)
    while k + WIDTH <= inputs:
        store(size, k, totals(sizes(at(weight, k * width), width, goal, width)))
        k += WIDTH
    while k < inputs:
        size[k] = F(0.0)
        for o in range(k * width, (k + 1) * width):
            size[k] += abs(weight[o])
        k += 1
