"""The learning rules on a CPU (numba): what one sample says about every parameter.

Each adds to a gradient in the direction of ascent; error[L] = target - A[L]. The meaning of each function is the torch
function of the same name in `reference`.
"""

from __future__ import annotations

import math

import numpy as np

from brains.kernels import layout as at
from brains.kernels.compile import jit
from brains.kernels.cpu_layers import accumulate, back, fire, hat_of, output_of, transpose, weight_of
from brains.kernels.cpu_math import clip, derivative, normalize_gradient, padded, transposed
from brains.kernels.cpu_updates import update_span, update_tween

F = np.float32


@jit
def output_error(operations, options, wave, target, error):
    """error[L] = target - A[L], the ascent direction of all three losses at the output. Returns the loss."""
    op = operations[operations.shape[0] - 1]
    y, g = output_of(op, wave), output_of(op, error)
    g[:] = F(0.0)
    loss, right = F(0.0), F(0.0)
    for o in range(op[at.UNITS]):
        goal = target[o % target.size]
        if options[at.DISCRETE]:
            goal = F(1.0) if target[0] == F(o) else F(0.0)
        g[o] = goal - y[o]
        loss += g[o] * g[o]
        right += goal * y[o]
    if options[at.RULE] != at.BACKPROP:
        return loss
    if op[at.ACTIVATION] == at.SOFTMAX:
        return -math.log(max(right, F(1e-30)))
    return F(0.5) * loss


@jit
def delta_of(op, rule, wave, error, delta):
    """delta = error at the operation's output, taken back through its activation."""
    y, g = output_of(op, wave), output_of(op, error)
    if op[at.ACTIVATION] == at.SHARES:
        along = F(0.0)
        for o in range(op[at.UNITS]):
            along += y[o] * g[o]
        delta[:] = F(0.0)
        for o in range(op[at.UNITS]):
            delta[o] = y[o] * (g[o] - along)
        return
    derivative(op[at.ACTIVATION], y, rule, delta)
    for o in range(y.size):
        delta[o] *= g[o]


@jit
def clear_padding(op, error):
    """Zero what lies behind the operation's inputs in `error`, which the one below reads as part of its own output."""
    start = op[at.X] + op[at.IN]
    for k in range(start, start + (-op[at.IN]) % at.PAD):
        error[k] = F(0.0)


@jit
def send(op, dx, error, scale, limit):
    """Hand dx (in,), scaled and (limit > 0) clipped, to whoever wrote the operation's input."""
    e = error[op[at.X] : op[at.X] + op[at.IN]]
    for k in range(e.size):
        value = dx[k] * scale
        if limit > F(0.0):
            value = clip(value, limit)
        e[k] = value + (e[k] if op[at.ADDS] else F(0.0))
    clear_padding(op, error)


@jit
def move_back(op, wave, error):
    """The error of what a move has read, and of the gate it read it through."""
    factor = F(1.0) / F(op[at.DIVISOR])
    e, x = error[op[at.Y] : op[at.Y] + op[at.UNITS]], wave[op[at.X] : op[at.X] + op[at.UNITS]]
    if op[at.GATE] >= 0:
        total = F(0.0)
        for k in range(x.size):
            total += e[k] * x[k]
        error[op[at.GATE]] = total * factor
        factor *= wave[op[at.GATE]]
    send(op, e, error, factor, F(0.0))


@jit
def rooms(op, scratch):
    """Working space of an operation: (a delta (width,), another, an error of the inputs, the rest)."""
    width, inputs = padded(op[at.UNITS]), padded(op[at.IN])
    return (
        scratch[:width],
        scratch[width : 2 * width],
        scratch[2 * width : 2 * width + inputs],
        scratch[2 * width + inputs :],
    )


@jit
def back_now(op, block, row, kept, delta, dx, gradient, work, into_x, into_parameters, stale):
    """`back`; where `row` is `stale` (a live one, in which an operation has seen its input of the last tick and its
    reader its output) at the input as it stands there now, with the output left as it is."""
    if not stale or op[at.TYPE] == at.DENSE:
        back(op, block, row, delta, dx, gradient, work, into_x, into_parameters)
        return
    y = output_of(op, row)
    kept[:] = y
    fire(op, block, row, row)
    back(op, block, row, delta, dx, gradient, work, into_x, into_parameters)
    y[:] = kept


@jit
def backprop(operations, block, wave, error, gradient, scratch, stale):
    """The gradient of the loss through the activations in `wave`, added to `gradient`; error[L] is given."""
    for i in range(operations.shape[0] - 1, -1, -1):
        op = operations[i]
        if op[at.TYPE] == at.MOVE:
            move_back(op, wave, error)
            continue
        delta, kept, dx, work = rooms(op, scratch)
        delta_of(op, at.BACKPROP, wave, error, delta)
        if op[at.TYPE] == at.DENSE and not op[at.ADDS]:
            if op[at.NORMALIZE]:
                normalize_gradient(delta, op[at.UNITS], hat_of(op, wave))
            if op[at.X] > 0:
                transposed(weight_of(op, block), delta, error[op[at.X] :], F(1.0), F(0.0))
                clear_padding(op, error)
            accumulate(op, gradient, wave[op[at.X] :], delta)
            continue
        back_now(op, block, wave, kept, delta, dx, gradient, work, op[at.X] > 0, True, stale)
        if op[at.X] > 0:
            send(op, dx, error, F(1.0), F(0.0))


@jit
def sideways(operations, block, wave, error, side, gradient, scratch):
    """Depth-parallel backprop: d_i(t) = act'(A[i+1](t)) W_{i+1} d_{i+1}(t-1), one backward operation a tick.

    `side` carries d of the last tick, laid out like the outputs; error[L] is given; `wave` is a copy of a live row.
    """
    for i in range(operations.shape[0] - 1, -1, -1):
        op = operations[i]
        if op[at.X] == 0:
            continue
        delta, kept, dx, work = rooms(op, scratch)
        if op[at.TYPE] == at.MOVE:
            e = error[op[at.Y] : op[at.Y] + op[at.UNITS]]
            delta[: e.size] = e
            e[:] = side[op[at.Y] : op[at.Y] + op[at.UNITS]]
            move_back(op, wave, error)
            e[:] = delta[: e.size]
            continue
        delta[:] = output_of(op, side)
        back_now(op, block, wave, kept, delta, dx, gradient, work, True, False, True)
        send(op, dx, error, F(1.0), F(0.0))
    for i in range(operations.shape[0]):
        op = operations[i]
        delta, kept, dx, work = rooms(op, scratch)
        if op[at.TYPE] == at.MOVE:
            side[op[at.Y] : op[at.Y] + op[at.UNITS]] = error[op[at.Y] : op[at.Y] + op[at.UNITS]]
            continue
        delta_of(op, at.BACKPROP, wave, error, delta)
        output_of(op, side)[:] = delta
        back_now(op, block, wave, kept, delta, dx, gradient, work, False, True, True)


@jit
def tween_chain(operations, options, numbers, own, wave, error, health, scratch, at_once):
    """Neural Tween's chain of local errors; error[L] is given.

    R x l' and R l' are added to own[GRADIENT] or, at_once, applied operation by operation as the chain passes: the
    update of a single sample in one pass over the weights.
    """
    rate_now = numbers[at.RATE]
    if options[at.EXPLOSION] and health[at.MULTIPLIER] > F(0.0):
        rate_now *= health[at.MULTIPLIER]
    for i in range(operations.shape[0] - 1, -1, -1):
        op = operations[i]
        if op[at.TYPE] == at.MOVE:
            move_back(op, wave, error)
            continue
        raw, link, dx, work = rooms(op, scratch)
        scale = numbers[at.NUMBERS + 2 * i]
        rate = rate_now * numbers[at.NUMBERS + 2 * i + 1] * scale
        delta_of(op, at.TWEEN_CHAIN, wave, error, raw)
        for o in range(raw.size):
            link[o] = clip(raw[o] * scale, F(10.0))
        for o in range(raw.size):
            raw[o] *= rate
        root = F(1.0) / math.sqrt(F(op[at.UNITS]))
        if op[at.TYPE] == at.DENSE:
            if op[at.NORMALIZE]:
                normalize_gradient(raw, op[at.UNITS], hat_of(op, wave))
                normalize_gradient(link, op[at.UNITS], hat_of(op, wave))
            if op[at.ADDS]:
                transposed(weight_of(op, own[at.VALUE]), link, dx, root, F(10.0))
                send(op, dx, error, F(1.0), F(0.0))
            else:
                transposed(weight_of(op, own[at.VALUE]), link, error[op[at.X] :], root, F(10.0))
                clear_padding(op, error)
            if at_once:
                update_tween(op, own, wave[op[at.X] :], raw)
            else:
                accumulate(op, own[at.GRADIENT], wave[op[at.X] :], raw)
            continue
        back(op, own[at.VALUE], wave, link, dx, own[at.GRADIENT], work, True, False)
        send(op, dx, error, root, F(10.0))
        back(op, own[at.VALUE], wave, raw, dx, own[at.GRADIENT], work, False, True)
        if at_once:
            update_span(op, own, F(1.0), F(1.0))
            own[at.GRADIENT, op[at.WEIGHT] : op[at.END]] = F(0.0)
    if options[at.EXPLOSION]:
        watch(operations, wave, error, health)


@jit
def watch(operations, wave, error, health):
    """Explosion detection: from the mean squared gap between activations and the chain's targets to a slower rate."""
    total, links = F(0.0), 1
    for i in range(operations.shape[0]):
        op = operations[i]
        if op[at.TYPE] == at.MOVE:
            continue
        low, high = tween_bounds(op[at.ACTIVATION])
        gap = F(0.0)
        for k in range(op[at.X], op[at.X] + op[at.IN]):
            goal = wave[k] + F(0.1) * error[k]
            if high > F(1.0):
                goal = min(max(goal, -high), high)
            elif high > low:
                goal = min(max(goal, low), high)
            gap += (goal - wave[k]) * (goal - wave[k])
        total += gap / F(op[at.IN])
        links += 1
    last, gap = operations[operations.shape[0] - 1], F(0.0)
    for k in range(last[at.Y], last[at.Y] + last[at.UNITS]):
        gap += error[k] * error[k]
    gap = (total + gap / F(last[at.UNITS])) / F(links)
    count, before = health[at.GAPS], health[at.PREVIOUS_GAP]
    multiplier = health[at.MULTIPLIER] if health[at.MULTIPLIER] > F(0.0) else F(1.0)
    grows = before > F(0.0) and gap > F(1.5) * before
    if grows or (count >= F(10.0) and gap > health[at.BASELINE]):  # ten times the mean of ten
        health[at.STREAK] += F(1.0)
        streak = health[at.STREAK]
        multiplier *= F(0.3) if streak > F(10.0) else F(0.5) if streak > F(5.0) else F(0.7)
    else:
        health[at.STREAK] = F(0.0)
        multiplier *= F(1.05)
    if count < F(10.0):
        health[at.BASELINE] += gap
    health[at.GAPS] = min(count + F(1.0), F(10.0))
    health[at.PREVIOUS_GAP] = gap
    health[at.MULTIPLIER] = min(max(multiplier, F(0.01)), F(1.0))


@jit
def tween_bounds(kind):
    """The clamp of a legacy target by the activation of the operation that consumes it; (0, 0): none."""
    if kind == at.TANH:
        return F(-0.95), F(0.95)
    if kind == at.SIGMOID:
        return F(0.05), F(0.95)
    if kind in (at.LEAKY_RELU, at.SCALED_RELU):
        return F(0.0), F(10.0)
    return F(0.0), F(0.0)


@jit
def tween_goal(op, block, wave, t, delta, dx, gradient, work, goals):
    """T of the operation's input from T of its output: sum_b J_ba T_b / sum_b |J_ba|, clamped by its activation."""
    low, high = tween_bounds(op[at.ACTIVATION])
    inputs = padded(op[at.IN])
    total, size, work = work[:inputs], work[inputs : 2 * inputs], work[2 * inputs :]
    total[:] = F(0.0)
    size[:] = F(0.0)
    if op[at.TYPE] == at.DENSE:
        weight = weight_of(op, block)
        for k in range(op[at.IN]):
            for o in range(op[at.UNITS]):
                total[k] += weight[k, o] * t[o]
                size[k] += abs(weight[k, o])
    else:
        transpose(op, block, wave, t, delta, dx, gradient, work, total, size)
    for k in range(op[at.IN]):
        goal = total[k] / size[k] if size[k] > F(0.01) else F(0.0)
        dx[k] = min(max(goal, low), high) if high > low else goal
    send(op, dx, goals, F(1.0) / F(op[at.READERS]), F(0.0))


@jit
def gate_goal(op, wave, goals):
    """T of the gate that a move has read through, by the same rule: its Jacobian is what was moved."""
    total, size = F(0.0), F(0.0)
    for k in range(op[at.UNITS] if op[at.GATE] >= 0 else 0):
        total += goals[op[at.Y] + k] * wave[op[at.X] + k]
        size += abs(wave[op[at.X] + k])
    if op[at.GATE] >= 0:
        goals[op[at.GATE]] = total / size if size > F(0.01) else F(0.0)


@jit
def tween(operations, numbers, block, wave, goals, gradient, scratch):
    """The legacy layerwise heuristic, added to `gradient`; `goals` holds T[i] where wave holds A[i], T[L] given."""
    for i in range(operations.shape[0] - 1, -1, -1):
        op = operations[i]
        units = op[at.UNITS]
        if op[at.TYPE] == at.MOVE:
            gate_goal(op, wave, goals)
            send(op, goals[op[at.Y] :], goals, F(1.0) / F(op[at.READERS]), F(0.0))
            continue
        a, t = output_of(op, wave), output_of(op, goals)
        delta, _, dx, work = rooms(op, scratch)
        dot, norm_a, norm_t = F(0.0), F(0.0), F(0.0)
        for o in range(units):
            dot += a[o] * t[o]
            norm_a += a[o] * a[o]
            norm_t += t[o] * t[o]
        budget = F(0.5)
        if norm_a > F(0.001) and norm_t > F(0.001):
            budget = (dot / math.sqrt(norm_a * norm_t) + F(1.0)) * F(0.5)
        tween_goal(op, block, wave, t, delta, dx, gradient, work, goals)
        if budget >= F(0.2):
            rate = numbers[at.RATE] * numbers[at.NUMBERS + 2 * i + 1] * (F(0.5) + F(0.5) * budget)
            delta[:] = F(0.0)
            for o in range(units):
                delta[o] = F(0.01) * rate * (t[o] - a[o])
            bias = gradient[op[at.BIAS] : op[at.END]]
            if op[at.TYPE] == at.DENSE:
                accumulate(op, gradient, wave[op[at.X] :], delta)
                for o in range(units):
                    bias[o] += F(9.0) * delta[o]
                continue
            kept, work = work[: bias.size], work[bias.size :]
            kept[:] = bias
            bias[:] = F(0.0)
            back(op, block, wave, delta, dx, gradient, work, False, True)
            for k in range(bias.size):
                bias[k] = kept[k] + F(10.0) * bias[k]
