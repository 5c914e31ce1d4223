"""Lanes: independent copies of a chase / avoid world as arrays, and what single and vector environments do to them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from worlds import kernels
from worlds.kernels import AGENT_X, AGENT_Y, OBSERVATION, TARGET_X, TARGET_Y

TASKS = ("chase", "avoid")
Generators = Sequence[np.random.Generator]


def observation_space(classic: bool) -> spaces.Box:
    """Bounds of one lane's observation, (8,) float32; tabulated in the docstrings of the two worlds."""
    if classic:
        low, high = [0, 0, 0, 0, -1, -1, 0, 0], [1, 1, 1, 1, 1, 1, math.sqrt(2), 1]
    else:
        low, high = [-1, -1, -1, -1, -1, -1, 0, 0], [1] * 8
    return spaces.Box(np.array(low, np.float32), np.array(high, np.float32), dtype=np.float32)


def oracle(observations: NDArray[np.float32]) -> NDArray[np.int64]:
    """The right action for each observation: along the larger relative axis, toward (chase) or away (avoid).

    Args:
        observations: (M, 8) or (8,), of either world.

    Returns:
        (M,) or () int64. A tie between the axes goes to x; it is `info["teacher_action"]` wherever that is given.
    """
    x, y = observations[..., 4], observations[..., 5]
    chase = observations[..., 7] == kernels.CHASE
    return np.where(np.abs(x) >= np.abs(y), 2 + ((x > 0) == chase), 1 - ((y > 0) == chase)).astype(np.int64)


class Lanes:
    """`count` lanes of a world. `state`, `stream` and `out` are the arrays that `kernels.advance` takes.

    Raises:
        ValueError: an option is not what it should be.
    """

    def __init__(self, count: int, classic: bool, task: str, shaping: float, teacher_every: int) -> None:
        if task not in TASKS:
            raise ValueError(f"task: {task!r} is not one of {', '.join(TASKS)}")
        if not math.isfinite(shaping):
            raise ValueError(f"shaping: {shaping} is not a finite number")
        if teacher_every != int(teacher_every) or teacher_every < 0:
            raise ValueError(f"teacher_every: {teacher_every} is not a whole number of ticks, 0 for a silent teacher")
        self.state = np.zeros((count, kernels.STATE))
        self.stream = np.zeros((count, 2), np.uint64)
        self.out = np.zeros((1, count, kernels.OUT), np.float32)
        self.state[:, kernels.TASK] = TASKS.index(task)
        self.state[:, kernels.CLASSIC] = classic
        self.state[:, kernels.SHAPING] = shaping
        self.state[:, kernels.TEACHER] = teacher_every

    @property
    def classic(self) -> bool:
        """Whether this is the unit square (True) or the torus (False)."""
        return bool(self.state[0, kernels.CLASSIC])

    def begin(self, lane: int, generator: np.random.Generator) -> None:
        """Start a new episode of one lane, keyed by one 64-bit draw of `generator`."""
        key = generator.integers(0, 2**64, dtype=np.uint64)
        kernels.begin(self.state, self.stream, self.out, lane, key)

    def advance(self, actions: NDArray[np.int64]) -> None:
        """Move every lane by one tick; actions: (1, count), each in 0..3. The results are in `out`."""
        kernels.advance(self.state, self.stream, actions, self.out)

    def sense(self) -> None:
        """Write what the world shows now to `out`, with no reward and no events."""
        kernels.sense(self.state, self.out)

    def switch_task(self, task: int) -> None:
        """Give every lane another task. Raises ValueError where there is no such task."""
        if task not in range(len(TASKS)):
            raise ValueError(
                f"task: {task} is not one of " + ", ".join(f"{k} ({name})" for k, name in enumerate(TASKS))
            )
        self.state[:, kernels.TASK] = task
        self.state[:, [kernels.TURN, kernels.AGE]] = 0.0

    def drag_target(self, x: float, y: float) -> None:
        """Put every lane's target at (x, y): wrapped onto the torus, or clamped to where the classic target may be."""
        if not (math.isfinite(x) and math.isfinite(y)):
            raise ValueError(f"drag_target: ({x}, {y}) is not a point")
        if self.classic:
            x, y = (min(max(z, kernels.MARGIN), 1 - kernels.MARGIN) for z in (x, y))
        else:
            x, y = (z % 1.0 % 1.0 for z in (x, y))  # twice: -1e-20 % 1.0 is 1.0
        self.state[:, TARGET_X], self.state[:, TARGET_Y] = x, y

    def sample_states(
        self, count: int, task: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Uniformly random states of one task: observations (count, 8) and the oracle's actions (count,)."""
        probe = Lanes(count, self.classic, TASKS[task], 0.0, 1)
        probe.state[:, [AGENT_X, AGENT_Y]] = rng.random((count, 2))
        low = kernels.MARGIN if self.classic else 0.0
        probe.state[:, [TARGET_X, TARGET_Y]] = rng.uniform(low, 1 - low, (count, 2))
        probe.sense()
        return probe.out[0, :, :OBSERVATION].copy(), probe.out[0, :, kernels.TEACHER_ACTION].astype(np.int64)

    def get_state(self, generators: Generators) -> dict[str, NDArray[Any]]:
        """Everything that the future depends on, as copies; `generators` are the lanes' own, one each."""
        return {
            "state": self.state.copy(),
            "stream": self.stream.copy(),
            "generator": np.stack([pack(generator) for generator in generators]),
        }

    def set_state(self, state: dict[str, NDArray[Any]]) -> list[np.random.Generator]:
        """Inverse of get_state, returning the lanes' generators. Raises ValueError where an entry does not fit."""
        count = len(self.state)
        check_entries(state, {"state": self.state, "stream": self.stream, "generator": np.zeros((count, 6), np.uint64)})
        values = state["state"]
        if not (
            np.isfinite(values).all()
            and ((values[:, :4] >= 0) & (values[:, :4] <= 1)).all()
            and np.isin(values[:, kernels.TASK], (0, 1)).all()
            and (values[:, kernels.CLASSIC] == self.classic).all()
        ):
            raise ValueError("world state: 'state' is damaged, or of another world")
        self.state[:], self.stream[:] = values, state["stream"]
        return [unpack(words) for words in state["generator"]]


def check_entries(state: dict[str, NDArray[Any]], alike: dict[str, NDArray[Any]]) -> None:
    """Raise ValueError, naming the entry, where one is not an array of the shape and dtype of its like."""
    for name, like in alike.items():
        value = state.get(name)
        if not isinstance(value, np.ndarray) or value.shape != like.shape or value.dtype != like.dtype:
            raise ValueError(f"world state: {name!r} should be an array {like.shape} of {like.dtype}")


def pack(generator: np.random.Generator) -> NDArray[np.uint64]:
    """A PCG64 generator, the kind that Gymnasium makes, as (6,) uint64."""
    state: dict[str, Any] = dict(generator.bit_generator.state)
    if state["bit_generator"] != "PCG64":
        raise ValueError(f"np_random: a {state['bit_generator']} generator cannot be saved, only PCG64")
    pair = state["state"]["state"], state["state"]["inc"]
    halves = [half for number in pair for half in (number >> 64, number & (2**64 - 1))]
    return np.array([*halves, state["has_uint32"], state["uinteger"]], np.uint64)


def unpack(words: NDArray[np.uint64]) -> np.random.Generator:
    """Inverse of pack."""
    high, low, increment_high, increment_low, has_uint32, uinteger = (int(word) for word in words)
    bits = np.random.PCG64()
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": high << 64 | low, "inc": increment_high << 64 | increment_low},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }
    return np.random.Generator(bits)
