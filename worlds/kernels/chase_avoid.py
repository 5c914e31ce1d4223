"""The chase / avoid world on the torus, compiled: `begin` starts an episode, `advance` moves, `sense` only looks."""

from __future__ import annotations

import numpy as np

from agentsim.compiled.contract import WIDTH
from agentsim.compiled.jit import INTEGERS, inline, kernel
from agentsim.compiled.pointers import at, integers
from agentsim.compiled.wide import bits, load, root, store, where
from worlds.kernels import layout
from worlds.kernels.common import (
    advancing,
    chance,
    normal,
    of,
    present,
    reward,
    sensing,
    show,
    splitmix64,
    state_of,
    steps,
    still,
    stream_of,
    tell,
)
from worlds.kernels.hunt import head
from worlds.kernels.torus import length, shortest, wrap


@inline
def reappear(program, state, stream):
    """Put one lane's target anywhere on the torus at a distance of at least REAPPEAR (rejection: 72 % are accepted)."""
    padded, distance = program[layout.PADDED], 0.0
    while distance < layout.REAPPEAR:
        x, y = chance(program, stream), chance(program, stream)
        distance = length(shortest(x - state[layout.AGENT_X * padded]), shortest(y - state[layout.AGENT_Y * padded]))
        state[layout.TARGET_X * padded], state[layout.TARGET_Y * padded] = x, y
    state[layout.AGE * padded] = 0.0


@inline
def turn(program, state, stream, chase):
    """Change the headings, unit vectors, of those that are chased by an angle that remembers the last one.

    tan(x) of half the angle is its continued fraction p / q = x (15 - x^2) / (15 - 6 x^2), off by x^7 / 1575; the
    rotation ((q^2 - p^2), 2 p q) / (q^2 + p^2) built from it is one whatever p and q are.
    """
    padded = program[layout.PADDED]
    key, counter = load(stream, 0), load(stream, padded)
    first, second = splitmix64(key, counter + np.uint64(1)), splitmix64(key, counter + np.uint64(2))
    noise = normal(first, second, splitmix64(key, counter + np.uint64(3)))
    store(stream, padded, where(chase, counter + np.uint64(3), counter))
    before, old_x, old_y = (
        of(program, state, layout.TURN),
        of(program, state, layout.HEADING_X),
        of(program, state, layout.HEADING_Y),
    )
    angle = layout.TURN_MEMORY * before + layout.TURN_NOISE * noise
    x = 0.5 * angle
    rise, run = x * (15.0 - x * x), 15.0 - 6.0 * x * x
    cosine = (run * run - rise * rise) / (run * run + rise * rise)
    sine = 2.0 * rise * run / (run * run + rise * rise)
    heading_x, heading_y = cosine * old_x - sine * old_y, sine * old_x + cosine * old_y
    norm = root(heading_x * heading_x + heading_y * heading_y)  # rounding errors would add up
    store(state, layout.HEADING_X * padded, where(chase, heading_x / norm, old_x))
    store(state, layout.HEADING_Y * padded, where(chase, heading_y / norm, old_y))
    store(state, layout.TURN * padded, where(chase, angle, before))


@inline
def move(program, tick, first):
    """One tick of eight lanes."""
    padded, state, stream = program[layout.PADDED], state_of(program, first), stream_of(program, first)
    agent_x, agent_y = of(program, state, layout.AGENT_X), of(program, state, layout.AGENT_Y)
    target_x, target_y = of(program, state, layout.TARGET_X), of(program, state, layout.TARGET_Y)
    chase = of(program, state, layout.TASK) == 0.0
    before = length(shortest(target_x - agent_x), shortest(target_y - agent_y))

    along_y, step = steps(load(integers(program[layout.ACTIONS]), tick * padded + first), layout.AGENT_STEP)
    agent_x, agent_y = where(along_y, agent_x, wrap(agent_x + step)), where(along_y, wrap(agent_y + step), agent_y)
    store(state, layout.AGENT_X * padded, agent_x)
    store(state, layout.AGENT_Y * padded, agent_y)

    x, y = shortest(target_x - agent_x), shortest(target_y - agent_y)
    distance = length(x, y)
    scale = where(distance > layout.TARGET_STEP, layout.TARGET_STEP / distance, 1.0)
    step_x, step_y = -x * scale, -y * scale
    if bits(chase) & present(program, first) != 0:
        turn(program, state, stream, chase)
        step_x = where(chase, layout.TARGET_STEP * of(program, state, layout.HEADING_X), step_x)
        step_y = where(chase, layout.TARGET_STEP * of(program, state, layout.HEADING_Y), step_y)
    target_x, target_y = wrap(target_x + step_x), wrap(target_y + step_y)
    store(state, layout.TARGET_X * padded, target_x)
    store(state, layout.TARGET_Y * padded, target_y)
    age = of(program, state, layout.AGE) + 1.0
    store(state, layout.AGE * padded, age)
    store(state, layout.TICK * padded, of(program, state, layout.TICK) + 1.0)

    after = length(shortest(target_x - agent_x), shortest(target_y - agent_y))
    touched = after < layout.TOUCH
    earned = of(program, state, layout.SHAPING) * (before - after) + where(touched, 1.0, 0.0)
    reward(program, tick, first, 0, where(chase, earned, -earned))
    tell(program, tick, layout.CATCHES, first, 0, touched & chase)
    tell(program, tick, layout.TOUCHES, first, 0, touched & ~chase)
    gone = bits(touched | (~chase & (age >= layout.HUNTER_PATIENCE))) & present(program, first)
    if gone != 0:
        for lane in range(WIDTH):
            if gone >> lane & 1:
                reappear(program, at(state, lane), at(stream, lane))


@inline
def look(program, tick, first):
    """Write what eight lanes show now."""
    state = state_of(program, first)
    agent_x, agent_y = of(program, state, layout.AGENT_X), of(program, state, layout.AGENT_Y)
    target_x, target_y = of(program, state, layout.TARGET_X), of(program, state, layout.TARGET_Y)
    x, y = shortest(target_x - agent_x), shortest(target_y - agent_y)
    task = of(program, state, layout.TASK)
    tell(program, tick, layout.TASK_SHOWN, first, 0, task)
    show(
        program,
        tick,
        first,
        0,
        2.0 * agent_x - 1.0,
        2.0 * agent_y - 1.0,
        2.0 * target_x - 1.0,
        2.0 * target_y - 1.0,
        2.0 * x,
        2.0 * y,
        length(x, y) / layout.FARTHEST,
        task == 0.0,
        of(program, state, layout.TICK),
        of(program, state, layout.TEACHER),
    )


advance, sense = advancing(move, look), sensing(look)


@kernel(INTEGERS)
def begin(program):
    """Start a new episode of one lane, whose stream is new, and write what it shows; task and options stay."""
    lane, padded = program[layout.LANE], program[layout.PADDED]
    state, stream = state_of(program, lane), stream_of(program, lane)
    state[layout.AGENT_X * padded], state[layout.AGENT_Y * padded] = chance(program, stream), chance(program, stream)
    reappear(program, state, stream)
    head(program, state, stream)
    look(program, 0, lane // WIDTH * WIDTH)
    still(program, lane)
