"""CartPole-v1 in many lanes: Gymnasium's physics on arrays, and episodes of a policy that does not learn."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from brains.brain import Float

LIMIT = 500  # steps of an episode
SOLVED = 475.0  # the mean return from which Gymnasium calls it solved
GRAVITY, FORCE, TAU = 9.8, 10.0, 0.02
POLE_MASS, TOTAL_MASS, LENGTH = 0.1, 0.1 + 1.0, 0.5  # of half the pole
POLE_MOMENT = POLE_MASS * LENGTH
FARTHEST, STEEPEST = 2.4, 12 * 2 * math.pi / 360

Array = NDArray[np.float64]
Policy = Callable[[Float], NDArray[np.int64]]  # observations (n, 4) -> actions (n,), 0 or 1


def starts(count: int, chance: np.random.Generator) -> Array:
    """States (4, count) in which episodes begin."""
    return chance.uniform(-0.05, 0.05, (4, count))


def moved(state: Array, actions: NDArray[np.int64]) -> tuple[Array, NDArray[np.bool_]]:
    """The states (4, n) one step later, and which of them have fallen or left."""
    x, speed, angle, turning = state
    cosine, sine = np.cos(angle), np.sin(angle)
    push = (np.where(actions == 1, FORCE, -FORCE) + POLE_MOMENT * np.square(turning) * sine) / TOTAL_MASS
    pull = GRAVITY * sine - cosine * push
    turned = pull / (LENGTH * (4.0 / 3.0 - POLE_MASS * np.square(cosine) / TOTAL_MASS))
    pushed = push - POLE_MOMENT * turned * cosine / TOTAL_MASS
    after = np.stack((x + TAU * speed, speed + TAU * pushed, angle + TAU * turning, turning + TAU * turned))
    return after, (np.abs(after[0]) > FARTHEST) | (np.abs(after[2]) > STEEPEST)


def seen(state: Array, noise: float, chance: np.random.Generator) -> Float:
    """Observations (n, 4) of states (4, n), with noise of that standard deviation."""
    noisy = state if noise == 0 else state + noise * chance.standard_normal(state.shape)
    return np.ascontiguousarray(noisy.T, np.float32)


def returns(policy: Policy, state: Array, noise: float, chance: np.random.Generator) -> NDArray[np.int64]:
    """How many steps each episode lasts that begins in one of these states (4, n), 1 to 500."""
    lasted, alive = np.full(state.shape[1], LIMIT), np.arange(state.shape[1])
    for step in range(1, LIMIT):
        state, fallen = moved(state, policy(seen(state, noise, chance)))
        lasted[alive[fallen]] = step
        state, alive = state[:, ~fallen], alive[~fallen]
        if not len(alive):
            break
    return lasted
