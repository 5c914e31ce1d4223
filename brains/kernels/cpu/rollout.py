"""Lives of many small policies in a compiled world, sixteen at once, a member in each lane: a number of all lanes is
one vector, and a lane whose life is over takes the next one.

A policy is dense layers of rational tanh, and acts by the largest of its outputs.
"""

from __future__ import annotations

import numpy as np

from agentsim.compiled.jit import INTEGERS, inline, kernel
from agentsim.compiled.pointers import at, call, floats, integers
from agentsim.compiled.vectors import WIDTH, fma, load, splat, store, where_less
from brains.kernels.cpu.mathematics import rational_parts
from brains.kernels.program import rollout as of

F = np.float32


@inline
def _sums(weights, row, bias, inputs, heard):
    """z of two units whose weights lie one behind the other."""
    first, second = load(weights, bias * WIDTH), load(weights, (bias + 1) * WIDTH)
    for k in range(inputs):
        x = load(heard, k * WIDTH)
        first = fma(load(weights, (row + k) * WIDTH), x, first)
        second = fma(load(weights, (row + inputs + k) * WIDTH), x, second)
    return first, second


@inline
def _act(program, weights, actions, observations):
    """Actions of all lanes. Two units share a division, which costs more than all their products."""
    sizes, activity = integers(program[of.SIZES]), floats(program[of.ACTIVITY])
    heard, place, last = observations, 0, program[of.LAYERS] - 1
    for layer in range(program[of.LAYERS]):
        inputs, units = sizes[layer], sizes[layer + 1]
        found = at(activity, (layer % 2) * program[of.WIDTH] * WIDTH)
        biases = place + inputs * units
        for unit in range(0, units, 2):  # one too many, of an odd number, is computed and not looked at
            first, second = _sums(weights, place + unit * inputs, biases + unit, inputs, heard)
            if layer < last:
                over, under = rational_parts(first)
                other_over, other_under = rational_parts(second)
                inverse = splat(F(1.0)) / (under * other_under)
                first, second = over * (other_under * inverse), other_over * (under * inverse)
            store(found, unit * WIDTH, first)
            store(found, (unit + 1) * WIDTH, second)
        heard, place = found, biases + units
    best, which = load(heard, 0), splat(F(0.0))
    for unit in range(1, sizes[program[of.LAYERS]]):
        value = load(heard, unit * WIDTH)
        which = where_less(best, value, splat(F(unit)), which)
        best = where_less(best, value, value, best)
    store(activity, 0, which)
    for lane in range(WIDTH):
        actions[lane] = np.int64(activity[lane])


@inline
def _begin(program, world, lives, lane, job):
    """The life of a lane becomes that of a job, whose policy is put there if it is not."""
    jobs, members, begun = lives, at(lives, WIDTH), at(lives, 2 * WIDTH)
    member = job // program[of.EPISODES]
    if member != members[lane]:
        weights = at(floats(program[of.WEIGHTS]), lane)
        own = at(floats(program[of.MEMBERS]), member * program[of.PARAMETERS])
        for k in range(program[of.PARAMETERS]):
            weights[k * WIDTH] = own[k]
    jobs[lane], members[lane], begun[lane] = job, member, program[of.NOW]
    floats(program[of.EARNED])[lane] = F(0.0)
    world[of.LANE], world[of.KEY] = lane, integers(program[of.KEYS])[job]
    call(program[of.BEGIN], (world,))


@kernel(INTEGERS)
def run(program):
    """All jobs. A lane for which there is none any more lives a last one again, and nobody looks."""
    world, lives = integers(program[of.WORLD]), integers(program[of.LIVES])
    actions, observations = integers(world[of.ACTIONS]), floats(world[of.OBSERVATIONS])
    rewards, ended, earned = floats(world[of.REWARDS]), integers(world[of.ENDED]), floats(program[of.EARNED])
    begun, told = at(lives, 2 * WIDTH), at(lives, 3 * WIDTH)  # told: whether anybody looks
    total = program[of.JOBS]
    for lane in range(WIDTH):
        lives[WIDTH + lane] = -1
        told[lane] = 1 if lane < total else 0
        _begin(program, world, lives, lane, min(lane, total - 1))
    living = following = min(WIDTH, total)
    while living > 0:
        _act(program, floats(program[of.WEIGHTS]), actions, observations)
        call(program[of.ADVANCE], (world,))
        program[of.NOW] += 1
        store(earned, 0, load(earned, 0) + load(rewards, 0))
        over = 0
        for lane in range(WIDTH):
            over |= ended[lane]
        if over == 0:
            continue
        for lane in range(WIDTH):
            if ended[lane] == 0:
                continue
            if told[lane]:
                floats(program[of.RETURNS])[lives[lane]] = earned[lane]
                integers(program[of.STEPS])[lives[lane]] = program[of.NOW] - begun[lane]
                if following == total:
                    told[lane] = 0
                    living -= 1
            _begin(program, world, lives, lane, min(following, total - 1))
            following = min(following + told[lane], total)


@kernel(INTEGERS)
def answer(program):
    """What every policy does at what it sees: JOBS of them, in whole blocks of sixteen, a block of WEIGHTS after the
    other; MEMBERS is what is seen, (JOBS, observation), STEPS the actions (JOBS,) that are found."""
    sizes, seen, found = integers(program[of.SIZES]), floats(program[of.MEMBERS]), integers(program[of.STEPS])
    observed, rows = floats(program[of.EARNED]), sizes[0]
    for first in range(0, program[of.JOBS], WIDTH):
        for lane in range(WIDTH):
            for k in range(rows):
                observed[k * WIDTH + lane] = seen[(first + lane) * rows + k]
        weights = at(floats(program[of.WEIGHTS]), first * program[of.PARAMETERS])
        _act(program, weights, at(found, first), observed)
