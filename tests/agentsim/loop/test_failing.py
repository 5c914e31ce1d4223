"""Brains, worlds and probes that fail: it is reported, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from agentsim.config.load import Config
from agentsim.errors import UserError
from agentsim.runs.recorded import record, resume
from tests.agentsim.loop.finishing import finished

Make = Callable[..., Config]


class Faulty(gymnasium.Env[Any, Any]):
    """Fails in its 25th step, as told; has no get_state."""

    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, leaves: bool = False) -> None:
        self.failure: BaseException = SystemExit(0) if leaves else ZeroDivisionError("the floor gave way")

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> Any:
        self.steps += 1
        if self.steps == 25:
            raise self.failure
        return self.np_random.uniform(-1, 1, 2).astype(np.float32), 1.0, False, False, {}


gymnasium.register("test/Faulty-v0", entry_point=Faulty)
gymnasium.register("test/Leaving-v0", entry_point=Faulty, kwargs={"leaves": True})


@pytest.mark.parametrize(
    ("world", "brain", "culprit", "what"),
    [
        ("CartPole-v1", {"fail_at": 25}, r"act\(\)", "ArithmeticError: the brain lost its mind"),
        ("CartPole-v1", {"nan_at": 25}, r"act\(\)", "returned .*nan"),
        ("Pendulum-v1", {"nan_at": 25}, r"act\(\)", "returned .*nan"),
        ("test/Faulty-v0", {}, r"step\(\)", "ZeroDivisionError: the floor gave way"),
        ("test/Leaving-v0", {}, r"step\(\)", "SystemExit: 0"),
    ],
)
def test_failures_are_reported_and_nothing_is_lost(
    world: str, brain: dict[str, Any], culprit: str, what: str, tmp_path: Path, make_config: Make
) -> None:
    """The 25th tick fails: the run stops after 24, all of which are saved; the same run without the fault goes on."""
    run = tmp_path / "run"
    simulation = record(make_config(world, brain={"kind": "linear", **brain}), run)
    simulation.run(100)
    assert simulation.tick_index == 24
    error = str(simulation.error)
    assert error.startswith("tick 24: ")
    with pytest.raises(UserError, match=f"{culprit} failed.*{what}(.|\n)*saved up to tick 24"):
        raise simulation.error  # type: ignore[misc]
    assert "Traceback" in (run / "error.txt").read_text()
    assert simulation.close()["error"] == error
    if not world.startswith("test/"):
        whole = finished(make_config(world), 24)
        resumed = resume(run)
        assert resumed.tick_index == 24
        assert resumed.brain.state_dict()["weights"].tobytes() == whole.brain.state_dict()["weights"].tobytes()
        np.testing.assert_array_equal(resumed.environment.observation, whole.environment.observation)
        resumed.close()


def failing(*_: Any, **__: Any) -> Any:
    raise MemoryError("no room")


def test_a_warm_up_that_fails_is_reported(tmp_path: Path, make_config: Make) -> None:
    simulation = record(make_config(), tmp_path / "run")
    brain: Any = simulation.brain
    brain.warm_up = failing
    simulation.run(10)
    assert simulation.tick_index == 0
    assert "tick 0: warming up failed" in str(simulation.error)
    assert "MemoryError: no room" in str(simulation.error)
    assert simulation.close()["error"] == str(simulation.error)
    assert resume(tmp_path / "run").tick_index == 0


def test_a_tick_that_fails_while_it_is_recorded_is_saved(tmp_path: Path, make_config: Make) -> None:
    """All of the 60th tick is done but for what a brain tells of itself: the state is that of 60 ticks."""
    simulation = record(make_config(run__checkpoint_every=100), tmp_path / "run")
    simulation.run(35)
    brain: Any = simulation.brain
    brain.figures = failing
    simulation.run(100)
    assert simulation.tick_index == 60 and "recording failed" in str(simulation.error)
    assert simulation.close()["hash"] == finished(make_config(run__checkpoint_every=100), 60).close()["hash"]
    assert resume(tmp_path / "run").tick_index == 60


def test_a_state_that_cannot_be_told_leaves_the_last_checkpoint(tmp_path: Path, make_config: Make) -> None:
    """It fails in every hash and checkpoint from tick 35 on: that of tick 30 stays, and nothing else is lost."""
    simulation = record(make_config(run__hash_every=1000), tmp_path / "run")
    simulation.run(35)
    brain: Any = simulation.brain
    brain.state_dict = failing
    simulation.run(100)
    assert simulation.tick_index == 60 and "MemoryError: no room" in str(simulation.error)
    result = simulation.close()
    assert (result["ticks"], result["hash"]) == (60, None) and "the last state is not saved" in result["problem"]
    assert resume(tmp_path / "run").tick_index == 30


def test_a_last_probe_that_fails_loses_nothing_else(tmp_path: Path, make_config: Make) -> None:
    """The run is saved to its last tick, and every other figure is that of a run that is not probed."""
    simulation = record(make_config(), tmp_path / "run")
    simulation.run(35)
    brain: Any = simulation.brain
    brain.frozen_copy = failing
    result = simulation.close()
    assert "the probe failed" in result["error"] and "saved" not in result["error"]
    assert "MemoryError: no room" in (tmp_path / "run" / "error.txt").read_text()
    unprobed = finished(make_config(run__probe_states=0), 35).close()
    for name in ("ticks", "probe", "hash", "accuracy", "score", "phases", "learning_steps"):
        assert result[name] == unprobed[name]
    assert resume(tmp_path / "run").tick_index == 35
