"""A small world in many forms, configs of it, and a run that is interrupted beside one that is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from agentsim.config.load import Config
from agentsim.config.stamped import write_stamped
from agentsim.loop.simulation import Simulation
from agentsim.runs.checkpoint import checkpoint_of, restore


class Walk(gymnasium.Env[Any, Any]):
    """A walk on 0 to 9 that may not step off; its observation and action spaces are those of a case."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012

    def __init__(self, case: str = "dict", render_mode: str | None = None) -> None:
        self.case, self.render_mode = case, render_mode
        self.observation_space = {
            "dict": spaces.Dict(place=spaces.Discrete(10), parity=spaces.MultiBinary(1)),
            "tuple": spaces.Tuple([spaces.Discrete(10), spaces.Box(0, 255, (1, 2), np.uint8)]),
            "multi": spaces.MultiDiscrete([10, 2]),
        }[case]
        two = spaces.MultiDiscrete([2, 2]) if case == "multi" else spaces.Discrete(2)
        self.action_space: Any = two
        self.place = 0

    def sensed(self) -> tuple[Any, dict[str, Any]]:
        observation: Any = {
            "dict": {"place": self.place, "parity": np.array([self.place % 2], np.int8)},
            "tuple": (self.place, np.array([[self.place, 255]], np.uint8)),
            "multi": np.array([self.place, self.place % 2]),
        }[self.case]
        mask = np.array([self.place > 0, self.place < 9], np.int8)
        info = {"action_mask": (mask, np.array([1, 0], np.int8)) if self.case == "multi" else mask}
        return observation, info

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place = int(self.np_random.integers(10))
        return self.sensed()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        move = int(np.ravel(action)[0])
        if self.case == "multi":
            assert action[1] == 0, "that was forbidden"
        self.place += 1 if move else -1
        assert 0 <= self.place <= 9, "that was forbidden"
        return *self.sensed()[:1], float(self.place == 9), self.place == 9, False, self.sensed()[1]

    def render(self) -> Any:
        return np.zeros((8, 8, 3), np.uint8)


class Grudge(Walk):
    """Its rewards remember how many episodes there were."""

    episodes = 0

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        self.episodes += 1
        return super().reset(**options)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        observation, reward, *rest = super().step(action)
        return observation, reward + self.episodes, *rest  # type: ignore[return-value]


class Remembers(Walk):
    """It has a state of plain data that is no mapping of arrays."""

    def get_state(self) -> Any:
        return (self.place, [self.np_random.bit_generator.state], {1: b"bytes"})

    def set_state(self, state: Any) -> None:
        place, (generator,), rest = state
        assert type(place) is int and rest == {1: b"bytes"}
        self.place, self.np_random.bit_generator.state = place, generator


WALKS = (Walk, Grudge, Remembers)


def config_of(world: dict[str, Any], brain: dict[str, Any] | None = None) -> Config:
    data = {
        "world": world,
        "brain": brain or {"kind": "random"},
        "clock": {"pacing": "none"},
        "run": {"hash_every": 10},
    }
    return Config.model_validate(data)


def resumed(config: Config, first: int, ticks: int) -> tuple[str, str]:
    """The hash of a run that goes on from a checkpoint, and of one that was never interrupted."""
    with Simulation(config) as whole:
        whole.run(ticks)
        assert whole.error is None
    with Simulation(config) as begun:
        begun.run(first)
        write_stamped(Path("checkpoint.safetensors"), *checkpoint_of(begun))
    with Simulation(config) as again:
        restore(again, Path("checkpoint.safetensors"))
        again.run(ticks - first)
        return again.state_hash(), whole.state_hash()


STREAMING = {"kind": "stepping", "execution": "sequential", "layers": [{"units": 4}, {}]}
