"""The legacy layerwise heuristic of Neural Tween (see `reference.tween`)."""

from __future__ import annotations

import math

import numpy as np

from agentsim.compiled.jit import inline, kernel
from agentsim.compiled.pointers import at, call, floats
from brains.kernels.cpu.mathematics import clear_padding, copy, fill, product_of
from brains.kernels.cpu.move import gate_goal
from brains.kernels.cpu.network import back, last_of, operation_of, scratch
from brains.kernels.cpu.signatures import INTO_PARAMETERS, INTO_X, PLAIN, SAMPLE, TRANSPOSE, UPDATE
from brains.kernels.cpu.updates import UNLIMITED, block_of, finish_with_momentum, move_with_momentum
from brains.kernels.program import activation, block, op, option, rate, row

F = np.float32


@inline
def bounds(kind):
    """The clamp of a legacy target by the activation of the operation that consumes it; (0, 0): none."""
    if kind == activation.TANH:
        return F(-0.95), F(0.95)
    if kind == activation.SIGMOID:
        return F(0.05), F(0.95)
    if kind in (activation.LEAKY_RELU, activation.SCALED_RELU):
        return F(0.0), F(10.0)
    return F(0.0), F(0.0)


@kernel(*TRANSPOSE)
def pass_through(operation, block, wave, goal, sums, sizes):
    """What stands for W where an operation other than a dense one has as many outputs as inputs: the identity."""
    copy(goal, sums, operation[op.IN])
    fill(sizes, 1.0, operation[op.IN])


@inline
def hand_goals(operation, said, goals):
    """What an operation says its input should be: to whoever wrote that input, the mean of all its readers."""
    x, share = at(goals, operation[op.X]), F(1.0) / F(operation[op.READERS])
    for k in range(operation[op.IN]):
        x[k] = said[k] * share + x[k] if operation[op.ADDS] else said[k] * share
    clear_padding(x, operation[op.IN])


@inline
def weigh(program, operation, value, gradient, wave, goal, sums, sizes, unit, live):
    """sums (in,) = W goal and sizes = |W| 1 for the transposed Jacobian W of an operation."""
    inputs, units = operation[op.IN], operation[op.UNITS]
    if operation[op.TRANSPOSE]:
        call(operation[op.TRANSPOSE], (operation, value, wave, goal, sums, sizes))
    else:
        dx = at(floats(program[option.WORK]), scratch(program, row.COLUMN))
        fill(sums, 0.0, inputs)
        fill(sizes, 0.0, inputs)
        for o in range(units):
            fill(unit, 0.0, operation[op.WIDTH])
            unit[o] = F(1.0)
            back(program, operation, value, gradient, wave, unit, dx, 0, 1, INTO_X, live)
            for k in range(inputs):
                sums[k] += dx[k] * goal[o]
                sizes[k] += abs(dx[k])


@inline
def one(program, own, wave, goals, live):
    """One sample: targets from the output down, T[L] in `goals`, and what each layer is to learn from its own."""
    work = floats(program[option.WORK])
    delta, sums = at(work, scratch(program, row.DELTA)), at(work, scratch(program, row.LINK))
    sizes = at(work, scratch(program, row.INPUT))
    value, gradient = block_of(program, own, block.VALUE), block_of(program, own, block.GRADIENT)
    rates = floats(program[option.RATES])
    for i in range(program[option.OPERATIONS] - 1, -1, -1):
        operation = operation_of(program, i)
        a, t = at(wave, operation[op.Y]), at(goals, operation[op.Y])
        if operation[op.TYPE] == op.MOVE:
            gate_goal(operation, wave, goals)
            hand_goals(operation, t, goals)
            continue
        inputs, units, width = operation[op.IN], operation[op.UNITS], operation[op.WIDTH]
        fill(at(t, units), 0.0, width - units)  # a gate's, which moves have written
        along, norm_a, norm_t = product_of(a, t, units), product_of(a, a, units), product_of(t, t, units)
        budget = F(0.5)
        if norm_a > F(0.001) and norm_t > F(0.001):
            budget = (along / F(math.sqrt(norm_a * norm_t)) + F(1.0)) * F(0.5)
        weigh(program, operation, value, gradient, wave, t, sums, sizes, delta, live)
        low, high = bounds(operation[op.ACTIVATION])
        for k in range(inputs):
            goal = sums[k] / sizes[k] if sizes[k] > F(0.01) else F(0.0)
            sums[k] = min(max(goal, low), high) if high > low else goal
        hand_goals(operation, sums, goals)
        if budget >= F(0.2):
            step = F(0.01) * rates[rate.RATE] * rates[rate.NUMBERS + 2 * i + 1] * (F(0.5) + F(0.5) * budget)
            for o in range(units):
                delta[o] = step * (t[o] - a[o])
            fill(at(delta, units), 0.0, width - units)
            # biases learn ten times as fast as weights
            bias, biases = at(gradient, operation[op.BIAS]), operation[op.END] - operation[op.BIAS]
            copy(bias, sums, biases)
            fill(bias, 0.0, biases)
            back(program, operation, value, gradient, wave, delta, sizes, 0, 1, INTO_PARAMETERS | PLAIN, live)
            for k in range(biases):
                bias[k] = sums[k] + F(10.0) * bias[k]
        if program[option.AT_ONCE]:
            move_with_momentum(program, own, operation, F(1.0), UNLIMITED)


@kernel(*SAMPLE)
def sample(program, own, wave, error, rows, count, live):
    """The raw update of `count` samples, one after the other."""
    last = last_of(program)
    for r in range(count):
        row_of, goals = at(wave, r * program[option.WORK_SIZE]), at(error, r * program[option.WORK_SIZE])
        for o in range(last[op.Y], last[op.Y] + last[op.UNITS]):
            goals[o] += row_of[o]
        one(program, own, row_of, goals, live)


@kernel(*UPDATE)
def update(program, own, counters, count):
    """v = 0.9 v + 0.1 g; W += v; b += g, g the mean of `count` samples."""
    finish_with_momentum(program, own, counters, count, UNLIMITED)
