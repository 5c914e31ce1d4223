"""The chase / avoid world in the unit square, compiled: kernels as in chase_avoid.py, on the same arrays."""

from __future__ import annotations

import numpy as np

from agentsim.compiled.contract import WIDTH
from agentsim.compiled.jit import INTEGERS, inline, kernel
from agentsim.compiled.pointers import integers
from agentsim.compiled.wide import load, store, where
from worlds.kernels import layout
from worlds.kernels.common import (
    advancing,
    chance,
    of,
    reward,
    sensing,
    show,
    splitmix64,
    state_of,
    steps,
    still,
    stream_of,
    tell,
    uniform,
)
from worlds.kernels.hunt import head
from worlds.kernels.torus import length


@inline
def clamp(position, low, high):
    """A coordinate brought into [low, high]."""
    position = where(position < low, low, position)
    return where(position > high, high, position)


@inline
def jitter(program, state, stream, row, counter):
    """Move the target along one axis, by the random word `counter`; returns where it then is."""
    word = splitmix64(load(stream, 0), counter)
    moved = clamp(
        of(program, state, row) + layout.JITTER * (2.0 * uniform(word) - 1.0), layout.MARGIN, 1.0 - layout.MARGIN
    )
    store(state, row * program[layout.PADDED], moved)
    return moved


@inline
def move(program, tick, first):
    """One tick of eight lanes; there are no events."""
    padded, state, stream = program[layout.PADDED], state_of(program, first), stream_of(program, first)
    agent_x, agent_y = of(program, state, layout.AGENT_X), of(program, state, layout.AGENT_Y)
    before = length(of(program, state, layout.TARGET_X) - agent_x, of(program, state, layout.TARGET_Y) - agent_y)

    along_y, step = steps(load(integers(program[layout.ACTIONS]), tick * padded + first), layout.AGENT_STEP)
    agent_x = where(along_y, agent_x, clamp(agent_x + step, 0.0, 1.0))
    agent_y = where(along_y, clamp(agent_y + step, 0.0, 1.0), agent_y)
    store(state, layout.AGENT_X * padded, agent_x)
    store(state, layout.AGENT_Y * padded, agent_y)

    counter = load(stream, padded)
    target_x = jitter(program, state, stream, layout.TARGET_X, counter + np.uint64(1))
    target_y = jitter(program, state, stream, layout.TARGET_Y, counter + np.uint64(2))
    store(stream, padded, counter + np.uint64(2))
    store(state, layout.TICK * padded, of(program, state, layout.TICK) + 1.0)
    earned = of(program, state, layout.SHAPING) * (before - length(target_x - agent_x, target_y - agent_y))
    reward(program, tick, first, 0, where(of(program, state, layout.TASK) == 0.0, earned, -earned))


@inline
def look(program, tick, first):
    """Write what eight lanes show now."""
    state = state_of(program, first)
    agent_x, agent_y = of(program, state, layout.AGENT_X), of(program, state, layout.AGENT_Y)
    target_x, target_y = of(program, state, layout.TARGET_X), of(program, state, layout.TARGET_Y)
    x, y = target_x - agent_x, target_y - agent_y
    task, ticks, every = (
        of(program, state, layout.TASK),
        of(program, state, layout.TICK),
        of(program, state, layout.TEACHER),
    )
    tell(program, tick, layout.TASK_SHOWN, first, 0, task)
    show(program, tick, first, 0, agent_x, agent_y, target_x, target_y, x, y, length(x, y), task == 0.0, ticks, every)


advance, sense = advancing(move, look), sensing(look)


@kernel(INTEGERS)
def begin(program):
    """Start a new episode of one lane, whose stream is new, and write what it shows; task and options stay."""
    lane, padded = program[layout.LANE], program[layout.PADDED]
    state, stream = state_of(program, lane), stream_of(program, lane)
    state[layout.AGENT_X * padded] = state[layout.AGENT_Y * padded] = 0.5
    state[layout.TARGET_X * padded], state[layout.TARGET_Y * padded] = chance(program, stream), chance(program, stream)
    head(program, state, stream)
    look(program, 0, lane // WIDTH * WIDTH)
    still(program, lane)
