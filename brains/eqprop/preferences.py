"""What is preferred of imagined moments: a cost each, the less the better, in the terms of a world's observations."""

from __future__ import annotations

from collections.abc import Callable
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


PREFERENCES: dict[str, Preference] = {"cartpole": cartpole, "pendulum": pendulum, "acrobot": acrobot}
SIZES = {"cartpole": (4, 1), "pendulum": (3, 1), "acrobot": (6, 1)}  # of an observation, and of what is planned
