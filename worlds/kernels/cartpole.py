"""CartPole-v1 of Gymnasium, compiled, to the bit."""

from __future__ import annotations

import math

import numpy as np

from agentsim.compiled.contract import WIDTH
from agentsim.compiled.jit import INTEGERS, inline, kernel
from agentsim.compiled.wide import bits, load, store, where
from worlds.kernels.classic_control import LANE, LANES, TERMINATED, TRUNCATED, ClassicControl, between, rows
from worlds.kernels.exact import sine_and_cosine

X, SPEED, ANGLE, TURNING, STEPS, SINE, COSINE = range(7)  # the last two are only what a step has found
LIMIT = 500  # steps of an episode
WORLD = ClassicControl("CartPole-v1", __name__, 4, 7, 4, 2, LIMIT)
GRAVITY, FORCE, TAU = 9.8, 10.0, 0.02
POLE_MASS, TOTAL_MASS, LENGTH = 0.1, 0.1 + 1.0, 0.5  # LENGTH: of half the pole
POLE_MOMENT = POLE_MASS * LENGTH
FARTHEST, STEEPEST = 2.4, 12 * 2 * math.pi / 360
ALL = (1 << WIDTH) - 1


@kernel(INTEGERS)
def begin(program):
    """Every number of the state U[-.05, .05)."""
    state, _, observations, _, _ = rows(program)
    lane = program[LANE]
    for row in range(STEPS):
        state[row * LANES + lane] = between(program, row + 1, -0.05, 0.05)
        observations[row * LANES + lane] = np.float32(state[row * LANES + lane])
    state[STEPS * LANES + lane] = 0.0


@inline
def _turn(state, first):
    """SINE and COSINE of eight lanes' angles."""
    sine, cosine, sure = sine_and_cosine(load(state, ANGLE * LANES + first))
    store(state, SINE * LANES + first, sine)
    store(state, COSINE * LANES + first, cosine)
    unsure = bits(sure) ^ ALL
    lane = first
    while unsure:
        if unsure & 1:
            state[SINE * LANES + lane] = math.sin(state[ANGLE * LANES + lane])
            state[COSINE * LANES + lane] = math.cos(state[ANGLE * LANES + lane])
        unsure >>= 1
        lane += 1


@kernel(INTEGERS)
def advance(program):
    """Euler steps of 20 ms; over where the cart is 2.4 m off or the pole leans by 12 degrees."""
    state, actions, observations, rewards, ended = rows(program)
    for first in range(0, LANES, WIDTH):
        _turn(state, first)
        x, speed = load(state, X * LANES + first), load(state, SPEED * LANES + first)
        angle, turning = load(state, ANGLE * LANES + first), load(state, TURNING * LANES + first)
        sine, cosine = load(state, SINE * LANES + first), load(state, COSINE * LANES + first)
        force = where(load(actions, first) == np.uint64(1), FORCE, -FORCE)
        push = (force + POLE_MOMENT * (turning * turning) * sine) / TOTAL_MASS
        turned = (GRAVITY * sine - cosine * push) / (LENGTH * (4.0 / 3.0 - POLE_MASS * (cosine * cosine) / TOTAL_MASS))
        pushed = push - POLE_MOMENT * turned * cosine / TOTAL_MASS
        x, speed = x + TAU * speed, speed + TAU * pushed
        angle, turning = angle + TAU * turning, turning + TAU * turned
        steps = load(state, STEPS * LANES + first) + 1.0
        row = first
        for value in (x, speed, angle, turning):
            store(state, row, value)
            store(observations, row, value)
            row += LANES
        store(state, STEPS * LANES + first, steps)
        gone = (x < -FARTHEST) | (x > FARTHEST) | (angle < -STEEPEST) | (angle > STEEPEST)
        store(rewards, first, where(gone, 1.0, 1.0))
        store(ended, first, where(gone, float(TERMINATED), where(steps >= LIMIT, float(TRUNCATED), 0.0)))
