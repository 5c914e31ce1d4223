"""How worlds of Gymnasium draw themselves: from observations to the lines that their pictures show."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Lines = NDArray[np.float64]  # (T, points of a line, x and y), shares of the picture from its upper left corner
HALF = 2.2  # what half of Pendulum's or Acrobot's picture measures, where links are 1 long


def cartpole(observations: NDArray[np.float32]) -> Lines:
    """The pole, from its axle to its tip: the picture is 4.8 m, 600 pixels, wide and 400 high, the axle 107.5 above its
    lower edge, and 120 of the pole are above the axle."""
    x, theta = observations[:, 0].astype(float), observations[:, 2].astype(float)
    axle = 300 + 125 * x
    across = np.stack([axle, axle + 120 * np.sin(theta)], axis=1)
    up = 107.5 + np.stack([0 * theta, 120 * np.cos(theta)], axis=1)
    return np.stack([across / 600, 1 - up / 400], axis=2)


def pendulum(observations: NDArray[np.float32]) -> Lines:
    """The rod, from the middle of the picture to its end."""
    cosine, sine = observations[:, :2].T.astype(float)
    return _hung([(-sine, cosine)])


def acrobot(observations: NDArray[np.float32]) -> Lines:
    """Both links, from the middle of the picture; an angle of 0 hangs down."""
    c1, s1, c2, s2 = observations[:, :4].T.astype(float)
    return _hung([(s1, -c1), (s1 * c2 + c1 * s2, s1 * s2 - c1 * c2)])


def chase_avoid(observations: NDArray[np.float32]) -> Lines:
    """Where the agent is, a dash a hundredth of the picture wide."""
    x, up = (observations[:, :2].T.astype(float) + 1) / 2
    ends = np.stack([x - 0.005, x + 0.005], axis=1)
    return np.stack([ends, np.stack([1 - up, 1 - up], axis=1)], axis=2)


def _hung(links: list[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> Lines:
    """A chain of links, each so far to the right and up, that hangs in the middle of a picture."""
    joints = np.cumsum([(0 * links[0][0], 0 * links[0][1]), *links], axis=0)  # (points, 2, T)
    return 0.5 + joints.transpose(2, 0, 1) * [1, -1] / (2 * HALF)


# Gymnasium id, without its version -> observations (T, n) to lines (T, points, 2)
OUTLINES: dict[str, Callable[[NDArray[np.float32]], Lines]] = {
    "CartPole": cartpole,
    "Pendulum": pendulum,
    "Acrobot": acrobot,
    "agentsim/ChaseAvoid": chase_avoid,
}


def outlines_of(world_id: str, observations: NDArray[np.float32]) -> Lines | None:
    """What a world's picture would show of observations (T, n), where that is known."""
    outline = OUTLINES.get(world_id.rpartition("-v")[0])
    return None if outline is None else outline(observations)
