"""A gate before learning: of the samples judged, those that surprise, or others for comparison, wait until they are a
batch."""

from __future__ import annotations

import numpy as np

from agentsim.compiled.jit import inline
from agentsim.compiled.pointers import at, floats
from brains.kernels.cpu.mathematics import copy, draw, fill, is_finite
from brains.kernels.cpu.settling import layer_of
from brains.kernels.program import gate
from brains.kernels.program import settling as of

F = np.float32
SURPRISE, LOSS_PROPORTIONAL, RANDOM, ALL = range(len(gate.CHOICES))
FINELY = 1 << 30  # parts of a unit interval


@inline
def passes(choice, cost, threshold, share, expensive, stream):
    """Whether a sample goes through, and the stream of chance; `expensive`: its cost over the usual one."""
    if choice in (RANDOM, LOSS_PROPORTIONAL):
        stream, part = draw(stream, FINELY)
        expected = share if choice == RANDOM else share * expensive
        return F(part) < expected * F(FINELY), stream
    return choice == ALL or cost >= threshold, stream


@inline
def choose(program, numbers):
    """Put the rows that go through behind those that wait; the mean follows each. What is not finite surprises none."""
    inputs, outputs = layer_of(program, 0), layer_of(program, program[of.DEPTH])
    each, size, choice = floats(program[of.EACH]), inputs[of.UNITS], program[of.CHOICE]
    for r in range(program[of.ROWS]):
        cost, usual = each[r], numbers[of.MEAN]
        if not is_finite(cost):
            continue
        threshold = min(numbers[of.KAPPA] * usual, numbers[of.CEILING])
        through, program[of.STREAM] = passes(
            choice, cost, threshold, numbers[of.SHARE], cost / usual, program[of.STREAM]
        )
        numbers[of.MEAN] = usual + numbers[of.FOLLOW] * (cost - usual)
        program[of.JUDGED] += 1
        if through:
            kept = at(floats(program[of.BUFFER]), program[of.HELD] * (size + 2))
            copy(at(floats(inputs[of.STATE]), r * inputs[of.WIDTH]), kept, size)
            target, label = at(floats(program[of.TARGET]), r * outputs[of.WIDTH]), 0
            for o in range(outputs[of.UNITS]):
                if target[o] > target[label]:
                    label = o
            kept[size], kept[size + 1] = F(label), cost
            program[of.HELD] += 1
            program[of.TAKEN] += 1


@inline
def release(program):
    """The ROWS that have waited longest become the batch, with one-hot targets; the others move up."""
    inputs, outputs = layer_of(program, 0), layer_of(program, program[of.DEPTH])
    size, rows, buffer = inputs[of.UNITS], program[of.ROWS], floats(program[of.BUFFER])
    for r in range(rows):
        kept = at(buffer, r * (size + 2))
        copy(kept, at(floats(inputs[of.STATE]), r * inputs[of.WIDTH]), size)
        target = at(floats(program[of.TARGET]), r * outputs[of.WIDTH])
        fill(target, F(0.0), outputs[of.UNITS])
        target[np.int64(kept[size])] = F(1.0)
    program[of.HELD] -= rows
    for k in range(program[of.HELD] * (size + 2)):
        buffer[k] = buffer[rows * (size + 2) + k]
