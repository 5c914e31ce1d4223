"""The physics of the chase / evade world, compiled as `kernels.py` is, with the same bits on every machine.

`advance` is the only way anyone moves. `begin` starts an episode, `sense` looks at the world without moving it.

    places  (agents, 2) float64     x, y in world widths; the first `chasers` of them are the chasers
    ages    (agents,) int64         an evader's ticks since it appeared
    stream  (1, 2) uint64           key and counter of the world's random stream
    actions (agents,) int64         0 up (+y), 1 down, 2 left, 3 right
    out     (agents, OUT) float32   what the tick showed: observation, teacher's action, reward, catches, escapes
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from worlds.kernels import AGENT_STEP, FARTHEST, REAPPEAR, TOUCH, _shortest, _uniform, _wrap, right_action

Places = NDArray[np.float64]
Ages = NDArray[np.int64]
Stream = NDArray[np.uint64]
Actions = NDArray[np.int64]
Out = NDArray[np.float32]

# Columns of `out`.
OBSERVATION, TEACHER_ACTION, REWARD, CATCHES, ESCAPES = 8, 8, 9, 10, 11
OUT = 12

CHASER_STEP = AGENT_STEP  # world widths a tick
EVADER_STEP = 0.015  # world widths a tick
PATIENCE = 300  # ticks after which an evader that was not caught has escaped

_compiled = njit(cache=True, error_model="numpy", nogil=True)


@_compiled
def _way(places: Places, one: int, other: int) -> tuple[float, float, float]:
    """The shortest way from one agent to another, x and y, and its length."""
    x, y = _shortest(places[other, 0] - places[one, 0]), _shortest(places[other, 1] - places[one, 1])
    return x, y, math.sqrt(x * x + y * y)


@_compiled
def _opponent(places: Places, chasers: int, agent: int) -> tuple[int, float]:
    """The nearest agent of the other role (of several, the first), and how far it is."""
    first, last = (chasers, places.shape[0]) if agent < chasers else (0, chasers)
    nearest, least = first, 2.0
    for other in range(first, last):
        _, _, distance = _way(places, agent, other)
        if distance < least:
            nearest, least = other, distance
    return nearest, least


@_compiled
def _reappear(places: Places, ages: Ages, stream: Stream, chasers: int, evader: int) -> None:
    """Put an evader anywhere on the torus at a distance of at least REAPPEAR from every chaser (by rejection)."""
    nearest = 0.0
    while nearest < REAPPEAR:
        places[evader, 0], places[evader, 1] = _uniform(stream, 0), _uniform(stream, 0)
        _, nearest = _opponent(places, chasers, evader)
    ages[evader] = 0


@_compiled
def advance(
    places: Places, ages: Ages, stream: Stream, chasers: int, shaping: float, actions: Actions, out: Out
) -> None:
    """Move everyone by one tick; fills rewards, catches and escapes of `out`. `sense` fills the rest."""
    agents = places.shape[0]
    for agent in range(agents):
        _, before = _opponent(places, chasers, agent)
        out[agent, REWARD], out[agent, CATCHES], out[agent, ESCAPES] = before, 0.0, 0.0
    for agent in range(agents):
        step = CHASER_STEP if agent < chasers else EVADER_STEP
        action = actions[agent]
        axis = 1 if action < 2 else 0
        forward = action in (0, 3)
        places[agent, axis] = _wrap(places[agent, axis] + (step if forward else -step))
    for agent in range(agents):
        nearest, after = _opponent(places, chasers, agent)
        nearer = shaping * (np.float64(out[agent, REWARD]) - after)
        out[agent, REWARD] = nearer if agent < chasers else -nearer
        if agent >= chasers:
            ages[agent] += 1
            if after < TOUCH:
                out[agent, CATCHES] += 1.0
                out[nearest, CATCHES] += 1.0
            elif ages[agent] >= PATIENCE:
                out[agent, ESCAPES] = 1.0
    for agent in range(agents):
        out[agent, REWARD] += out[agent, CATCHES] if agent < chasers else out[agent, ESCAPES] - out[agent, CATCHES]
        if agent >= chasers and out[agent, CATCHES] + out[agent, ESCAPES] > 0.0:
            _reappear(places, ages, stream, chasers, agent)


@_compiled
def sense(places: Places, chasers: int, speaks: bool, out: Out) -> None:
    """Fill everyone's observation and the teacher's action, -1 where it does not speak, of `out`."""
    for agent in range(places.shape[0]):
        row = out[agent]
        other, distance = _opponent(places, chasers, agent)
        x, y, _ = _way(places, agent, other)
        for k in range(2):
            row[k], row[2 + k] = 2.0 * places[agent, k] - 1.0, 2.0 * places[other, k] - 1.0
        row[4], row[5], row[6] = 2.0 * x, 2.0 * y, distance / FARTHEST
        row[7] = 0.0 if agent < chasers else 1.0
        row[TEACHER_ACTION] = right_action(row) if speaks else -1.0


@_compiled
def begin(places: Places, ages: Ages, stream: Stream, chasers: int, key: np.uint64) -> None:
    """Start an episode from a 64-bit key: chasers anywhere, then every evader at least REAPPEAR from each of them."""
    stream[0, 0], stream[0, 1] = key, np.uint64(0)
    for chaser in range(chasers):
        places[chaser, 0], places[chaser, 1] = _uniform(stream, 0), _uniform(stream, 0)
    for evader in range(chasers, places.shape[0]):
        _reappear(places, ages, stream, chasers, evader)
