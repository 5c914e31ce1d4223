"""Operations on a CPU (numba): firing them, alone and all together, and taking an error back through them.

The meaning of each function is that of the torch modules in `reference`.
"""

from __future__ import annotations

import numpy as np

from brains.kernels import layout as at
from brains.kernels.compile import jit, stateful
from brains.kernels.cpu_attention import back_attention, fire_attention
from brains.kernels.cpu_math import (
    activate,
    add_outer,
    affine,
    affine_pair,
    matrix,
    normalize,
    normalize_gradient,
    transposed,
)
from brains.kernels.cpu_others import (
    back_conv2d,
    back_layer_norm,
    back_swiglu,
    fire_conv2d,
    fire_layer_norm,
    fire_swiglu,
    spread_conv2d,
)
from brains.kernels.cpu_recurrent import back_lstm, back_rnn, fire_lstm, fire_rnn

F = np.float32


@jit
def weight_of(op, block):
    """The (in, width) weight view of a dense operation in a parameter block."""
    return matrix(block, op[at.WEIGHT], op[at.IN], op[at.WIDTH])


@jit
def bias_of(op, block):
    """The bias view of an operation in a parameter block."""
    return block[op[at.BIAS] : op[at.END]]


@jit
def output_of(op, row):
    """The (width,) view of an operation's output in a row of activity."""
    return row[op[at.Y] : op[at.Y] + op[at.WIDTH]]


@jit
def hat_of(op, row):
    """The normalised pre-activations of a dense operation in a row of activity, and 1 / deviation at the end."""
    return row[op[at.CACHE] : op[at.CACHE] + op[at.WIDTH] + at.PAD]


@jit
def finish(op, row):
    """From a dense operation's product, or another's output, to what the next layer sees."""
    y = output_of(op, row)
    if op[at.NORMALIZE]:
        normalize(y, op[at.UNITS], hat_of(op, row))
    activate(op[at.ACTIVATION], y, op[at.UNITS])


@jit
def move(op, x, row):
    """y (+)= x times the factor at GATE, over DIVISOR."""
    factor = F(1.0) / F(op[at.DIVISOR])
    if op[at.GATE] >= 0:
        factor *= row[op[at.GATE]]
    y = row[op[at.Y] : op[at.Y] + op[at.UNITS]]
    for k in range(op[at.UNITS]):
        y[k] = factor * x[k] + (y[k] if op[at.ONTO] else F(0.0))


@stateful
def fire_stateful(op, block, x, row):
    """Fire an operation that carries a state."""
    kind = op[at.TYPE]
    if kind == at.RNN:
        fire_rnn(op, block, x, row)
    elif kind == at.LSTM:
        fire_lstm(op, block, x, row)
    elif kind == at.ATTENTION:
        fire_attention(op, block, x, row)


@jit
def fire(op, block, source, target):
    """Fire one operation: it reads its input in `target`, if that is of this tick, else in `source`."""
    x = target[op[at.X] :] if op[at.WITHIN] else source[op[at.X] :]
    kind = op[at.TYPE]
    if kind == at.DENSE:
        affine(weight_of(op, block), bias_of(op, block), x, output_of(op, target))
    elif kind == at.MOVE:
        move(op, x, target)
    elif kind == at.CONV2D:
        fire_conv2d(op, block, x, target)
    elif kind == at.LAYER_NORM:
        fire_layer_norm(op, block, x, target)
    elif kind == at.SWIGLU:
        fire_swiglu(op, block, x, target)
    else:
        fire_stateful(op, block, x, target)
    finish(op, target)


@jit
def carry(operations, before, now):
    """Let every operation start in `now` from the state it left in `before`."""
    for i in range(operations.shape[0]):
        op = operations[i]
        for k in range(op[at.STATE_SIZE]):
            now[op[at.BEFORE] + k] = before[op[at.AFTER] + k]


@jit
def forward(operations, block, source, target, age):
    """Fire everything once, into `target`: with source = target an ordinary forward pass; with source = the row of the
    previous tick one stepping tick, in which a state advances only once a wave has come as far as its layer (`age`)."""
    for i in range(operations.shape[0]):
        op = operations[i]
        fire(op, block, source, target)
        if age < op[at.STAGE]:
            target[op[at.AFTER] : op[at.AFTER] + op[at.STATE_SIZE]] = F(0.0)


@jit
def forward_pair(operations, block, source, target, fresh, age):
    """A stepping tick from `source` to `target`, and an ordinary forward pass of the same input and states in `fresh`,
    in one pass over the weights of dense layers. The first stage does the same in both."""
    for i in range(operations.shape[0]):
        op = operations[i]
        if op[at.STAGE] == 0:
            fire(op, block, source, target)
            fresh[op[at.Y] : op[at.Y] + op[at.SPAN]] = target[op[at.Y] : op[at.Y] + op[at.SPAN]]
        elif op[at.TYPE] == at.DENSE:
            x = target[op[at.X] :] if op[at.WITHIN] else source[op[at.X] :]
            y, v = output_of(op, target), output_of(op, fresh)
            affine_pair(weight_of(op, block), bias_of(op, block), x, y, fresh[op[at.X] :], v)
            finish(op, target)
            finish(op, fresh)
        else:
            fire(op, block, source, target)
            fire(op, block, fresh, fresh)
        if age < op[at.STAGE]:
            target[op[at.AFTER] : op[at.AFTER] + op[at.STATE_SIZE]] = F(0.0)


@jit
def accumulate(op, gradient, x, delta):
    """gradient += (x outer delta, delta) for a dense operation's (weight, bias)."""
    add_outer(weight_of(op, gradient), x, delta)
    bias = bias_of(op, gradient)
    for o in range(delta.size):
        bias[o] += delta[o]


@stateful
def back_stateful(op, block, row, x, delta, dx, gradient, work, into_x, into_parameters):
    """`back` for an operation that carries a state, which is a constant."""
    kind = op[at.TYPE]
    if kind == at.RNN:
        back_rnn(op, block, row, x, delta, dx, gradient, work, into_x, into_parameters)
    elif kind == at.LSTM:
        back_lstm(op, block, row, x, delta, dx, gradient, work, into_x, into_parameters)
    elif kind == at.ATTENTION:
        back_attention(op, block, row, x, delta, dx, gradient, work, into_x, into_parameters)


@jit
def back(op, block, row, delta, dx, gradient, work, into_x, into_parameters):
    """The vector-Jacobian product of an operation at the activations in `row`; delta (width,) belongs to its output
    before the activation. Writes dx (in,) and adds to `gradient`, as wanted."""
    x, kind = row[op[at.X] :], op[at.TYPE]
    if kind == at.DENSE:
        if op[at.NORMALIZE]:
            normalize_gradient(delta, op[at.UNITS], hat_of(op, row))
        if into_x:
            transposed(weight_of(op, block), delta, dx, F(1.0), F(0.0))
        if into_parameters:
            accumulate(op, gradient, x, delta)
    elif kind == at.CONV2D:
        back_conv2d(op, block, row, x, delta, dx, gradient, work, into_x, into_parameters)
    elif kind == at.LAYER_NORM:
        back_layer_norm(op, block, row, x, delta, dx, gradient, work, into_x, into_parameters)
    elif kind == at.SWIGLU:
        back_swiglu(op, block, row, x, delta, dx, gradient, work, into_x, into_parameters)
    else:
        back_stateful(op, block, row, x, delta, dx, gradient, work, into_x, into_parameters)


@jit
def transpose(op, block, row, t, delta, dx, gradient, work, total, size):
    """total (in,) = W t and size = |W| 1 for the transposed Jacobian W of an operation that is not dense."""
    if op[at.IN] == op[at.UNITS]:  # targets pass through
        total[: t.size] = t
        size[:] = F(1.0)
    elif op[at.TYPE] == at.CONV2D:
        spread_conv2d(op, block, t, total, size)
    else:
        for o in range(op[at.UNITS]):
            delta[:] = F(0.0)
            delta[o] = F(1.0)
            back(op, block, row, delta, dx, gradient, work, True, False)
            for k in range(op[at.IN]):
                total[k] += dx[k] * t[o]
                size[k] += abs(dx[k])
