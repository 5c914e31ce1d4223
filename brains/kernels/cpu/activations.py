"""Activations, forward and back.

`activate_KIND(y, units, width, stride, count)` applies one in place to `count` rows of `width` numbers, of which the
first `units` mean something. `slope_KIND(y, y_stride, delta, delta_stride, units, width, count, more)` takes an error
delta of the outputs y back through it, in place; the smooth ones add `more` to their derivative (Neural Tween's 0.01).
Those that have no slope are straight: linear, and the soft-max whose loss is a cross-entropy.
"""

from __future__ import annotations

import numpy as np

from agentsim.compiled.jit import inline, kernel
from agentsim.compiled.pointers import at
from agentsim.compiled.vectors import WIDTH, absolute, fma, load, splat, store, where_less
from brains.kernels.cpu.mathematics import exponential, logarithm_of_one_more, maximum, sigmoid, tanh
from brains.kernels.cpu.signatures import ACTIVATE, SLOPE

F = np.float32


@kernel(*ACTIVATE)
def activate_tanh(y, units, width, stride, count):
    """(e^2y - 1) / (e^2y + 1)."""
    for r in range(count):
        row = at(y, r * stride)
        for o in range(0, width, WIDTH):
            store(row, o, tanh(load(row, o)))


@kernel(*SLOPE)
def slope_tanh(y, y_stride, delta, delta_stride, units, width, count, more):
    """1 - y^2."""
    for r in range(count):
        out, d = at(y, r * y_stride), at(delta, r * delta_stride)
        for o in range(0, width, WIDTH):
            a = load(out, o)
            store(d, o, load(d, o) * (splat(F(1.0) + more) - a * a))


@kernel(*ACTIVATE)
def activate_sigmoid(y, units, width, stride, count):
    """1 / (1 + e^-y)."""
    for r in range(count):
        row = at(y, r * stride)
        for o in range(0, width, WIDTH):
            store(row, o, sigmoid(load(row, o)))


@kernel(*SLOPE)
def slope_sigmoid(y, y_stride, delta, delta_stride, units, width, count, more):
    """y (1 - y)."""
    for r in range(count):
        out, d = at(y, r * y_stride), at(delta, r * delta_stride)
        for o in range(0, width, WIDTH):
            a = load(out, o)
            store(d, o, load(d, o) * fma(a, splat(F(1.0)) - a, splat(more)))


@kernel(*ACTIVATE)
def activate_leaky_relu(y, units, width, stride, count):
    """y, or a tenth of it below 0."""
    for r in range(count):
        row = at(y, r * stride)
        for o in range(0, width, WIDTH):
            a = load(row, o)
            store(row, o, maximum(a, splat(F(0.1)) * a))


@kernel(*SLOPE)
def slope_leaky_relu(y, y_stride, delta, delta_stride, units, width, count, more):
    """1, or 0.1 below 0."""
    for r in range(count):
        out, d = at(y, r * y_stride), at(delta, r * delta_stride)
        for o in range(0, width, WIDTH):
            slope = where_less(load(out, o), splat(F(0.0)), splat(F(0.1)), splat(F(1.0)))
            store(d, o, load(d, o) * slope)


@kernel(*ACTIVATE)
def activate_scaled_relu(y, units, width, stride, count):
    """1.1 y, or 0 below 0; NaN stays NaN."""
    for r in range(count):
        row = at(y, r * stride)
        for o in range(0, width, WIDTH):
            store(row, o, maximum(splat(F(1.1)) * load(row, o), splat(F(0.0))))


@kernel(*SLOPE)
def slope_scaled_relu(y, y_stride, delta, delta_stride, units, width, count, more):
    """1.1 above 0, else 0."""
    for r in range(count):
        out, d = at(y, r * y_stride), at(delta, r * delta_stride)
        for o in range(0, width, WIDTH):
            slope = where_less(splat(F(0.0)), load(out, o), splat(F(1.1)), splat(F(0.0)))
            store(d, o, load(d, o) * slope)


@kernel(*ACTIVATE)
def activate_softplus(y, units, width, stride, count):
    """ln(1 + e^y) = max(y, 0) + ln(1 + e^-|y|)."""
    for r in range(count):
        row = at(y, r * stride)
        for o in range(0, width, WIDTH):
            a = load(row, o)
            small = exponential(splat(F(0.0)) - absolute(a))
            store(row, o, maximum(a, splat(F(0.0))) + logarithm_of_one_more(small))


@kernel(*SLOPE)
def slope_softplus(y, y_stride, delta, delta_stride, units, width, count, more):
    """1 - e^-y; Neural Tween has the sigmoid of y in its place."""
    for r in range(count):
        out, d = at(y, r * y_stride), at(delta, r * delta_stride)
        for o in range(0, width, WIDTH):
            a = load(out, o)
            plain = splat(F(1.0)) - exponential(splat(F(0.0)) - a)
            store(d, o, load(d, o) * (sigmoid(a) + splat(more) if more > F(0.0) else plain))


@inline
def share(y, units, width, stride, count):
    """e^y over its sum, of the first `units` of each row."""
    for r in range(count):
        row = at(y, r * stride)
        most = row[0]
        for o in range(1, units):
            most = max(most, row[o]) if row[o] == row[o] else row[o]
        for o in range(0, width, WIDTH):
            store(row, o, exponential(load(row, o) - splat(most)))
        sum_of_all = F(0.0)
        for o in range(units):
            sum_of_all += row[o]
        for o in range(units):
            row[o] /= sum_of_all
        for o in range(units, width):
            row[o] = F(0.0)


@kernel(*ACTIVATE)
def activate_softmax(y, units, width, stride, count):
    """Shares, whose loss is a cross-entropy."""
    share(y, units, width, stride, count)


@kernel(*ACTIVATE)
def activate_shares(y, units, width, stride, count):
    """Shares, whose error is any."""
    share(y, units, width, stride, count)


@kernel(*SLOPE)
def slope_shares(y, y_stride, delta, delta_stride, units, width, count, more):
    """The Jacobian of shares: y (delta - y . delta)."""
    for r in range(count):
        out, d = at(y, r * y_stride), at(delta, r * delta_stride)
        along = F(0.0)
        for o in range(units):
            along += out[o] * d[o]
        for o in range(units):
            d[o] = out[o] * (d[o] - along)
        for o in range(units, width):
            d[o] = F(0.0)
