"""The chase / evade world, compiled: `begin` starts an episode, `advance` moves everyone, `sense` only looks.

The first CHASERS agents of a lane are the chasers. An agent's opponent is the nearest of the other role.
"""

from __future__ import annotations

import numpy as np

from agentsim.compiled.contract import WIDTH
from agentsim.compiled.jit import INTEGERS, inline, kernel
from agentsim.compiled.pointers import at, floats, integers
from agentsim.compiled.wide import bits, gather, single, spread, store, where
from worlds.kernels import layout
from worlds.kernels.common import (
    advancing,
    chance,
    of,
    present,
    reward,
    sensing,
    show,
    state_of,
    steps,
    still,
    stream_of,
    tell,
)
from worlds.kernels.torus import length, shortest, wrap


@inline
def row(agent, name):
    """The row of state of an agent's number."""
    return layout.FIRST_AGENT + agent * layout.AGENT_ROWS + name


@inline
def others(program, agent):
    """(the first of the other role, how many there are)"""
    chasers = program[layout.CHASERS]
    return (chasers, program[layout.AGENTS] - chasers) if agent < chasers else (0, chasers)


@inline
def opponent(program, state, agent):
    """(which, of several as near the first; where it is, x and y; the shortest way there, x, y and length)"""
    here_x, here_y = of(program, state, row(agent, layout.X)), of(program, state, row(agent, layout.Y))
    first, count = others(program, agent)
    there_x, there_y = of(program, state, row(first, layout.X)), of(program, state, row(first, layout.Y))
    x, y = shortest(there_x - here_x), shortest(there_y - here_y)
    least = length(x, y)
    nearest = spread(np.float64(first))
    for other in range(first + 1, first + count):
        other_x, other_y = of(program, state, row(other, layout.X)), of(program, state, row(other, layout.Y))
        way_x, way_y = shortest(other_x - here_x), shortest(other_y - here_y)
        distance = length(way_x, way_y)
        nearer = distance < least
        nearest, least = where(nearer, np.float64(other), nearest), where(nearer, distance, least)
        there_x, there_y = where(nearer, other_x, there_x), where(nearer, other_y, there_y)
        x, y = where(nearer, way_x, x), where(nearer, way_y, y)
    return nearest, there_x, there_y, x, y, least


@inline
def reappear(program, state, stream, evader):
    """Put one lane's evader anywhere at a distance of at least REAPPEAR from every chaser (by rejection)."""
    padded, nearest = program[layout.PADDED], 0.0
    while nearest < layout.REAPPEAR:
        x, y, nearest = chance(program, stream), chance(program, stream), 2.0
        for chaser in range(program[layout.CHASERS]):
            way_x = shortest(state[row(chaser, layout.X) * padded] - x)
            nearest = min(nearest, length(way_x, shortest(state[row(chaser, layout.Y) * padded] - y)))
        state[row(evader, layout.X) * padded], state[row(evader, layout.Y) * padded] = x, y
    state[row(evader, layout.SINCE) * padded] = 0.0


@inline
def step_all(program, state, tick, first):
    """Everyone moves; how far they were from their opponents, rounded to float32, is kept."""
    padded, agents = program[layout.PADDED], program[layout.AGENTS]
    for agent in range(agents):
        before = opponent(program, state, agent)[5]
        store(state, row(agent, layout.BEFORE) * padded, single(before))
    actions = at(integers(program[layout.ACTIONS]), (tick * padded + first) * agents)
    for agent in range(agents):
        x, y = of(program, state, row(agent, layout.X)), of(program, state, row(agent, layout.Y))
        far = layout.AGENT_STEP if agent < program[layout.CHASERS] else layout.EVADER_STEP
        along_y, step = steps(gather(actions, agent, agents), far)
        store(state, row(agent, layout.X) * padded, where(along_y, x, wrap(x + step)))
        store(state, row(agent, layout.Y) * padded, where(along_y, wrap(y + step), y))


@inline
def judge(program, state):
    """Who was caught, by whom, and who escaped; rewards but for that go where the distances before were."""
    padded, agents, chasers = program[layout.PADDED], program[layout.AGENTS], program[layout.CHASERS]
    shaping = of(program, state, layout.EVADE_SHAPING)
    for agent in range(agents):
        store(state, row(agent, layout.CAUGHT) * padded, spread(0.0))
        store(state, row(agent, layout.ESCAPED) * padded, spread(0.0))
    for agent in range(agents):
        nearest, _, _, _, _, after = opponent(program, state, agent)
        nearer = shaping * (of(program, state, row(agent, layout.BEFORE)) - after)
        if agent < chasers:
            store(state, row(agent, layout.BEFORE) * padded, single(nearer))
        else:
            store(state, row(agent, layout.BEFORE) * padded, single(-nearer))
            since = of(program, state, row(agent, layout.SINCE)) + 1.0
            caught = after < layout.TOUCH
            store(state, row(agent, layout.SINCE) * padded, since)
            store(state, row(agent, layout.CAUGHT) * padded, where(caught, 1.0, 0.0))
            store(
                state, row(agent, layout.ESCAPED) * padded, where(~caught & (since >= layout.CHASER_PATIENCE), 1.0, 0.0)
            )
            for chaser in range(chasers):
                catches = of(program, state, row(chaser, layout.CAUGHT))
                catches = catches + where(caught & (nearest == np.float64(chaser)), 1.0, 0.0)
                store(state, row(chaser, layout.CAUGHT) * padded, catches)


@inline
def settle(program, state, stream, tick, first):
    """Tell everyone what happened and what it earned them; evaders that are gone reappear."""
    padded, agents, chasers = program[layout.PADDED], program[layout.AGENTS], program[layout.CHASERS]
    all_caught, all_escaped, total = spread(0.0), spread(0.0), spread(-0.0)
    for agent in range(agents):
        caught, escaped = of(program, state, row(agent, layout.CAUGHT)), of(program, state, row(agent, layout.ESCAPED))
        tell(program, tick, layout.CATCHES, first, agent, caught)
        tell(program, tick, layout.ESCAPES, first, agent, escaped)
        events = caught if agent < chasers else escaped - caught
        earned = single(of(program, state, row(agent, layout.BEFORE)) + events)
        reward(program, tick, first, agent, earned)
        total = single(total + earned)
        if agent >= chasers:
            all_caught, all_escaped = all_caught + caught, all_escaped + escaped
            gone = bits(caught + escaped > 0.0) & present(program, first)
            if gone != 0:
                for lane in range(WIDTH):
                    if gone >> lane & 1:
                        reappear(program, at(state, lane), at(stream, lane), agent)
    place = tick * padded + first
    store(floats(program[layout.MEAN]), place, total / np.float64(agents))
    store(integers(program[layout.TOTAL]), place + tick * padded, all_caught)
    store(integers(program[layout.TOTAL]), place + (tick + 1) * padded, all_escaped)


@inline
def move(program, tick, first):
    """One tick of eight lanes."""
    state, stream = state_of(program, first), stream_of(program, first)
    step_all(program, state, tick, first)
    judge(program, state)
    settle(program, state, stream, tick, first)
    store(state, layout.EVADE_TICK * program[layout.PADDED], of(program, state, layout.EVADE_TICK) + 1.0)


@inline
def look(program, tick, first):
    """Write what everyone in eight lanes sees now."""
    state = state_of(program, first)
    ticks, every = of(program, state, layout.EVADE_TICK), of(program, state, layout.EVADE_TEACHER)
    for agent in range(program[layout.AGENTS]):
        here_x, here_y = of(program, state, row(agent, layout.X)), of(program, state, row(agent, layout.Y))
        _, there_x, there_y, x, y, distance = opponent(program, state, agent)
        show(
            program,
            tick,
            first,
            agent,
            2.0 * here_x - 1.0,
            2.0 * here_y - 1.0,
            2.0 * there_x - 1.0,
            2.0 * there_y - 1.0,
            2.0 * x,
            2.0 * y,
            distance / layout.FARTHEST,
            agent < program[layout.CHASERS],
            ticks,
            every,
        )


advance, sense = advancing(move, look), sensing(look)


@kernel(INTEGERS)
def begin(program):
    """Start an episode of one lane, whose stream is new: chasers anywhere, then evaders at a distance from them all."""
    lane, padded = program[layout.LANE], program[layout.PADDED]
    state, stream = state_of(program, lane), stream_of(program, lane)
    for chaser in range(program[layout.CHASERS]):
        state[row(chaser, layout.X) * padded], state[row(chaser, layout.Y) * padded] = (
            chance(program, stream),
            chance(program, stream),
        )
    for evader in range(program[layout.CHASERS], program[layout.AGENTS]):
        reappear(program, state, stream, evader)
    state[layout.EVADE_TICK * padded] = 0.0
    look(program, 0, lane // WIDTH * WIDTH)
    still(program, lane)
    integers(program[layout.TOTAL])[lane] = integers(program[layout.TOTAL])[padded + lane] = 0
    floats(program[layout.MEAN])[lane] = 0.0
