"""Lanes: independent copies of a compiled world as arrays, and what single and vector environments do to them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from agentsim.compiled import cache
from agentsim.compiled.contract import WIDTH, CompiledWorld, WorldArrays
from agentsim.compiled.random import WORDS_OF_PCG64, pack, unpack
from worlds.kernels import layout

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
    chase = observations[..., 7] == layout.CHASE
    return np.where(np.abs(x) >= np.abs(y), 2 + ((x > 0) == chase), 1 - ((y > 0) == chase)).astype(np.int64)


class CompiledLanes(CompiledWorld):
    """`count` lanes of a compiled world: what they are, and what they told last, as arrays.

    state (count, rows) float64 and stream (count, 2) uint64 may be written. `shape` is (count,) or, of several agents,
    (count, agents). Of the last call's n ticks: observation (n, *shape, 8) float32, reward (n, *shape) float32, told
    (n, TOLD, *shape) int64, total (n, 2, count) int64, mean (n, count) float32. `kernels/layout.py` says what is where.
    """

    def __init__(self, module: str, count: int, rows: int, agents: int | None = None, chasers: int = 0) -> None:
        """`module`: of the kernels `begin`, `advance` and `sense`; `rows`: of state; `agents`: None for one alone."""
        self._made = (module, count, rows, agents, chasers)
        self.kernels = (f"{module}:begin", f"{module}:advance", f"{module}:sense")
        self.count, self.agents = count, agents or 1
        self.shape = (count,) if agents is None else (count, agents)
        padded = (-(-count // WIDTH) | 1) * WIDTH  # an odd number of groups: rows do not share lines of a cache
        self.program = np.zeros(layout.PROGRAM, np.int64)
        sizes = {layout.LANES: count, layout.PADDED: padded, layout.AGENTS: self.agents, layout.CHASERS: chasers}
        self.program[list(sizes)] = list(sizes.values())
        self._state, self._stream = np.zeros((rows, padded)), np.zeros((2, padded), np.uint64)
        self.state, self.stream = self._state.T[:count], self._stream.T[:count]
        self._make_room(1)

    def _make_room(self, ticks: int) -> None:
        """Have room for what so many ticks are told and tell."""
        padded = int(self.program[layout.PADDED])
        rows, ours = padded * self.agents, self.count * self.agents
        actions, told = np.zeros((ticks, rows), np.int64), np.zeros((ticks, layout.TOLD, rows), np.int64)
        observation, reward = np.zeros((ticks, rows, layout.OBSERVED), np.float32), np.zeros((ticks, rows), np.float32)
        total, mean = np.zeros((ticks, 2, padded), np.int64), np.zeros((ticks, padded), np.float32)
        arrays = (self._state, self._stream, actions, observation, reward, told, total, mean)
        places = (
            layout.STATE,
            layout.STREAM,
            layout.ACTIONS,
            layout.OBSERVATION,
            layout.REWARD,
            layout.TOLD_AT,
            layout.TOTAL,
            layout.MEAN,
        )
        self.program[list(places)] = [array.__array_interface__["data"][0] for array in arrays]
        self.program[layout.TICKS] = ticks
        self.arrays = WorldArrays(actions, observation, reward, told[:, layout.TEACHER_ACTION])
        self._actions = actions[:, :ours].reshape(ticks, *self.shape)
        self.observation = observation[:, :ours].reshape(ticks, *self.shape, layout.OBSERVED)
        self.reward, self.told = reward[:, :ours].reshape(ticks, *self.shape), told[..., :ours]
        self.told = self.told.reshape(ticks, layout.TOLD, *self.shape)
        self.total, self.mean = total[..., : self.count], mean[:, : self.count]

    def __getstate__(self) -> dict[str, Any]:
        """What a copy needs, which has arrays of its own; what was told last is not copied."""
        return {"made": self._made, "state": self._state, "stream": self._stream}

    def __setstate__(self, state: dict[str, Any]) -> None:
        CompiledLanes.__init__(self, *state["made"])
        self._state[:], self._stream[:] = state["state"], state["stream"]

    @cached_property
    def _begin(self) -> Callable[[], Any]:
        return cache.bound(self.kernels[0], self.program)

    @cached_property
    def _advance(self) -> Callable[[], Any]:
        return cache.bound(self.kernels[1], self.program)

    @cached_property
    def _sense(self) -> Callable[[], Any]:
        return cache.bound(self.kernels[2], self.program)

    def begin(self, lane: int, generator: np.random.Generator) -> None:
        """Start a new episode of one lane, keyed by one 64-bit draw of `generator`."""
        self.begin_at(lane, int(generator.integers(0, 2**64, dtype=np.uint64)))

    def begin_at(self, lane: int, key: int) -> None:
        """Start the episode of a key of 64 bits in one lane."""
        self._stream[:, lane] = key, 0
        self.program[layout.LANE] = lane
        self._begin()

    def advance(self, actions: NDArray[np.integer[Any]]) -> None:
        """Move every lane by n ticks; actions: (n, *shape). Raises ValueError, nothing having moved, unless they are
        whole numbers in 0..3."""
        if actions.shape[1:] != self.shape or actions.dtype.kind not in "iu":
            raise ValueError(self._wanted(actions))
        if len(actions) != len(self._actions):
            self._make_room(len(actions))
        self._actions[:] = actions
        self._advance()
        if self.program[layout.WRONG]:
            raise ValueError(self._wanted(actions))

    def tick(self, action: int) -> None:
        """Move a world of one lane and one agent by one tick, with an action that is one of 0..3."""
        self._actions[0, 0] = action
        self._advance()

    def _wanted(self, actions: NDArray[Any]) -> str:
        found = np.array2string(actions[0] if len(actions) == 1 else actions, threshold=8)
        return f"actions: expected {' x '.join(map(str, self.shape))} whole numbers in 0..3, got {found}"

    def sense(self) -> None:
        """Write what the world shows now, with no reward and no events, as the first tick's."""
        self._sense()

    def get_state(self, generators: Generators) -> dict[str, NDArray[Any]]:
        """Everything that the future depends on, as copies; `generators` are the lanes' own, one each."""
        raise NotImplementedError

    def set_state(self, state: dict[str, NDArray[Any]]) -> list[np.random.Generator]:
        """Inverse of get_state, returning the lanes' generators. Raises ValueError where an entry does not fit."""
        raise NotImplementedError


class Lanes(CompiledLanes):
    """Lanes of a chase / avoid world.

    Raises:
        ValueError: an option is not what it should be.
    """

    def __init__(self, count: int, classic: bool, task: str, shaping: float, teacher_every: int) -> None:
        if task not in TASKS:
            raise ValueError(f"task: {task!r} is not one of {', '.join(TASKS)}")
        check_options(shaping, teacher_every)
        super().__init__(f"worlds.kernels.chase_avoid{'_classic' if classic else ''}", count, layout.STATE_ROWS)
        self.state[:, layout.TASK] = TASKS.index(task)
        self.state[:, layout.CLASSIC] = classic
        self.state[:, layout.SHAPING] = shaping
        self.state[:, layout.TEACHER] = teacher_every

    @property
    def classic(self) -> bool:
        """Whether this is the unit square (True) or the torus (False)."""
        return bool(self.state[0, layout.CLASSIC])

    def switch_task(self, task: int) -> None:
        """Give every lane another task. Raises ValueError where there is no such task."""
        if task not in range(len(TASKS)):
            raise ValueError(
                f"task: {task} is not one of " + ", ".join(f"{k} ({name})" for k, name in enumerate(TASKS))
            )
        self.state[:, layout.TASK] = task
        self.state[:, [layout.TURN, layout.AGE]] = 0.0

    def drag_target(self, x: float, y: float) -> None:
        """Put every lane's target at (x, y): wrapped onto the torus, or clamped to where the classic target may be."""
        if not (math.isfinite(x) and math.isfinite(y)):
            raise ValueError(f"drag_target: ({x}, {y}) is not a point")
        if self.classic:
            x, y = (min(max(z, layout.MARGIN), 1 - layout.MARGIN) for z in (x, y))
        else:
            x, y = (z % 1.0 % 1.0 for z in (x, y))  # twice: -1e-20 % 1.0 is 1.0
        self.state[:, layout.TARGET_X], self.state[:, layout.TARGET_Y] = x, y

    def sample_states(
        self, count: int, task: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Uniformly random states of one task: observations (count, 8) and the oracle's actions (count,)."""
        probe = Lanes(count, self.classic, TASKS[task], 0.0, 1)
        probe.state[:, [layout.AGENT_X, layout.AGENT_Y]] = rng.random((count, 2))
        low = layout.MARGIN if self.classic else 0.0
        probe.state[:, [layout.TARGET_X, layout.TARGET_Y]] = rng.uniform(low, 1 - low, (count, 2))
        probe.sense()
        return probe.observation[0], probe.told[0, layout.TEACHER_ACTION]

    def get_state(self, generators: Generators) -> dict[str, NDArray[Any]]:
        """Everything that the future depends on, as copies; `generators` are the lanes' own, one each."""
        return {
            "state": self.state.copy(order="C"),
            "stream": self.stream.copy(order="C"),
            "generator": np.stack([pack(generator) for generator in generators]),
        }

    def set_state(self, state: dict[str, NDArray[Any]]) -> list[np.random.Generator]:
        """Inverse of get_state, returning the lanes' generators. Raises ValueError where an entry does not fit."""
        generator = np.zeros((self.count, WORDS_OF_PCG64), np.uint64)
        check_entries(state, {"state": self.state, "stream": self.stream, "generator": generator})
        values = state["state"]
        if not (
            np.isfinite(values).all()
            and ((values[:, :4] >= 0) & (values[:, :4] <= 1)).all()
            and np.isin(values[:, layout.TASK], (0, 1)).all()
            and (values[:, layout.CLASSIC] == self.classic).all()
        ):
            raise ValueError("world state: 'state' is damaged, or of another world")
        self.state[:], self.stream[:] = values, state["stream"]
        return [unpack(words) for words in state["generator"]]


def check_options(shaping: float, teacher_every: int) -> None:
    """Raise ValueError where one of these options of every world here is not what it should be."""
    if not math.isfinite(shaping):
        raise ValueError(f"shaping: {shaping} is not a finite number")
    if teacher_every != int(teacher_every) or teacher_every < 0:
        raise ValueError(f"teacher_every: {teacher_every} is not a whole number of ticks, 0 for a silent teacher")


def check_entries(state: dict[str, NDArray[Any]], alike: dict[str, NDArray[Any]]) -> None:
    """Raise ValueError, naming the entry, where one is not an array of the shape and dtype of its like."""
    for name, like in alike.items():
        value = state.get(name)
        if not isinstance(value, np.ndarray) or value.shape != like.shape or value.dtype != like.dtype:
            raise ValueError(f"world state: {name!r} should be an array {like.shape} of {like.dtype}")
