"""What recurrent layers share (see `layers.recurrent`): the products of a step, forward and back."""

from __future__ import annotations

from agentsim.compiled.jit import inline
from agentsim.compiled.pointers import at
from brains.kernels.cpu.mathematics import add_numbers, padded
from brains.kernels.cpu.products import add_outer, add_product, affine, transposed
from brains.kernels.cpu.signatures import INTO_PARAMETERS, INTO_X
from brains.kernels.program import op

STEPS, FEATURES, HIDDEN = op.D1, op.D2, op.D3


@inline
def previous(operation, row, step):
    """The hidden state that a step starts from."""
    units = operation[HIDDEN]
    return at(row, operation[op.BEFORE] if step == 0 else operation[op.Y] + (step - 1) * units)


@inline
def product(operation, block, x, row, step, gates, z):
    """z = x_s Wx + h_(s-1) Wh + b of a step, for so many gates."""
    width, features, units = gates * padded(operation[HIDDEN]), operation[FEATURES], operation[HIDDEN]
    weight, h = at(block, operation[op.WEIGHT]), previous(operation, row, step)
    affine(weight, at(block, operation[op.BIAS]), at(x, step * features), 0, z, 0, 1, features, width)
    add_product(z, 0, z, 0, h, 0, 1, at(weight, features * width), width, 1, units, width)


@inline
def product_back(operation, block, row, x, step, gates, dz, dh, dx, gradient, wants):
    """From dz of a step to dh of the one before, to its dx and to what is added to the gradient, as wanted."""
    width, features, units = gates * padded(operation[HIDDEN]), operation[FEATURES], operation[HIDDEN]
    weight, start = at(block, operation[op.WEIGHT]), step * features
    if wants & INTO_X:
        transposed(weight, dz, 0, at(dx, start), 0, 1, features, width, False)
    transposed(at(weight, features * width), dz, 0, dh, 0, 1, units, width, False)
    if wants & INTO_PARAMETERS:
        into = at(gradient, operation[op.WEIGHT])
        add_outer(into, at(x, start), 0, dz, 0, 1, features, width)
        add_outer(at(into, features * width), previous(operation, row, step), 0, dz, 0, 1, units, width)
        add_numbers(at(gradient, operation[op.BIAS]), dz, width)


@inline
def input_of(operation, source, source_stride, row, r):
    """The input of an operation in row r."""
    return at(row if operation[op.WITHIN] else at(source, r * source_stride), operation[op.X])
