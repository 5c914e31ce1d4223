"""Gymnasium's classic control worlds, compiled, sixteen lanes of one: for those who live many lives of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from agentsim.compiled.cache import address, bound
from worlds.kernels import acrobot, cartpole, mountain_car
from worlds.kernels.classic_control import ENTRIES, KEY, LANE, LANES, TWO, ClassicControl

CLASSIC_CONTROL: dict[str, ClassicControl] = {
    world.environment: world for world in (cartpole.WORLD, acrobot.WORLD, mountain_car.WORLD)
}


class ClassicLanes:
    """LANES of a world by Gymnasium's id, in arrays with a column a lane: `state` (rows, LANES) float64, Gymnasium's
    first, then steps; `observations` (numbers, LANES) float32; `actions`, `rewards` and `ended` (LANES,). Raises
    KeyError for a world that is none of CLASSIC_CONTROL."""

    def __init__(self, environment: str) -> None:
        self.world = world = CLASSIC_CONTROL[environment]
        self.state = np.zeros((world.rows, LANES))
        self.observations = np.zeros((world.observations, LANES), np.float32)
        self.actions, self.ended = np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
        self.rewards = np.zeros(LANES, np.float32)
        arrays = (self.state, self.actions, self.observations, self.rewards, self.ended)
        self.program = np.zeros(ENTRIES, np.int64)
        self.program[: len(arrays)] = [array.ctypes.data for array in arrays]
        self.program[TWO] = 2
        begin, advance = world.kernels
        self.addresses = address(begin), address(advance)
        self._begin: Callable[[], object] = bound(begin, self.program, arrays)
        self.advance: Callable[[], object] = bound(advance, self.program, arrays)

    def begin(self, lane: int, key: int) -> None:
        """An episode in a lane, from the state that a key of 64 bits says."""
        self.program[LANE], self.program[KEY] = lane, np.uint64(key).astype(np.int64)
        self._begin()

    def observed(self) -> NDArray[np.float32]:
        """(LANES, numbers), a copy."""
        return np.ascontiguousarray(self.observations.T)
