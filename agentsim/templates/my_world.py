"""my_world: walk along a line to a target, with a teacher that knows the way.

agentsim run my_world.yaml --import my_world
"""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium
import numpy as np

import agentsim

STEP = 0.05  # lengths a tick
NEAR = 0.05  # closer than this is a find


class MyWorld(gymnasium.Env[np.ndarray[Any, Any], int]):
    """A line from -1 to 1. On each tick the agent steps left (action 0) or right (1); a found target reappears.

    Observation, (2,) float32: the agent's place, and half the way from it to the target, each in [-1, 1].
    Reward: 1 for a find. info: `teacher_action`, the right action for the observation that it comes with, and
    `events`, what happened on this tick.
    """

    observation_names = ("place", "way to the target")
    action_names = ("left", "right")
    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 60}  # type: ignore[misc]

    def __init__(self, render_mode: str | None = None) -> None:
        self.observation_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.action_space: gymnasium.spaces.Space[Any] = gymnasium.spaces.Discrete(2)
        self.render_mode = render_mode
        self.place = self.target = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
        """Start anywhere; the target is anywhere."""
        super().reset(seed=seed)
        self.place, self.target = self.np_random.uniform(-1, 1, 2)
        return self._observation(), self._info(finds=0)

    def step(self, action: int) -> tuple[np.ndarray[Any, Any], float, bool, bool, dict[str, Any]]:
        """One tick."""
        self.place = float(np.clip(self.place + (STEP if action == 1 else -STEP), -1, 1))
        found = abs(self.target - self.place) < NEAR
        if found:
            self.target = self.np_random.uniform(-1, 1)
        return self._observation(), float(found), False, False, self._info(finds=int(found))

    def _observation(self) -> np.ndarray[Any, Any]:
        return np.array([self.place, (self.target - self.place) / 2], np.float32)

    def _info(self, finds: int) -> dict[str, Any]:
        return {"teacher_action": int(self.target > self.place), "events": {"finds": finds}}

    def get_state(self) -> dict[str, Any]:
        """Everything that the future depends on, so that a run of any length goes on at once where it was."""
        return {"place": self.place, "target": self.target, "random": self.np_random.bit_generator.state}

    def set_state(self, state: dict[str, Any]) -> None:
        """Inverse of get_state."""
        self.place, self.target = state["place"], state["target"]
        self.np_random.bit_generator.state = state["random"]

    def render(self) -> np.ndarray[Any, Any]:
        """(64, 256, 3) uint8: the agent blue, the target red."""
        picture = np.full((64, 256, 3), 24, np.uint8)
        for x, colour in ((self.target, (220, 80, 60)), (self.place, (80, 150, 240))):
            column = int((x + 1) / 2 * 247) + 4
            picture[28:36, column - 4 : column + 4] = colour
        return picture


agentsim.register_world("MyWorld-v0", "my_world:MyWorld")
