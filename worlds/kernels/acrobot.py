"""Acrobot-v1 of Gymnasium, compiled, to the bit. ("The book's" dynamics; torques -1, 0 and 1.)"""

from __future__ import annotations

import math

import numpy as np

from agentsim.compiled.jit import INTEGERS, inline, kernel
from worlds.kernels.classic_control import LANE, LANES, TWO, ClassicControl, between, end, rows
from worlds.kernels.exact import square

FIRST, SECOND, FIRST_SPEED, SECOND_SPEED, STEPS = range(5)
LIMIT = 500  # steps of an episode
WORLD = ClassicControl("Acrobot-v1", __name__, STEPS, STEPS + 1, 6, 3, LIMIT)
TAU, GRAVITY = 0.2, 9.8
FASTEST = 4 * math.pi, 9 * math.pi
# masses, lengths and moments of inertia are 1, centres of mass .5: products with 1 are left out, which changes no bit


@inline
def _slopes(first, second, first_speed, second_speed, torque, two):
    """How both speeds change; squares are those of the C library's pow, as Gymnasium's `**` is."""
    sine, cosine = math.sin(second), math.cos(second)
    d1 = 0.25 + (1.25 + cosine) + 1.0 + 1.0
    d2 = (0.25 + 0.5 * cosine) + 1.0
    phi2 = 0.5 * GRAVITY * math.cos(first + second - math.pi / 2.0)
    phi1 = -0.5 * square(second_speed, two) * sine - 1.0 * second_speed * first_speed * sine
    phi1 = phi1 + 1.5 * GRAVITY * math.cos(first - math.pi / 2) + phi2
    bent = torque + d2 / d1 * phi1 - 0.5 * square(first_speed, two) * sine - phi2
    second_change = bent / (1.25 - square(d2, two) / d1)
    return -(d2 * second_change + phi1) / d1, second_change


@inline
def _wrapped(angle):
    """Turned by whole circles to between -pi and pi."""
    while angle > math.pi:
        angle = angle - 2 * math.pi
    while angle < -math.pi:
        angle = angle + 2 * math.pi
    return angle


@inline
def _show(state, observations, lane):
    first, second = state[FIRST * LANES + lane], state[SECOND * LANES + lane]
    observations[lane] = np.float32(math.cos(first))
    observations[LANES + lane] = np.float32(math.sin(first))
    observations[2 * LANES + lane] = np.float32(math.cos(second))
    observations[3 * LANES + lane] = np.float32(math.sin(second))
    observations[4 * LANES + lane] = np.float32(state[FIRST_SPEED * LANES + lane])
    observations[5 * LANES + lane] = np.float32(state[SECOND_SPEED * LANES + lane])


@kernel(INTEGERS)
def begin(program):
    """Every number of the state U[-.1, .1), rounded to float32."""
    state, _, observations, _, _ = rows(program)
    lane = program[LANE]
    for row in range(STEPS):
        state[row * LANES + lane] = np.float64(np.float32(between(program, row + 1, -0.1, 0.1)))
    state[STEPS * LANES + lane] = 0.0
    _show(state, observations, lane)


@kernel(INTEGERS)
def advance(program):
    """A step of Runge and Kutta's, of 200 ms; over where the tip is above the bar by a length."""
    state, actions, observations, rewards, ended = rows(program)
    half, two = TAU / 2.0, float(program[TWO])
    for lane in range(LANES):
        a, b = state[FIRST * LANES + lane], state[SECOND * LANES + lane]
        u, v = state[FIRST_SPEED * LANES + lane], state[SECOND_SPEED * LANES + lane]
        torque = float(actions[lane] - 1)
        u1, v1 = _slopes(a, b, u, v, torque, two)
        a2, b2 = u + half * u1, v + half * v1
        u2, v2 = _slopes(a + half * u, b + half * v, a2, b2, torque, two)
        a3, b3 = u + half * u2, v + half * v2
        u3, v3 = _slopes(a + half * a2, b + half * b2, a3, b3, torque, two)
        a4, b4 = u + TAU * u3, v + TAU * v3
        u4, v4 = _slopes(a + TAU * a3, b + TAU * b3, a4, b4, torque, two)
        sixth = TAU / 6.0
        a, b = (
            _wrapped(a + sixth * (u + 2 * a2 + 2 * a3 + a4)),
            _wrapped(b + sixth * (v + 2 * b2 + 2 * b3 + b4)),
        )
        u = min(max(u + sixth * (u1 + 2 * u2 + 2 * u3 + u4), -FASTEST[0]), FASTEST[0])
        v = min(max(v + sixth * (v1 + 2 * v2 + 2 * v3 + v4), -FASTEST[1]), FASTEST[1])
        state[FIRST * LANES + lane], state[SECOND * LANES + lane] = a, b
        state[FIRST_SPEED * LANES + lane], state[SECOND_SPEED * LANES + lane] = u, v
        done = -math.cos(a) - math.cos(b + a) > 1.0
        rewards[lane] = np.float32(0.0 if done else -1.0)
        ended[lane] = end(state, STEPS, lane, LIMIT, done)
        _show(state, observations, lane)
