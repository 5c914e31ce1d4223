"""What the worlds share: chance, steps, what is told. Values are those of eight lanes, where nothing else is said.

The compiler may not reorder, fuse or approximate floating point here, and nothing calls the C library's sin, cos, log
or exp: only + - * / and sqrt, which IEEE 754 rounds correctly. A world therefore has the same bits on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from agentsim.compiled import random
from agentsim.compiled.contract import WIDTH
from agentsim.compiled.jit import INTEGERS, Kernel, inline, kernel
from agentsim.compiled.pointers import at, doubles, floats, integers, words
from agentsim.compiled.wide import absolute, load, scatter, scatter_rows, single, spread, where, whole
from worlds.kernels import layout

splitmix64, uniform, normal = inline(random.splitmix64), inline(random.uniform), inline(random.normal)


@inline
def state_of(program, first):
    """The rows of state, from lane `first` on."""
    return at(doubles(program[layout.STATE]), first)


@inline
def stream_of(program, first):
    """Keys and counters, from lane `first` on."""
    return at(words(program[layout.STREAM]), first)


@inline
def chance(program, stream):
    """One lane's next number, U[0, 1)."""
    counter = stream[program[layout.PADDED]] + np.uint64(1)
    stream[program[layout.PADDED]] = counter
    return uniform(splitmix64(stream[0], counter))


@inline
def present(program, first):
    """Which of eight lanes, from `first` on, are the world's and no padding: one bit each."""
    return (1 << min(WIDTH, program[layout.LANES] - first)) - 1


@inline
def unusable(program):
    """Bits that no action has: 0 if all actions of all ticks are 0 to 3."""
    actions, rows, found = integers(program[layout.ACTIONS]), program[layout.PADDED] * program[layout.AGENTS], 0
    for tick in range(program[layout.TICKS]):
        for row in range(program[layout.LANES] * program[layout.AGENTS]):
            found |= actions[tick * rows + row] & ~3
    return found


@inline
def steps(action, step):
    """(whether an action moves along y, by how much)."""
    return action < np.uint64(2), where((action == np.uint64(0)) | (action == np.uint64(3)), step, -step)


@inline
def right_action(x, y, chase):
    """The oracle's action: along the larger relative axis, toward the other or, elsewhere than in `chase`, away."""
    along_x = where(~((x > 0.0) ^ chase), 3.0, 2.0)
    along_y = where(~((y > 0.0) ^ chase), 0.0, 1.0)
    return where(absolute(x) >= absolute(y), along_x, along_y)


@inline
def show(program, tick, first, agent, here_x, here_y, there_x, there_y, x, y, distance, chase, ticks, every):
    """Write what an agent observes, and what the teacher says to it on every `every`-th tick (never: 0), else -1.

    The right action is found from the observation's own float32, so that it alone tells the right action.
    """
    agents = program[layout.AGENTS]
    rows = program[layout.PADDED] * agents
    row = first * agents + agent
    seen, stride = (
        at(floats(program[layout.OBSERVATION]), (tick * rows + row) * layout.OBSERVED),
        agents * layout.OBSERVED,
    )
    role = spread(where(chase, 0.0, 1.0))
    scatter_rows(seen, stride, (here_x, here_y, there_x, there_y, x, y, distance, role))
    speaks = (ticks == every * whole(ticks / every)) & (every > 0.0)
    action = where(speaks, right_action(single(x), single(y), chase), -1.0)
    tell(program, tick, layout.TEACHER_ACTION, first, agent, action)


@inline
def tell(program, tick, name, first, agent, value):
    """Write one row of `told`, for an agent of eight lanes."""
    agents = program[layout.AGENTS]
    rows = program[layout.PADDED] * agents
    place = (tick * layout.TOLD + name) * rows + first * agents + agent
    scatter(integers(program[layout.TOLD_AT]), place, agents, value)


@inline
def reward(program, tick, first, agent, value):
    """Write an agent's reward in eight lanes."""
    agents = program[layout.AGENTS]
    scatter(floats(program[layout.REWARD]), (tick * program[layout.PADDED] + first) * agents + agent, agents, value)


@inline
def of(program, values, row):
    """A row's numbers of eight lanes."""
    return load(values, row * program[layout.PADDED])


@inline
def still(program, lane):
    """In one lane, nothing was earned and nothing happened, yet."""
    agents = program[layout.AGENTS]
    rows, earned, told = (
        program[layout.PADDED] * agents,
        floats(program[layout.REWARD]),
        integers(program[layout.TOLD_AT]),
    )
    for row in range(lane * agents, (lane + 1) * agents):
        earned[row] = 0.0
        told[layout.CATCHES * rows + row] = told[layout.TOUCHES * rows + row] = 0


def advancing(move: Callable[..., Any], look: Callable[..., Any]) -> Kernel:
    """The kernel `advance` of a world that moves and is looked at so: every lane by TICKS ticks, one after the other,
    if all actions are good ones."""

    @kernel(INTEGERS)
    def advance(program):
        program[layout.WRONG] = unusable(program)
        if program[layout.WRONG] == 0:
            for tick in range(program[layout.TICKS]):
                for first in range(0, program[layout.LANES], WIDTH):
                    move(program, tick, first)
                    look(program, tick, first)

    return advance


def sensing(look: Callable[..., Any]) -> Kernel:
    """The kernel `sense`: what every lane shows now, without a reward or events, as the first tick's."""

    @kernel(INTEGERS)
    def sense(program):
        for lane in range(program[layout.LANES]):
            still(program, lane)
        for first in range(0, program[layout.LANES], WIDTH):
            look(program, 0, first)

    return sense
