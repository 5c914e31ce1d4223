"""What is preferred of imagined moments: a cost each, the less the better, in the terms of a world's observations."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Moments = NDArray[Any]  # observations (M, n)
Preference = Callable[[Moments, Moments], tuple[NDArray[Any], NDArray[np.bool_]]]
# (observations (M, n), actions (M, a)) -> (cost (M,), whether this moment is the last that counts (M,))


def cartpole(observation: Moments, action: Moments) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """(theta' + .3 theta_dot')^2, nearly a controller by angle and speed: an action moves the speed at once, the angle
    only later."""
    return (observation[:, 2] + 0.3 * observation[:, 3]) ** 2, np.zeros(len(observation), np.bool_)


def pendulum(observation: Moments, action: Moments) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Pendulum-v1's own cost: theta^2 + .1 theta_dot^2 + .001 torque^2."""
    angle = np.arctan2(observation[:, 1], observation[:, 0])
    cost = angle**2 + 0.1 * observation[:, 2] ** 2 + 0.001 * action[:, 0] ** 2
    return cost, np.zeros(len(observation), np.bool_)


def acrobot(observation: Moments, action: Moments) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """2 - height / 2, 1 to 3, until the tip is above the bar; height = -cos theta_1 - cos(theta_1 + theta_2)."""
    c1, s1, c2, s2 = observation[:, :4].T
    height = -c1 - (c1 * c2 - s1 * s2)
    return np.where(height > 1, 0.0, 2 - height / 2), height > 1


@dataclass(frozen=True)
class About:
    """What a preference is about: a world's observations, in units of `scale`, whose change in a tick is in units of
    `change`; `cost` says what is preferred of them."""

    cost: Preference
    scale: tuple[float, ...]
    change: tuple[float, ...]


PREFERENCES: dict[str, About] = {
    "cartpole": About(cartpole, (2.4, 2, 0.21, 2), (0.005, 0.2, 0.01, 0.3)),
    "pendulum": About(pendulum, (1, 1, 8), (0.13, 0.13, 0.54)),
    "acrobot": About(acrobot, (1, 1, 1, 1, 4 * math.pi, 9 * math.pi), (0.11, 0.22, 0.24, 0.33, 0.63, 1.04)),
}
