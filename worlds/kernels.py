"""The physics of both chase / avoid worlds, compiled: plain arrays in, plain arrays out, callable from other njit code.

`advance` is the only way either world moves. `begin` starts an episode, `sense` looks at the world without moving it.
All three work on `lanes` independent copies at once:

    state   (lanes, STATE) float64          everything but chance; the columns are named below
    stream  (lanes, 2) uint64               key and counter of the lane's own random stream
    actions (n, lanes) int64                0 up (+y), 1 down, 2 left, 3 right
    out     (n, lanes, OUT) float32         what each tick showed: observation, teacher's action, reward, events

The compiler may not reorder, fuse or approximate floating point here (no fastmath), and nothing calls the C library's
sin, cos, log or exp: only + - * / and sqrt, which IEEE 754 rounds correctly. A world therefore has the same bits on
every machine.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

State = NDArray[np.float64]
Stream = NDArray[np.uint64]
Actions = NDArray[np.int64]
Out = NDArray[np.float32]

# Columns of `state`. The last three are the world's options, so that whoever holds the arrays can move the world.
AGENT_X, AGENT_Y, TARGET_X, TARGET_Y, HEADING_X, HEADING_Y, TURN, TASK, AGE, TICK, CLASSIC, SHAPING, TEACHER = range(13)
STATE = 13
# Columns of `out`.
OBSERVATION, TEACHER_ACTION, REWARD, CATCHES, TOUCHES = 8, 8, 9, 10, 11
OUT = 12

CHASE, AVOID = 0, 1
AGENT_STEP = 0.02  # world widths a tick
AXIS = (AGENT_Y, AGENT_Y, AGENT_X, AGENT_X)  # what each action moves
STEP = (AGENT_STEP, -AGENT_STEP, -AGENT_STEP, AGENT_STEP)  # and by how much
TARGET_STEP = 0.012  # world widths a tick
TOUCH = 0.05  # world widths; closer than this is a catch or a touch
REAPPEAR = 0.3  # world widths; the target reappears at least this far from the agent
PATIENCE = 60  # ticks after which the hunter gives up and reappears
TURN_MEMORY = 0.9  # share of the last tick's heading change that persists
TURN_NOISE = 0.05  # rad, standard deviation of what is added to it
FARTHEST = 0.7072  # world widths; just above sqrt(1/2), the largest distance on the torus
JITTER = 0.005  # world widths; classic: the target moves U(-JITTER, JITTER) an axis a tick
MARGIN = 0.1  # world widths; classic: the target stays in [MARGIN, 1 - MARGIN]

_compiled = njit(cache=True, error_model="numpy", nogil=True)


@_compiled
def _word(stream: Stream, lane: int) -> np.uint64:
    """Next 64 random bits of the lane: splitmix64 (Steele, Lea & Flood 2014) of key + counter * golden ratio."""
    stream[lane, 1] += np.uint64(1)
    z = stream[lane, 0] + stream[lane, 1] * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@_compiled
def _uniform(stream: Stream, lane: int) -> float:
    """U[0, 1) on a grid of 2**-53."""
    return np.float64(_word(stream, lane) >> np.uint64(11)) * 2.0**-53


@_compiled
def _normal(stream: Stream, lane: int) -> float:
    """About N(0, 1) without libm: the sum of 12 centred 16-bit uniforms (Irwin-Hall).

    Mean 0 and variance 1 - 2**-32 exactly; excess kurtosis -0.1, and never beyond 6 standard deviations.
    """
    total = np.uint64(6)  # twelve half steps: centres the 16-bit grid
    for _ in range(3):
        word = _word(stream, lane)
        for _ in range(4):
            total += word & np.uint64(0xFFFF)
            word >>= np.uint64(16)
    return np.float64(total) * 2.0**-16 - 6.0


@_compiled
def _wrap(position: float) -> float:
    """A coordinate less than one width outside the torus, brought into [0, 1)."""
    if position < 0.0:
        position += 1.0
    if position >= 1.0:  # also where -1e-20 + 1 rounds up to 1
        position -= 1.0
    return position


@_compiled
def _shortest(difference: float) -> float:
    """The shortest way round a circle of length 1, in [-0.5, 0.5], for a difference in (-1, 1)."""
    if difference > 0.5:
        return difference - 1.0
    if difference < -0.5:
        return difference + 1.0
    return difference


@_compiled
def _relative(state: State, lane: int) -> tuple[float, float, float]:
    """Vector from the agent to its target: the shortest one on the torus, the plain one in the classic world."""
    x = state[lane, TARGET_X] - state[lane, AGENT_X]
    y = state[lane, TARGET_Y] - state[lane, AGENT_Y]
    if state[lane, CLASSIC] == 0.0:
        x, y = _shortest(x), _shortest(y)
    return x, y, math.sqrt(x * x + y * y)


@_compiled
def _reappear(state: State, stream: Stream, lane: int) -> None:
    """Put the target anywhere on the torus at a distance of at least REAPPEAR (rejection: 72 % are accepted)."""
    distance = 0.0
    while distance < REAPPEAR:
        state[lane, TARGET_X] = _uniform(stream, lane)
        state[lane, TARGET_Y] = _uniform(stream, lane)
        _, _, distance = _relative(state, lane)
    state[lane, AGE] = 0.0


@_compiled
def _turn(state: State, stream: Stream, lane: int) -> None:
    """Change the heading, a unit vector, by an angle that remembers the last one.

    tan(x) of half the angle is its continued fraction p / q = x (15 - x^2) / (15 - 6 x^2), off by x^7 / 1575; the
    rotation ((q^2 - p^2), 2 p q) / (q^2 + p^2) built from it is one whatever p and q are.
    """
    angle = TURN_MEMORY * state[lane, TURN] + TURN_NOISE * _normal(stream, lane)
    x = 0.5 * angle
    p, q = x * (15.0 - x * x), 15.0 - 6.0 * x * x
    cosine, sine = (q * q - p * p) / (q * q + p * p), 2.0 * p * q / (q * q + p * p)
    heading_x = cosine * state[lane, HEADING_X] - sine * state[lane, HEADING_Y]
    heading_y = sine * state[lane, HEADING_X] + cosine * state[lane, HEADING_Y]
    length = math.sqrt(heading_x * heading_x + heading_y * heading_y)  # rounding errors would add up
    state[lane, HEADING_X], state[lane, HEADING_Y] = heading_x / length, heading_y / length
    state[lane, TURN] = angle


@_compiled
def _tick(state: State, stream: Stream, lane: int, action: int, row: Out) -> None:
    """One tick of the torus world; fills the reward and the events of the lane's row of `out`."""
    _, _, before = _relative(state, lane)
    axis = AXIS[action]
    state[lane, axis] = _wrap(state[lane, axis] + STEP[action])
    chase = state[lane, TASK] == CHASE
    if chase:
        _turn(state, stream, lane)
        step_x, step_y = TARGET_STEP * state[lane, HEADING_X], TARGET_STEP * state[lane, HEADING_Y]
    else:
        x, y, distance = _relative(state, lane)
        scale = TARGET_STEP / distance if distance > TARGET_STEP else 1.0
        step_x, step_y = -x * scale, -y * scale
    state[lane, TARGET_X] = _wrap(state[lane, TARGET_X] + step_x)
    state[lane, TARGET_Y] = _wrap(state[lane, TARGET_Y] + step_y)
    state[lane, AGE] += 1.0

    _, _, after = _relative(state, lane)
    touched = after < TOUCH
    reward = state[lane, SHAPING] * (before - after) + (1.0 if touched else 0.0)
    row[REWARD] = reward if chase else -reward
    row[CATCHES] = 1.0 if touched and chase else 0.0
    row[TOUCHES] = 1.0 if touched and not chase else 0.0
    if touched or (not chase and state[lane, AGE] >= PATIENCE):
        _reappear(state, stream, lane)


@_compiled
def _tick_classic(state: State, stream: Stream, lane: int, action: int, row: Out) -> None:
    """One tick of the unit-square world; fills the reward and the events, which it has none of."""
    _, _, before = _relative(state, lane)
    axis = AXIS[action]
    state[lane, axis] = min(max(state[lane, axis] + STEP[action], 0.0), 1.0)
    for axis in (TARGET_X, TARGET_Y):
        moved = state[lane, axis] + JITTER * (2.0 * _uniform(stream, lane) - 1.0)
        state[lane, axis] = min(max(moved, MARGIN), 1.0 - MARGIN)
    _, _, after = _relative(state, lane)
    reward = state[lane, SHAPING] * (before - after)
    row[REWARD] = reward if state[lane, TASK] == CHASE else -reward
    row[CATCHES] = row[TOUCHES] = 0.0


@_compiled
def right_action(row: NDArray[np.float32]) -> float:
    """The oracle's action for an observation: along the larger relative axis, toward in task 0, away in task 1.

    From the observation's own float32, so that it alone tells the right action.
    """
    toward = row[7] == CHASE
    if abs(row[4]) >= abs(row[5]):
        return 3.0 if (row[4] > 0.0) == toward else 2.0
    return 0.0 if (row[5] > 0.0) == toward else 1.0


@_compiled
def _sense(state: State, lane: int, row: Out) -> None:
    """Fill the observation and the teacher's action, -1 where the teacher is silent, of the lane's row of `out`."""
    x, y, distance = _relative(state, lane)
    if state[lane, CLASSIC] != 0.0:
        for k in range(4):
            row[k] = state[lane, k]
        row[4], row[5], row[6] = x, y, distance
    else:
        for k in range(4):
            row[k] = 2.0 * state[lane, k] - 1.0
        row[4], row[5], row[6] = 2.0 * x, 2.0 * y, distance / FARTHEST
    row[7] = state[lane, TASK]
    every = state[lane, TEACHER]
    if every == 0.0 or state[lane, TICK] % every != 0.0:
        row[TEACHER_ACTION] = -1.0
    else:
        row[TEACHER_ACTION] = right_action(row)


@_compiled
def advance(state: State, stream: Stream, actions: Actions, out: Out) -> None:
    """Move every lane by n = len(actions) ticks; `out[k]` is what tick k showed. Shapes: see the top of the file."""
    for lane in range(state.shape[0]):
        for k in range(actions.shape[0]):
            row = out[k, lane]
            if state[lane, CLASSIC] != 0.0:
                _tick_classic(state, stream, lane, actions[k, lane], row)
            else:
                _tick(state, stream, lane, actions[k, lane], row)
            state[lane, TICK] += 1.0
            _sense(state, lane, row)


@_compiled
def _look(state: State, out: Out, lane: int) -> None:
    row = out[0, lane]
    row[REWARD] = row[CATCHES] = row[TOUCHES] = 0.0
    _sense(state, lane, row)


@_compiled
def sense(state: State, out: Out) -> None:
    """Write what every lane shows now, without a reward or events, to `out[0]`."""
    for lane in range(state.shape[0]):
        _look(state, out, lane)


@_compiled
def begin(state: State, stream: Stream, out: Out, lane: int, key: np.uint64) -> None:
    """Start a new episode of one lane from a 64-bit key and write what it shows to `out[0]`; task and options stay."""
    stream[lane, 0], stream[lane, 1] = key, np.uint64(0)
    if state[lane, CLASSIC] != 0.0:
        state[lane, AGENT_X] = state[lane, AGENT_Y] = 0.5
        state[lane, TARGET_X], state[lane, TARGET_Y] = _uniform(stream, lane), _uniform(stream, lane)
    else:
        state[lane, AGENT_X], state[lane, AGENT_Y] = _uniform(stream, lane), _uniform(stream, lane)
        _reappear(state, stream, lane)
    x, y, square = 0.0, 0.0, 0.0
    while square > 1.0 or square < 0.01:  # a point of the unit disc gives a uniform direction without libm
        x, y = 2.0 * _uniform(stream, lane) - 1.0, 2.0 * _uniform(stream, lane) - 1.0
        square = x * x + y * y
    length = math.sqrt(square)
    state[lane, HEADING_X], state[lane, HEADING_Y] = x / length, y / length
    state[lane, TURN] = state[lane, AGE] = state[lane, TICK] = 0.0
    _look(state, out, lane)
