"""What a brain, a world or a disk does wrong costs no run: it is named, and what is written can be read again."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import gymnasium
import numpy as np
import pytest

from agentsim.config.load import Config, load_config
from agentsim.errors import UserError
from agentsim.loop.listener import Listener
from agentsim.loop.simulation import Simulation
from agentsim.runs import checkpoint, recorded
from agentsim.runs.checkpoint import CHECKPOINT, BackgroundWriter, checkpoint_of, read_checkpoint
from agentsim.runs.directory import new_run_directory
from agentsim.runs.recorded import record, resume
from agentsim.studies.compare import read_runs
from brains.brain import Learning

Make = Callable[..., Config]


@pytest.mark.parametrize("said", [{"extra": {"gap": math.nan, "fine": 1.0}}, {"loss": math.inf}, {"loss": math.nan}])
def test_figures_that_are_no_numbers_do_not_spoil_a_run(
    said: dict[str, Any], make_config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with record(make_config(), tmp_path / "run") as simulation:
        monkeypatch.setattr(simulation.brain, "learn", lambda _: Learning(**{"updates": 1, **said}))
        simulation.run(30)
        assert simulation.error is None
    read_checkpoint(tmp_path / "run" / CHECKPOINT)
    with resume(tmp_path / "run") as again:
        assert again.tick_index == 30


def test_counts_that_are_none_are_the_brains_fault(make_config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = Simulation(make_config(learn__steps_per_tick=1))
    monkeypatch.setattr(simulation.brain, "learn", lambda _: Learning(updates=-5))
    simulation.run(3)
    assert simulation.error is not None and "learning failed" in str(simulation.error) and "-5" in str(simulation.error)


@pytest.mark.parametrize("reward", [1e300, -1e39, math.nan, math.inf])
def test_a_reward_that_no_brain_can_hold_is_the_worlds_fault(
    reward: float, make_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulation = Simulation(make_config("CartPole-v1"))
    step = simulation.environment._env.step

    def wrong(action: Any) -> Any:
        observation, _, *rest = step(action)
        return observation, reward, *rest

    monkeypatch.setattr(simulation.environment._env, "step", wrong)
    simulation.run(3)
    assert simulation.error is not None and "step() failed" in str(simulation.error)


def test_a_close_that_raises_loses_no_figures(make_config: Make, tmp_path: Path, monkeypatch: Any) -> None:
    with record(make_config(), tmp_path / "run") as simulation:
        simulation.run(20)

        def close() -> None:
            raise RuntimeError("stuck")

        monkeypatch.setattr(simulation.environment._env, "close", close)
        figures = simulation.close()
    assert figures["ticks"] == 20 and "the world's close() failed" in figures["error"] and "stuck" in figures["error"]
    assert (tmp_path / "run" / "result.json").exists()


def test_of_the_waiting_checkpoints_the_newest_wins(
    make_config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first is being written five more come: two are written in all."""
    simulation, written, go_on, begun = Simulation(make_config()), list[int](), Event(), Event()

    def write(_: Path, header: Any, __: Any) -> None:
        begun.set()
        go_on.wait(10)
        written.append(header.tick)

    monkeypatch.setattr(checkpoint, "write_stamped", write)
    writer = BackgroundWriter(tmp_path / CHECKPOINT, lambda error: None)
    for tick in range(6):
        header, arrays = checkpoint_of(simulation)
        writer.save(header.model_copy(update={"tick": tick}), arrays)
        begun.wait(10)
    go_on.set()
    writer.wait()
    writer.close()
    assert written == [0, 5]


@pytest.mark.parametrize("name", ["commands.jsonl", "metrics.jsonl", "tensorboard"])
def test_links_in_a_run_directory_are_refused(name: str, make_config: Make, tmp_path: Path) -> None:
    """A run from somebody else must not write into files of ours."""
    precious = tmp_path / "precious"
    precious.write_text("mine")
    with record(make_config(), tmp_path / "run") as simulation:
        simulation.run(5)
    (tmp_path / "run" / name).unlink(missing_ok=True)
    (tmp_path / "run" / name).symlink_to(precious)
    with pytest.raises(UserError, match=f"{name}: is a link"):
        resume(tmp_path / "run")
    assert precious.read_text() == "mine"


def test_a_state_that_cannot_be_saved_is_said_and_the_run_goes_on(make_config: Make, tmp_path: Path) -> None:
    with record(make_config(), tmp_path / "run") as simulation:
        state = simulation.brain.state_dict
        simulation.brain.state_dict = lambda: {**state(), "odd": np.zeros(2, np.longdouble)}  # type: ignore[method-assign]
        simulation.run(20)
        figures = simulation.close()
    assert figures["ticks"] == 20 and "cannot be saved" in figures["problem"]


def test_names_of_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of a name in the same second has a suffix that is no seed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda _: "20260101-120000")
    names = [new_run_directory("arena-random-seed-3").name for _ in range(3)]
    assert names == [f"20260101-120000-arena-random-seed-3{end}" for end in ("", ".2", ".3")]


def test_compare_leaves_out_what_is_no_run(make_config: Make, tmp_path: Path) -> None:
    with record(make_config(), tmp_path / "run") as simulation:
        simulation.run(5)
    (tmp_path / "study").mkdir()
    runs, others = read_runs([tmp_path / "study", tmp_path / "run"])
    assert [run.directory for run in runs] == [tmp_path / "run"] and others == [tmp_path / "study"]
    with pytest.raises(UserError, match="not the directory of a run"):
        read_runs([tmp_path / "study"])


def test_a_long_episode_without_a_state_is_said_once(
    make_config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of CartPole, whose state agentsim does not know, an episode of a few ticks stands for one of an hour."""
    monkeypatch.setattr(recorded, "LONG_EPISODE", 5)
    notices: list[str] = []

    class Listening(Listener):
        def notice(self, text: str) -> None:
            notices.append(text)

    with record(make_config("CartPole-v1", run__checkpoint_every=8 / 60), tmp_path / "run") as simulation:
        simulation.listen(Listening())
        simulation.run(200)
    (said,) = notices
    assert "cannot tell its state" in said and "get_state() and set_state()" in said


@pytest.mark.parametrize(
    "override",
    ["world.options.evaders=1001", "learn.steps_per_tick=100001", "brains.chaser.every=10001"],
)
def test_what_would_make_a_tick_endless_has_an_upper_end(override: str) -> None:
    config = load_config("duel", overrides=["run.seconds=1"])
    with pytest.raises(UserError, match=override.partition("=")[0].rpartition(".")[2]):
        Simulation(load_config("duel", overrides=[override]), drawn=False)
    assert Simulation(config, drawn=False).end_tick == 60


class Gambler(gymnasium.Env[Any, Any]):
    """Draws from NumPy's shared generator, and from Python's."""

    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> Any:
        return np.array([np.random.random(), random.random()], np.float32), 1.0, False, False, {}  # noqa: NPY002


gymnasium.register("test/Gambler-v0", entry_point=Gambler)


def test_a_world_that_draws_from_the_shared_generators_is_the_same_in_every_run_and_said(
    make_config: Make, tmp_path: Path
) -> None:
    """Seeded with the run; nobody keeps their state, so a resume would be another life, and a person is told."""
    notices: list[str] = []

    class Listening(Listener):
        def notice(self, text: str) -> None:
            notices.append(text)

    hashes = []
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        np.random.seed(len(name))  # noqa: NPY002
        with record(make_config("test/Gambler-v0", run__seed=seed), tmp_path / name) as simulation:
            simulation.listen(Listening())
            simulation.run(100)
            hashes.append(simulation.close()["hash"])
    assert hashes[0] == hashes[1] != hashes[2]
    assert len(notices) == 3 and all("shared generator" in notice for notice in notices)
    notices.clear()
    with record(make_config("CartPole-v1"), tmp_path / "four") as simulation:
        simulation.listen(Listening())
        simulation.run(100)
    assert notices == []
