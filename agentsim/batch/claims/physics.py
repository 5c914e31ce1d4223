"""The true next observation of worlds of Gymnasium, as a model to plan in: a control that nothing learned can beat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brains.brain import Float, State

Rows = NDArray[Any]  # (M, numbers)


def pendulum(observation: Rows, action: Rows) -> Rows:
    """Pendulum-v1: g 10, mass and length 1, dt .05; action (M,) in -1 .. 1, of a torque of 2."""
    angle, speed = np.arctan2(observation[:, 1], observation[:, 0]), observation[:, 2]
    speed = np.clip(speed + 0.05 * (15 * np.sin(angle) + 3 * 2 * action), -8, 8)
    angle = angle + 0.05 * speed
    return np.stack([np.cos(angle), np.sin(angle), speed], axis=1)


def cartpole(observation: Rows, action: Rows) -> Rows:
    """CartPole-v1: Euler's steps of .02; action (M,) is -1 or 1, of a force of 10."""
    x, speed, angle, turning = observation.T
    sine, cosine = np.sin(angle), np.cos(angle)
    push = (10 * action + 0.05 * turning**2 * sine) / 1.1
    bending = (9.8 * sine - cosine * push) / (0.5 * (4 / 3 - 0.1 * cosine**2 / 1.1))
    pushed = push - 0.05 * bending * cosine / 1.1
    return np.stack([x + 0.02 * speed, speed + 0.02 * pushed, angle + 0.02 * turning, turning + 0.02 * bending], axis=1)


def acrobot(observation: Rows, action: Rows) -> Rows:
    """Acrobot-v1: one step of .2 by Runge-Kutta's fourth order; action (M,) is a torque of -1, 0 or 1."""
    c1, s1, c2, s2 = observation[:, :4].T
    state = np.stack([np.arctan2(s1, c1), np.arctan2(s2, c2), observation[:, 4], observation[:, 5]], axis=1)
    k1 = _swinging(state, action)
    k2 = _swinging(state + 0.1 * k1, action)
    k3 = _swinging(state + 0.1 * k2, action)
    k4 = _swinging(state + 0.2 * k3, action)
    first, second, *speeds = (state + 0.2 / 6 * (k1 + 2 * k2 + 2 * k3 + k4)).T
    bounded = [np.clip(speeds[0], -4 * np.pi, 4 * np.pi), np.clip(speeds[1], -9 * np.pi, 9 * np.pi)]
    return np.stack([np.cos(first), np.sin(first), np.cos(second), np.sin(second), *bounded], axis=1)


def _swinging(state: Rows, torque: Rows) -> Rows:
    """d state / dt of two links of mass and length 1 (Sutton and Barto's book)."""
    first, second, w1, w2 = state.T
    d1 = 0.25 + (1 + 0.25 + np.cos(second)) + 2
    d2 = 0.25 + 0.5 * np.cos(second) + 1
    phi2 = 0.5 * 9.8 * np.cos(first + second - np.pi / 2)
    phi1 = -0.5 * w2**2 * np.sin(second) - w2 * w1 * np.sin(second) + 1.5 * 9.8 * np.cos(first - np.pi / 2) + phi2
    a2 = (torque + d2 / d1 * phi1 - 0.5 * w1**2 * np.sin(second) - phi2) / (1.25 - d2**2 / d1)
    return np.stack([w1, w2, -(d2 * a2 + phi1) / d1, a2], axis=1)


PHYSICS: dict[str, Callable[[Rows, Rows], Rows]] = {"pendulum": pendulum, "cartpole": cartpole, "acrobot": acrobot}


class TrueModel:
    """A WorldModel that knows: nothing to learn, nothing to keep."""

    def __init__(self, world: str, scale: Float, unit: Float) -> None:
        self.physics, self.scale, self.unit = PHYSICS[world], scale, unit

    def predict(self, x: Float) -> Rows:
        """(M, inputs) -> (M, outputs), in the units of the brain that asks."""
        observation = x[:, :-1].astype(np.float64) * self.scale
        return (self.physics(observation, x[:, -1].astype(np.float64)) - observation) / self.unit

    def learn(self, x: Float, y: Float, chance: np.random.Generator) -> None:
        """It knows."""

    def arrays(self) -> State:
        """None."""
        return {}
