"""Updates on a CPU (numba): from gathered gradients to new weights, and the guard against what is not finite."""

from __future__ import annotations

import math

import numpy as np

from brains.kernels import layout as at
from brains.kernels.compile import jit
from brains.kernels.cpu_math import LARGEST, clip, finite, flush, is_finite, matrix

F = np.float32


@jit
def update_tween(op, own, x, delta):
    """A dense operation: b += clip(delta); v = 0.9 v + 0.1 clip(x delta); W += v. Where no product can reach the clip,
    it is left out."""
    weight = matrix(own[at.VALUE], op[at.WEIGHT], op[at.IN], op[at.WIDTH])
    velocity = matrix(own[at.MOMENT1], op[at.WEIGHT], op[at.IN], op[at.WIDTH])
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
    bias = own[at.VALUE, op[at.BIAS] : op[at.END]]
    for o in range(delta.size):
        bias[o] += clip(delta[o], F(1.0))


@jit
def update_span(op, own, mean, limit):
    """An operation's parameters: b += clip(g_b); v = 0.9 v + 0.1 clip(g_W); W += v, with g = mean x gradient."""
    start, stop = op[at.WEIGHT], op[at.BIAS]
    value, gradient, velocity = own[at.VALUE, start:stop], own[at.GRADIENT, start:stop], own[at.MOMENT1, start:stop]
    for k in range(value.size):
        velocity[k] = flush(F(0.9) * velocity[k] + F(0.1) * clip(mean * gradient[k], limit))
        value[k] += velocity[k]
    bias, bias_gradient = own[at.VALUE, stop : op[at.END]], own[at.GRADIENT, stop : op[at.END]]
    for o in range(bias.size):
        bias[o] += clip(mean * bias_gradient[o], limit)


@jit
def apply_tween(operations, options, own, mean):
    """`update_span` for every operation; only tween_chain clips."""
    limit = F(1.0) if options[at.RULE] == at.TWEEN_CHAIN else F(LARGEST)
    for i in range(operations.shape[0]):
        update_span(operations[i], own, mean, limit)


@jit
def apply_gradient(options, numbers, counters, own, mean):
    """SGD with momentum (torch.optim.SGD) or Adam (torch.optim.Adam), after clipping the gradient's norm to CLIP.

    Like torch's, the moments are those of the gradient of descent, so that backends can be changed in mid-life.
    Returns whether the gradient was finite; nothing is changed if it was not.
    """
    value, gradient, first, second = own[at.VALUE], own[at.GRADIENT], own[at.MOMENT1], own[at.MOMENT2]
    square = F(0.0)
    for k in range(value.size):
        square += gradient[k] * gradient[k]
    norm = mean * math.sqrt(square)
    if not is_finite(norm):
        return False
    scale = mean
    if numbers[at.CLIP] > F(0.0) and norm > numbers[at.CLIP]:
        scale = mean * numbers[at.CLIP] / (norm + F(1e-6))
    rate = numbers[at.RATE]
    counters[at.ADAM_STEP] += 1
    if options[at.OPTIMIZER] == at.ADAM:
        beta1, beta2 = numbers[at.BETA1], numbers[at.BETA2]
        step = float(counters[at.ADAM_STEP])
        first_scale = F(float(rate) / (1.0 - float(beta1) ** step))
        second_scale = F(1.0 / math.sqrt(1.0 - float(beta2) ** step))
        for k in range(value.size):
            # not b v + (1 - b) x, which the compiler turns into x + b (v - x): that cancels
            g = -scale * gradient[k]
            first[k] = flush(first[k] + (F(1.0) - beta1) * (g - first[k]))
            second[k] = flush(second[k] + (F(1.0) - beta2) * (g * g - second[k]))
            value[k] -= first_scale * first[k] / (math.sqrt(second[k]) * second_scale + numbers[at.EPSILON])
    else:
        for k in range(value.size):
            first[k] = flush(numbers[at.MOMENTUM] * first[k] - scale * gradient[k])
            value[k] -= rate * first[k]
    return True


@jit
def roll_back(own):
    """Return to the last good snapshot."""
    for block in range(at.VALUE, at.FIRST_GOOD):
        own[block] = own[at.FIRST_GOOD + block]


@jit
def single(options):
    """Whether every sample is an update of its own under tween_chain, applied as soon as its errors are known."""
    return options[at.RULE] == at.TWEEN_CHAIN and options[at.PER_STEP] == 0 and options[at.SCHEDULE] != at.ACCUMULATE


@jit
def apply(operations, options, numbers, counters, own, count):
    """Turn the gradient gathered from `count` samples into one update. Returns 1 if it had to be rolled back."""
    if single(options):
        return guard(options, counters, own)
    mean = F(1.0) / F(count)
    good = True
    if options[at.RULE] == at.BACKPROP:
        good = apply_gradient(options, numbers, counters, own, mean)
    else:
        apply_tween(operations, options, own, mean)
    own[at.GRADIENT] = F(0.0)
    if not good:
        roll_back(own)
        return 1
    return guard(options, counters, own)


@jit
def guard(options, counters, own):
    """Every SNAPSHOT_EVERY updates take a snapshot of what is finite, or go back to the last. Returns 1 if it did.

    Between two snapshots a parameter that is not finite shows in the activations of the next tick, where act guards.
    """
    counters[at.SINCE_SNAPSHOT] += 1
    if counters[at.SINCE_SNAPSHOT] < options[at.SNAPSHOT_EVERY]:
        return 0
    counters[at.SINCE_SNAPSHOT] = 0
    blocks = 3 if options[at.OPTIMIZER] == at.ADAM else 2
    for block in range(blocks):
        if not finite(own[block]):
            roll_back(own)
            return 1
    for block in range(blocks):
        own[at.FIRST_GOOD + block] = own[block]
    return 0
