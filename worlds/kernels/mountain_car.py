"""MountainCar-v0 of Gymnasium, compiled, to the bit."""

from __future__ import annotations

import math

import numpy as np

from agentsim.compiled.jit import INTEGERS, inline, kernel
from worlds.kernels.classic_control import LANE, LANES, ClassicControl, between, end, rows

POSITION, SPEED, STEPS = range(3)
LIMIT = 200  # steps of an episode
WORLD = ClassicControl("MountainCar-v0", __name__, STEPS, STEPS + 1, 2, 3, LIMIT)
LEFT, RIGHT, GOAL, FASTEST = -1.2, 0.6, 0.5, 0.07
FORCE, GRAVITY = 0.001, 0.0025


@inline
def _show(state, observations, lane):
    for row in range(STEPS):
        observations[row * LANES + lane] = np.float32(state[row * LANES + lane])


@kernel(INTEGERS)
def begin(program):
    """At rest, U[-.6, -.4) from the right end."""
    state, _, observations, _, _ = rows(program)
    lane = program[LANE]
    state[POSITION * LANES + lane] = between(program, 1, -0.6, -0.4)
    state[SPEED * LANES + lane] = state[STEPS * LANES + lane] = 0.0
    _show(state, observations, lane)


@kernel(INTEGERS)
def advance(program):
    """Push left, not at all, or right; over at the goal."""
    state, actions, observations, rewards, ended = rows(program)
    for lane in range(LANES):
        position, speed = state[POSITION * LANES + lane], state[SPEED * LANES + lane]
        speed += (actions[lane] - 1) * FORCE + math.cos(3 * position) * (-GRAVITY)
        speed = min(max(speed, -FASTEST), FASTEST)
        position = min(max(position + speed, LEFT), RIGHT)
        if position == LEFT and speed < 0:
            speed = 0.0
        state[POSITION * LANES + lane], state[SPEED * LANES + lane] = position, speed
        rewards[lane] = np.float32(-1.0)
        ended[lane] = end(state, STEPS, lane, LIMIT, position >= GOAL and speed >= 0.0)
        _show(state, observations, lane)
