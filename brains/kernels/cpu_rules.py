"""The learning rules on a CPU (numba): what one sample says about every weight.

Each adds to a gradient in the direction of ascent; error[L] = target - A[L]. The meaning of each function is the torch
function of the same name in `reference`.
"""

from __future__ import annotations

import math

import numpy as np

from brains.kernels import layout as at
from brains.kernels.compile import jit
from brains.kernels.cpu_layers import bias_of, clip, derivative, flush, hat_of, normalize_gradient, output_of, weight_of

F = np.float32


@jit
def output_error(layers, options, wave, target, error):
    """error[L] = target - A[L], the ascent direction of all three losses at the output. Returns the loss."""
    layer = layers[layers.shape[0] - 1]
    y, g = output_of(layer, wave), output_of(layer, error)
    g[:] = F(0.0)
    loss, right = F(0.0), F(0.0)
    for o in range(layer[at.UNITS]):
        goal = target[o % target.size]
        if options[at.DISCRETE]:
            goal = F(1.0) if target[0] == F(o) else F(0.0)
        g[o] = goal - y[o]
        loss += g[o] * g[o]
        right += goal * y[o]
    if options[at.RULE] != at.BACKPROP:
        return loss
    if layer[at.ACTIVATION] == at.SOFTMAX:
        return -math.log(max(right, F(1e-30)))
    return F(0.5) * loss


@jit
def delta_of(layer, rule, wave, error, delta):
    """delta = error at the layer's output, taken back through its activation (and LayerNorm for backprop)."""
    y, g = output_of(layer, wave), output_of(layer, error)
    derivative(layer[at.ACTIVATION], y, rule, delta)
    for o in range(y.size):
        delta[o] *= g[o]


@jit
def transposed(weight, delta, x, scale, limit):
    """x[k] = scale sum_o W[k, o] delta[o], clipped to +-limit where limit > 0; four rows at a time, as in affine."""
    rows = weight.shape[0]
    whole = rows - rows % 4
    for k in range(0, whole, 4):
        x0, x1, x2, x3 = F(0.0), F(0.0), F(0.0), F(0.0)
        for o in range(delta.size):
            x0 += weight[k, o] * delta[o]
            x1 += weight[k + 1, o] * delta[o]
            x2 += weight[k + 2, o] * delta[o]
            x3 += weight[k + 3, o] * delta[o]
        x[k], x[k + 1], x[k + 2], x[k + 3] = x0 * scale, x1 * scale, x2 * scale, x3 * scale
    for k in range(whole, rows):
        total = F(0.0)
        for o in range(delta.size):
            total += weight[k, o] * delta[o]
        x[k] = total * scale
    if limit > F(0.0):
        for k in range(rows):
            x[k] = clip(x[k], limit)


@jit
def accumulate(layer, gradient, x, delta):
    """gradient += (x outer delta, delta) for the layer's (weight, bias)."""
    weight, bias = weight_of(layer, gradient), bias_of(layer, gradient)
    for k in range(weight.shape[0]):
        xk = x[k]
        for o in range(delta.size):
            weight[k, o] += xk * delta[o]
    for o in range(delta.size):
        bias[o] += delta[o]


@jit
def clear_padding(layer, error):
    """Zero what lies behind the layer's inputs in `error`, which the layer below reads as part of its own output."""
    start = layer[at.X] + layer[at.IN]
    for k in range(start, start + (-layer[at.IN]) % at.PAD):
        error[k] = F(0.0)


@jit
def backprop(layers, block, wave, error, gradient, scratch):
    """The gradient of the loss through the activations in `wave`, added to `gradient`; error[L] is given."""
    for i in range(layers.shape[0] - 1, -1, -1):
        layer = layers[i]
        delta = scratch[: layer[at.WIDTH]]
        delta_of(layer, at.BACKPROP, wave, error, delta)
        if layer[at.NORMALIZE]:
            normalize_gradient(delta, layer[at.UNITS], hat_of(layer, wave))
        if i > 0:
            transposed(weight_of(layer, block), delta, error[layer[at.X] :], F(1.0), F(0.0))
            clear_padding(layer, error)
        accumulate(layer, gradient, wave[layer[at.X] :], delta)


@jit
def sideways(layers, block, wave, error, side, gradient, scratch):
    """Depth-parallel backprop: d_i(t) = act'(A[i+1](t)) W_{i+1} d_{i+1}(t-1), one backward layer a tick.

    `side` carries d of the last tick, laid out like the layers' outputs; error[L] is given.
    """
    for i in range(layers.shape[0]):
        layer = layers[i]
        delta = scratch[: layer[at.WIDTH]]
        if i + 1 < layers.shape[0]:
            above = layers[i + 1]
            transposed(weight_of(above, block), output_of(above, side), error[above[at.X] :], F(1.0), F(0.0))
            clear_padding(above, error)
        delta_of(layer, at.BACKPROP, wave, error, delta)
        if layer[at.NORMALIZE]:
            normalize_gradient(delta, layer[at.UNITS], hat_of(layer, wave))
        output_of(layer, side)[:] = delta
        accumulate(layer, gradient, wave[layer[at.X] :], delta)


@jit
def tween_chain(layers, numbers, own, wave, error, scratch, at_once):
    """Neural Tween's chain of local errors; error[L] is given.

    R x l' and R l' are added to own[GRADIENT] or, at_once, applied layer by layer as the chain passes: the update of a
    single sample in one pass over the weights.
    """
    for i in range(layers.shape[0] - 1, -1, -1):
        layer = layers[i]
        width = layer[at.WIDTH]
        raw, link = scratch[:width], scratch[width : 2 * width]
        scale = numbers[at.NUMBERS + 2 * i]
        rate = numbers[at.RATE] * numbers[at.NUMBERS + 2 * i + 1] * scale
        delta_of(layer, at.TWEEN_CHAIN, wave, error, raw)
        for o in range(width):
            link[o] = clip(raw[o] * scale, F(10.0))
        for o in range(width):
            raw[o] *= rate
        if layer[at.NORMALIZE]:
            normalize_gradient(raw, layer[at.UNITS], hat_of(layer, wave))
            normalize_gradient(link, layer[at.UNITS], hat_of(layer, wave))
        root = F(1.0) / math.sqrt(F(layer[at.UNITS]))
        transposed(weight_of(layer, own[at.VALUE]), link, error[layer[at.X] :], root, F(10.0))
        clear_padding(layer, error)
        if at_once:
            update_tween(layer, own, wave[layer[at.X] :], raw)
        else:
            accumulate(layer, own[at.GRADIENT], wave[layer[at.X] :], raw)


@jit
def update_tween(layer, own, x, delta):
    """b += clip(delta); v = 0.9 v + 0.1 clip(x delta); W += v. Where no product can reach the clip it is left out."""
    weight, bias = weight_of(layer, own[at.VALUE]), bias_of(layer, own[at.VALUE])
    velocity = weight_of(layer, own[at.MOMENT1])
    largest_x, largest_delta = F(0.0), F(0.0)
    for k in range(weight.shape[0]):
        largest_x = max(largest_x, abs(x[k]))
    for o in range(delta.size):
        largest_delta = max(largest_delta, abs(delta[o]))
    clipped = not largest_x * largest_delta <= F(1.0)
    for k in range(weight.shape[0]):
        xk = x[k]
        if clipped:
            for o in range(delta.size):
                velocity[k, o] = flush(F(0.9) * velocity[k, o] + F(0.1) * clip(xk * delta[o], F(1.0)))
                weight[k, o] += velocity[k, o]
        else:
            xk *= F(0.1)
            for o in range(delta.size):
                velocity[k, o] = flush(F(0.9) * velocity[k, o] + xk * delta[o])
                weight[k, o] += velocity[k, o]
    for o in range(delta.size):
        bias[o] += clip(delta[o], F(1.0))


@jit
def tween_bounds(kind):
    """The clamp of a legacy target by the activation of the layer that consumes it; (0, 0): none."""
    if kind == at.TANH:
        return F(-0.95), F(0.95)
    if kind == at.SIGMOID:
        return F(0.05), F(0.95)
    if kind in (at.LEAKY_RELU, at.SCALED_RELU):
        return F(0.0), F(10.0)
    return F(0.0), F(0.0)


@jit
def tween(layers, numbers, block, wave, goals, gradient, scratch):
    """The legacy layerwise heuristic, added to `gradient`; `goals` holds T[i] where wave holds A[i], T[L] given."""
    for i in range(layers.shape[0] - 1, -1, -1):
        layer = layers[i]
        units = layer[at.UNITS]
        a, t = output_of(layer, wave), output_of(layer, goals)
        delta = scratch[: layer[at.WIDTH]]
        dot, norm_a, norm_t = F(0.0), F(0.0), F(0.0)
        for o in range(units):
            dot += a[o] * t[o]
            norm_a += a[o] * a[o]
            norm_t += t[o] * t[o]
        budget = F(0.5)
        if norm_a > F(0.001) and norm_t > F(0.001):
            budget = (dot / math.sqrt(norm_a * norm_t) + F(1.0)) * F(0.5)
        weight = weight_of(layer, block)
        low, high = tween_bounds(layer[at.ACTIVATION])
        for k in range(layer[at.IN]):
            total, size = F(0.0), F(0.0)
            for o in range(units):
                total += weight[k, o] * t[o]
                size += abs(weight[k, o])
            goal = total / size if size > F(0.01) else F(0.0)
            goals[layer[at.X] + k] = min(max(goal, low), high) if high > low else goal
        if budget >= F(0.2):
            rate = numbers[at.RATE] * numbers[at.NUMBERS + 2 * i + 1] * (F(0.5) + F(0.5) * budget)
            delta[:] = F(0.0)
            for o in range(units):
                delta[o] = F(0.01) * rate * (t[o] - a[o])
            accumulate(layer, gradient, wave[layer[at.X] :], delta)
            bias = bias_of(layer, gradient)
            for o in range(units):
                bias[o] += F(9.0) * delta[o]
