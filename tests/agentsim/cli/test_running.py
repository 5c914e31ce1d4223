"""What a person is told about a run that is not in its figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest

from agentsim.cli import running
from agentsim.config.load import Config
from agentsim.loop.simulation import Simulation


class Forgetful(gymnasium.Env[Any, Any]):
    """Says that it can be saved, but forgets where it is."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.place = np.zeros(1, np.float32)
        return self.place.copy(), {}

    def step(self, action: Any) -> Any:
        self.place += 1
        return self.place.copy(), 0.0, False, False, {}

    def get_state(self) -> dict[str, Any]:
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        pass


gymnasium.register("test/ForgetfulHere-v0", entry_point=Forgetful)


@pytest.mark.parametrize(("world", "said"), [("test/ForgetfulHere-v0", True), ("CartPole-v1", False)])
def test_a_world_whose_state_is_not_trusted_is_named(
    world: str, said: bool, make_config: Callable[..., Config], capsys: pytest.CaptureFixture[str]
) -> None:
    simulation = Simulation(make_config(world, run__seconds=0.1))
    result = running.live(simulation, headless=True, quiet=True)
    shown = capsys.readouterr()
    assert (result["ticks"], result["error"]) == (6, None)
    assert shown.out == ""
    assert (f"{world}: what get_state() saved" in " ".join(shown.err.split())) == said
