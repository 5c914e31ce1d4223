"""From gathered gradients to new weights, and the guard against what is not finite."""

from __future__ import annotations

import math

import numpy as np

from agentsim.compiled.jit import inline
from agentsim.compiled.pointers import at, doubles, floats
from agentsim.compiled.vectors import WIDTH, fma, load, splat, square_root, store, total
from brains.kernels.cpu.mathematics import LARGEST, clip, copy, finite, flush, is_finite
from brains.kernels.cpu.network import operation_of
from brains.kernels.program import block, counter, op, option, rate

F = np.float32


@inline
def block_of(program, own, which):
    """One of a lane's blocks of parameters."""
    return at(own, which * program[option.BLOCK_SIZE])


@inline
def move_with_momentum(program, own, operation, mean, limit):
    """An operation's parameters: b += clip(g_b); v = 0.9 v + 0.1 clip(g_W); W += v, with g = mean x gradient, which is
    cleared on the way."""
    value, velocity = block_of(program, own, block.VALUE), block_of(program, own, block.MOMENT1)
    gradient, most, nothing = block_of(program, own, block.GRADIENT), splat(limit), splat(F(0.0))
    for k in range(operation[op.WEIGHT], operation[op.BIAS], WIDTH):
        step = splat(F(0.1)) * clip(splat(mean) * load(gradient, k), most)
        v = flush(fma(splat(F(0.9)), load(velocity, k), step))
        store(velocity, k, v)
        store(value, k, load(value, k) + v)
        store(gradient, k, nothing)
    for k in range(operation[op.BIAS], operation[op.END], WIDTH):
        store(value, k, load(value, k) + clip(splat(mean) * load(gradient, k), most))
        store(gradient, k, nothing)


@inline
def finish_with_momentum(program, own, counters, count, limit):
    """The update of `count` samples by velocities, where it has not been made AT_ONCE."""
    if not program[option.AT_ONCE]:
        for i in range(program[option.OPERATIONS]):
            move_with_momentum(program, own, operation_of(program, i), F(1.0) / F(count), limit)
    guard(program, counters, own)


@inline
def norm_of(gradient, size):
    """The Euclidean norm of a gradient, whose size is a multiple of a vector's."""
    squares = splat(F(0.0))
    for k in range(0, size, WIDTH):
        g = load(gradient, k)
        squares = fma(g, g, squares)
    return F(math.sqrt(total(squares)))


@inline
def move_by_gradient(program, counters, own, mean):
    """SGD with momentum (torch.optim.SGD) or Adam (torch.optim.Adam), after clipping the gradient's norm to CLIP.

    Like torch's, the moments are those of the gradient of descent, so that backends can be changed in mid-life.
    Returns whether the gradient was finite: then it is cleared on the way, otherwise nothing is changed.
    """
    rates, size = floats(program[option.RATES]), program[option.BLOCK_SIZE]
    value, gradient = block_of(program, own, block.VALUE), block_of(program, own, block.GRADIENT)
    first = block_of(program, own, block.MOMENT1)
    norm = mean * norm_of(gradient, size)
    if not is_finite(norm):
        return False
    scale = mean
    if rates[rate.CLIP] > F(0.0) and norm > rates[rate.CLIP]:
        scale = mean * rates[rate.CLIP] / (norm + F(1e-6))
    down, nothing = splat(-scale), splat(F(0.0))
    counters[counter.ADAM_STEP] += 1
    if program[option.OPTIMIZER] == option.ADAM:
        second = block_of(program, own, block.MOMENT2)
        steps = np.float64(counters[counter.ADAM_STEP])
        beta1, beta2 = rates[rate.BETA1], rates[rate.BETA2]
        first_scale = splat(F(np.float64(rates[rate.RATE]) / (1.0 - np.float64(beta1) ** steps)))
        second_scale = splat(F(1.0 / math.sqrt(1.0 - np.float64(beta2) ** steps)))
        keep1, keep2, epsilon = splat(beta1), splat(beta2), splat(rates[rate.EPSILON])
        take1, take2 = splat(F(1.0) - beta1), splat(F(1.0) - beta2)
        for k in range(0, size, WIDTH):
            g = down * load(gradient, k)
            store(gradient, k, nothing)
            m = flush(fma(keep1, load(first, k), take1 * g))
            v = flush(fma(keep2, load(second, k), take2 * (g * g)))
            store(first, k, m)
            store(second, k, v)
            step = first_scale * m / fma(square_root(v), second_scale, epsilon)
            store(value, k, load(value, k) - step)
    else:
        momentum, step = splat(rates[rate.MOMENTUM]), splat(rates[rate.RATE])
        for k in range(0, size, WIDTH):
            m = flush(fma(momentum, load(first, k), down * load(gradient, k)))
            store(first, k, m)
            store(value, k, load(value, k) - step * m)
            store(gradient, k, nothing)
    return True


@inline
def copy_block(program, own, source, target):
    """One of a lane's blocks over another."""
    copy(block_of(program, own, source), block_of(program, own, target), program[option.BLOCK_SIZE])


@inline
def roll_back(program, own):
    """Return to the last good snapshot, and count it."""
    doubles(program[option.RESULT])[option.ROLLBACKS] += 1.0
    copy_block(program, own, block.GOOD_VALUE, block.VALUE)
    copy_block(program, own, block.GOOD_MOMENT1, block.MOMENT1)
    if program[option.BLOCKS] == block.MANY:
        copy_block(program, own, block.GOOD_MOMENT2, block.MOMENT2)


@inline
def good(program, own):
    """Whether everything that a snapshot would keep is finite."""
    size = program[option.BLOCK_SIZE]
    fine = finite(block_of(program, own, block.VALUE), size) and finite(block_of(program, own, block.MOMENT1), size)
    if program[option.BLOCKS] == block.MANY:
        fine = fine and finite(block_of(program, own, block.MOMENT2), size)
    return fine


@inline
def keep(program, own):
    """Take a snapshot."""
    copy_block(program, own, block.VALUE, block.GOOD_VALUE)
    copy_block(program, own, block.MOMENT1, block.GOOD_MOMENT1)
    if program[option.BLOCKS] == block.MANY:
        copy_block(program, own, block.MOMENT2, block.GOOD_MOMENT2)


@inline
def guard(program, counters, own):
    """Every SNAPSHOT_EVERY updates take a snapshot of what is finite, or go back to the last, which is counted.

    Between two snapshots a parameter that is not finite shows in the activations of the next tick, where act guards.
    """
    counters[counter.SINCE_SNAPSHOT] += 1
    if counters[counter.SINCE_SNAPSHOT] < program[option.SNAPSHOT_EVERY]:
        return
    counters[counter.SINCE_SNAPSHOT] = 0
    if good(program, own):
        keep(program, own)
    else:
        roll_back(program, own)


UNLIMITED = F(LARGEST)
