"""LayerNorm: as a layer of its own, and within a dense one (see `layers.layer_norm`)."""

from __future__ import annotations

import math

import numpy as np

from agentsim.compiled.jit import inline, kernel
from agentsim.compiled.pointers import at
from brains.kernels.cpu.mathematics import padded, product_of, sum_of
from brains.kernels.cpu.signatures import BACK, FIRE, INTO_PARAMETERS
from brains.kernels.program import activation, op

F = np.float32


@inline
def normalize(y, units, hat):
    """Parameter-free LayerNorm of y[:units] in place; hat keeps the result and, behind its padding, 1 / deviation."""
    mean = sum_of(y, units) / F(units)
    for o in range(units):
        y[o] -= mean
    variance = product_of(y, y, units) / F(units)
    inverse = F(1.0) / math.sqrt(variance + F(activation.LAYER_NORM_EPSILON))
    for o in range(units):
        y[o] *= inverse
        hat[o] = y[o]
    hat[padded(units) + op.PAD - 1] = inverse


@inline
def normalize_back(delta, units, hat):
    """delta <- delta times the Jacobian of LayerNorm at hat, in place: (d - mean d - hat mean(d hat)) / deviation."""
    mean, along = sum_of(delta, units) / F(units), product_of(delta, hat, units) / F(units)
    inverse = hat[padded(units) + op.PAD - 1]
    for o in range(units):
        delta[o] = (delta[o] - mean - hat[o] * along) * inverse


@kernel(*FIRE)
def fire(operation, block, source, source_stride, target, target_stride, count):
    """y = gain hat + bias."""
    units = operation[op.UNITS]
    gain, bias = at(block, operation[op.WEIGHT]), at(block, operation[op.BIAS])
    for r in range(count):
        row = at(target, r * target_stride)
        x = at(row if operation[op.WITHIN] else at(source, r * source_stride), operation[op.X])
        y, hat = at(row, operation[op.Y]), at(row, operation[op.CACHE])
        for o in range(units):
            y[o] = x[o]
        normalize(y, units, hat)
        for o in range(units):
            y[o] = gain[o] * hat[o] + bias[o]


@kernel(*BACK)
def back(operation, block, gradient, wave, stride, delta, dx, dx_stride, work, inner, count, wants):
    """The gain's gradient is delta hat, the bias's delta."""
    units, gain = operation[op.UNITS], at(block, operation[op.WEIGHT])
    gain_gradient, bias_gradient = at(gradient, operation[op.WEIGHT]), at(gradient, operation[op.BIAS])
    for r in range(count):
        d, x, hat = at(delta, r * inner), at(dx, r * dx_stride), at(wave, r * stride + operation[op.CACHE])
        for o in range(units):
            x[o] = gain[o] * d[o]
        normalize_back(x, units, hat)
        if wants & INTO_PARAMETERS:
            for o in range(units):
                gain_gradient[o] += d[o] * hat[o]
                bias_gradient[o] += d[o]
