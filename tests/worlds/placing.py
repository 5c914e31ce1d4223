"""Lanes of the arena whose states are set by hand, and ticks of them."""

import numpy as np

from worlds.kernels.layout import (
    AGENT_X,
    AGENT_Y,
    CHASE,
    TARGET_X,
    TARGET_Y,
    TEACHER_ACTION,
)
from worlds.lanes import TASKS, Lanes

UP, DOWN, LEFT, RIGHT = range(4)


def lanes(count=1, task=CHASE, classic=False, shaping=0.5, seed=0):
    world = Lanes(count, classic, TASKS[task], shaping, 1)
    for lane in range(count):
        world.begin(lane, np.random.default_rng([seed, lane]))
    return world


def placed(agent, target, task, shaping=0.0):
    world = lanes(task=task, shaping=shaping)
    world.state[0, :4] = *agent, *target
    world.sense()
    return world


def tick(world, action):
    world.advance(np.full((1, len(world.state)), action))
    return world.told[0]


def obey(world):
    """One tick with the teacher's actions."""
    world.advance(world.told[:1, TEACHER_ACTION].copy())


def torus(difference):
    """The shortest way round, by rounding to the nearest whole number of widths."""
    return difference - np.round(difference)


def relative(world):
    return torus(world.state[:, [TARGET_X, TARGET_Y]] - world.state[:, [AGENT_X, AGENT_Y]])
