"""A move: numbers carried from one place in a row to another, scaled, or weighed by a gate (see `layers.parallel`)."""

from __future__ import annotations

import numpy as np

from agentsim.compiled.jit import inline, kernel
from agentsim.compiled.pointers import at
from brains.kernels.cpu.mathematics import clear_padding
from brains.kernels.cpu.signatures import FIRE
from brains.kernels.program import op

F = np.float32


@kernel(*FIRE)
def fire(operation, block, source, source_stride, target, target_stride, count):
    """y (+)= x times the factor at GATE, over DIVISOR."""
    for r in range(count):
        row = at(target, r * target_stride)
        x = at(row if operation[op.WITHIN] else at(source, r * source_stride), operation[op.X])
        y, factor = at(row, operation[op.Y]), F(1.0) / F(operation[op.DIVISOR])
        if operation[op.GATE] >= 0:
            factor *= row[operation[op.GATE]]
        for k in range(operation[op.UNITS]):
            y[k] = factor * x[k] + y[k] if operation[op.ONTO] else factor * x[k]


@inline
def hand_back(operation, wave, error):
    """One row: the error of what a move has read, and of the gate it read it through."""
    x, e = at(wave, operation[op.X]), at(error, operation[op.Y])
    dx, factor = at(error, operation[op.X]), F(1.0) / F(operation[op.DIVISOR])
    if operation[op.GATE] >= 0:
        along = F(0.0)
        for k in range(operation[op.UNITS]):
            along += e[k] * x[k]
        error[operation[op.GATE]] = along * factor
        factor *= wave[operation[op.GATE]]
    for k in range(operation[op.UNITS]):
        dx[k] = factor * e[k] + dx[k] if operation[op.ADDS] else factor * e[k]
    if not operation[op.ADDS]:
        clear_padding(dx, operation[op.UNITS])


@inline
def gate_goal(operation, wave, goals):
    """One row: the legacy target of the gate that a move has read through, whose Jacobian is what was moved."""
    if operation[op.GATE] >= 0:
        along, size = F(0.0), F(0.0)
        for k in range(operation[op.UNITS]):
            along += goals[operation[op.Y] + k] * wave[operation[op.X] + k]
            size += abs(wave[operation[op.X] + k])
        goals[operation[op.GATE]] = along / size if size > F(0.01) else F(0.0)
