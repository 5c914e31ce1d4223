"""Many lanes of a compiled world as a Gymnasium vector environment, moved by one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from worlds.lanes import CompiledLanes, check_entries, oracle

Observation = NDArray[np.float32]
Info = dict[str, Any]
L = TypeVar("L", bound=CompiledLanes)


class LanesVector(VectorEnv[Observation, NDArray[np.int64], NDArray[Any]], Generic[L]):
    """The lanes of a world: after reset(seed=s) lane i is the single world after reset(seed=s + i).

    A lane whose episode reaches `max_episode_steps` is truncated and reset within the same step; its last observation
    and info are in info["final_obs"] and info["final_info"]. Info is laid out as by gymnasium's SyncVectorEnv; masks
    of every lane, info["_..."], are read-only.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}  # type: ignore[misc]

    def __init__(
        self, lanes: L, observation_space: spaces.Box, action_space: spaces.Space[Any], max_episode_steps: int | None
    ) -> None:
        self.lanes, self.num_envs, self.max_episode_steps = lanes, lanes.count, max_episode_steps
        self.single_observation_space, self.single_action_space = observation_space, action_space
        self.observation_space = batch_space(observation_space, self.num_envs)
        self.action_space = batch_space(action_space, self.num_envs)
        self._generators: list[np.random.Generator] = []
        self._steps = np.zeros(self.num_envs, np.int64)
        self._everyone = np.ones(self.num_envs, np.bool_)
        self._everyone.setflags(write=False)

    @property
    def kernels(self) -> tuple[str, ...]:
        """The names of the kernels that it needs."""
        return self.lanes.kernels

    def _seen(self) -> tuple[Observation, Info]:
        """Observations (num_envs, ...) and info of the last tick, not views."""
        raise NotImplementedError

    def _rewards(self) -> NDArray[np.float64]:
        """The last tick's (num_envs,), not a view."""
        raise NotImplementedError

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Info]:
        """Start a new episode in every lane; `seed`: s for lanes s, s + 1, ..., or one seed a lane."""
        if seed is None or isinstance(seed, int | np.integer):
            seeds = [None if seed is None else int(seed) + lane for lane in range(self.num_envs)]
        else:
            seeds = list(seed)
        if len(seeds) != self.num_envs:
            raise ValueError(f"seed: {len(seeds)} seeds for {self.num_envs} lanes")
        if not self._generators:
            self._generators = [seeding.np_random(lane_seed)[0] for lane_seed in seeds]
        for lane, lane_seed in enumerate(seeds):
            if lane_seed is not None:
                self._generators[lane] = seeding.np_random(lane_seed)[0]
            self.lanes.begin(lane, self._generators[lane])
        self._steps[:] = 0
        return self._seen()

    def step(self, actions: NDArray[np.int64]) -> tuple[Observation, NDArray[Any], NDArray[Any], NDArray[Any], Info]:
        """One tick of every lane: actions (num_envs, ...) int -> observations, and rewards and flags (num_envs,)."""
        if not self._generators:
            raise gymnasium.error.ResetNeeded("call envs.reset() before envs.step()")
        self.lanes.advance(np.asarray(actions)[None])
        self._steps += 1
        rewards, terminated, final = self._rewards(), np.zeros(self.num_envs, np.bool_), {}
        if self.max_episode_steps is None:
            truncated = terminated.copy()
        else:
            truncated = self._steps >= self.max_episode_steps
            final = self._finish(truncated) if truncated.any() else {}
        observation, info = self._seen()
        info.update(final)
        return observation, rewards, terminated, truncated, info

    def _finish(self, done: NDArray[np.bool_]) -> Info:
        """Reset the lanes that are done; what they last showed, as SyncVectorEnv reports it."""
        last, info = self._seen()
        final = np.full(self.num_envs, None, object)
        for lane in np.flatnonzero(done):
            final[lane] = last[lane]
            self.lanes.begin(int(lane), self._generators[lane])
        self._steps[done] = 0
        return {"final_obs": final, "_final_obs": done, "final_info": _only(info, done), "_final_info": done}

    def observe(self) -> tuple[Observation, Info]:
        """The present observations and info, with no events: what to look at after a change by hand."""
        self.lanes.sense()
        return self._seen()

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Everything that the future depends on; the leading axis is the lane."""
        return {**self.lanes.get_state(self._generators), "steps": self._steps.copy()}

    def set_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Inverse of get_state. Raises ValueError, naming the entry, where one does not fit."""
        check_entries(state, {"steps": self._steps})
        self._generators = self.lanes.set_state(state)
        self._steps[:] = state["steps"]

    oracle = staticmethod(oracle)


def _only(info: Info, lanes: NDArray[np.bool_]) -> Info:
    """The info of some lanes, zero elsewhere."""
    return {
        key: _only(value, lanes) if isinstance(value, dict) else value * lanes.reshape(-1, *[1] * (value.ndim - 1))
        for key, value in info.items()
    }
