"""A brain file acts as the brain that it was saved from, wherever the body is the same; anything else is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from agentsim.cli.app import app
from agentsim.config.brain_file import BrainHeader, read_brain_file
from agentsim.config.load import Config, load_brain, load_config
from agentsim.config.stamped import write_stamped
from agentsim.errors import UserError
from agentsim.loop.commands import SetLearning, SwapBrain
from agentsim.loop.probe import probe_simulation
from agentsim.loop.simulation import Simulation
from agentsim.runs.recorded import record, replay, resume

FAST = ["clock.pacing=none", "run.hash_every=10", "run.probe_states=200"]


def agentsim(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in the arena, of a small brain that has learned something."""
    directory = tmp_path_factory.mktemp("runs") / "arena"
    with record(load_config("arena", "arena-dense", FAST), directory) as simulation:
        simulation.run(120)
    return directory


@pytest.fixture
def file(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its brain, saved in the current directory."""
    monkeypatch.chdir(tmp_path)
    result = agentsim("brain", "save", run, "--out", "my.brain")
    assert result.exit_code == 0, result.output
    return Path("my.brain")


def knows(simulation: Simulation) -> dict[str, float]:
    return probe_simulation(simulation, 200)


def trained(run: Path) -> dict[str, float]:
    with resume(run) as simulation:
        return knows(simulation)


def test_it_acts_in_another_run_with_the_same_probe(run: Path, file: Path) -> None:
    """To the last digit, before it learns anything more."""
    with Simulation(load_config("arena", str(file), [*FAST, "run.seed=0"])) as other:
        assert knows(other) == trained(run)
        assert other.brain_name == "my"


def test_show_says_what_it_is(file: Path) -> None:
    said = agentsim("brain", "show", file)
    assert said.exit_code == 0
    for words in ("arena-dense, 120 ticks old", "8 observations and 4 choices", "ChaseAvoid-v0", "seed: 0"):
        assert words in said.stdout
    header, _ = read_brain_file(file)
    assert header.brain == load_brain("arena-dense")


def test_a_file_is_not_written_over(run: Path, file: Path) -> None:
    before = file.read_bytes()
    refused = agentsim("brain", "save", run, "--out", file)
    assert refused.exit_code == 2 and "--force" in refused.output and file.read_bytes() == before
    assert agentsim("brain", "save", run, "--out", file, "--force").exit_code == 0
    wrong = agentsim("brain", "save", run, "--out", "my.safetensors")
    assert wrong.exit_code == 2 and "NAME.brain" in wrong.output


def test_a_run_keeps_a_copy_so_that_it_is_repeatable(file: Path) -> None:
    with record(load_config("arena", str(file), FAST), Path("run")) as simulation:
        simulation.run(30)
        wanted = simulation.state_hash()
    file.unlink()
    shutil.move("run", "elsewhere")
    done, check = replay(Path("elsewhere"))
    with done:
        done.run()
        assert (done.state_hash(), check.first_difference) == (wanted, None)
    with resume(Path("elsewhere")) as again:
        assert again.state_hash() == wanted
    (copy,) = Path("elsewhere/brains").iterdir()
    copy.write_bytes(copy.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match="damaged"):
        resume(Path("elsewhere"))


def test_it_is_swapped_into_a_living_run(run: Path, file: Path) -> None:
    with record(load_config("arena", "constant", FAST), Path("run")) as simulation:
        simulation.run(10)
        simulation.submit(SetLearning(on=False))
        simulation.submit(SwapBrain(name="my", config=load_brain(str(file))))
        simulation.run(10)
        assert knows(simulation) == trained(run)
    file.unlink()
    done, check = replay(Path("run"))
    with done:
        done.run()
    assert check.first_difference is None


def test_yaml_names_it_and_changes_it(run: Path, file: Path) -> None:
    """By a path from the file that names it; other keys than in the file take the weights and not the moments."""
    Path("sub").mkdir()
    Path("sub/mine.yaml").write_text(
        "extends: arena\nbrain: {from: ../my.brain, optimizer: sgd, learning_rate: 0.001}\nclock: {pacing: none}\n"
    )
    with Simulation(load_config("sub/mine.yaml", overrides=FAST)) as other:
        assert other.config.one_brain["optimizer"] == "sgd"
        assert knows(other) == trained(run)
        other.run(20)
        assert other.error is None


def test_several_brains_from_one_file(file: Path) -> None:
    """In two places of one world, both with the weights of the file."""
    Path("duel.yaml").write_text(
        "extends: duel\nbrains: {chaser: {brain: {from: my.brain}}, evader: {brain: my.brain, every: 1}}\n"
    )
    with Simulation(load_config("duel.yaml", overrides=FAST)) as duel:
        team: Any = duel.brain
        _, arrays = read_brain_file(file)
        for member in team.members.values():
            assert np.array_equal(member.brain.state_dict()["parameters"], arrays["parameters"])
        duel.run(5)
        assert duel.error is None
    with record(load_config("duel.yaml", overrides=FAST), Path("run")) as duel:
        duel.run(5)
    saved = agentsim("brain", "save", "run", "--out", "chaser.brain")
    assert saved.exit_code == 2 and "--whose chaser" in saved.output
    assert agentsim("brain", "save", "run", "--whose", "chaser", "--out", "chaser.brain").exit_code == 0


def test_one_lane_serves_many(file: Path) -> None:
    options = ["world.options={chasers: 3, evaders: 1}"]
    Path("crowd.yaml").write_text("world: {id: agentsim/ChaseEvade-v0}\nbrain: my.brain\n")
    with Simulation(load_config("crowd.yaml", overrides=[*FAST, *options])) as crowd:
        _, arrays = read_brain_file(file)
        parameters = crowd.brain.state_dict()["parameters"]
        assert len(parameters) == 4 and all(np.array_equal(lane, arrays["parameters"][0]) for lane in parameters)


@pytest.mark.parametrize(
    ("config", "words"),
    [("cartpole", "was trained with 8 observations and 4 choices"), ("pendulum", "was trained with")],
)
def test_another_body_is_refused(file: Path, config: str, words: str) -> None:
    result = agentsim("run", config, "--brain", file, "--headless", "--ticks", 1)
    assert result.exit_code == 2 and ("has no teacher" in result.output or words in result.output)


def test_files_that_are_none_are_refused_in_a_line(file: Path, run: Path) -> None:
    whole = file.read_bytes()
    for content in (b"", b"nonsense", whole[: len(whole) // 2], whole[:-1] + b"\x01", b"\xff" * 100):
        file.write_bytes(content)
        for words in (("run", "arena", "--brain", file, "--headless", "--ticks", 1), ("brain", "show", file)):
            result = agentsim(*words)
            assert result.exit_code == 2 and "my.brain" in result.output, result.output
    shutil.copy(run / "checkpoint.safetensors", file)
    assert "cannot read" in agentsim("brain", "show", file).output
    missing = agentsim("run", "arena", "--brain", "none.brain", "--headless", "--ticks", 1)
    assert missing.exit_code == 2 and "no such file" in missing.output and "agentsim brain save" in missing.output


def test_indices_in_a_file_are_checked(file: Path) -> None:
    """A valid digest does not make a place in an array right."""
    header, arrays = read_brain_file(file)
    arrays["state"] = arrays["state"].copy()
    arrays["state"][0, 4] = 10**9
    write_stamped(file, BrainHeader.model_validate(header.model_dump()), arrays)
    result = agentsim("run", "arena", "--brain", file, "--headless", "--ticks", 1)
    assert result.exit_code == 2 and "outside" in result.output


# --- several brains in one body ------------------------------------------------------------------------------------

LANDER = {"kind": "stepping", "execution": "sequential", "layers": [{"units": 4}, {}]}


def two_torques(brains: dict[str, Any]) -> Config:
    data = {"world": {"id": "Torques-v0"}, "brains": brains, "clock": {"pacing": "none"}, "run": {"hash_every": 10}}
    return Config.model_validate(data)


@pytest.fixture
def _torques() -> Any:
    import gymnasium

    class Torques(gymnasium.Env[Any, Any]):
        """It remembers the last action, and pays for the sum."""

        observation_space = gymnasium.spaces.Box(-9, 9, (3,), np.float32)
        action_space = gymnasium.spaces.Box(np.float32([-1, -2, -3]), np.float32([1, 2, 3]))

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            super().reset(seed=seed)
            return np.zeros(3, np.float32), {}

        def step(self, action: Any) -> Any:
            return action.astype(np.float32), float(action.sum()), False, False, {}

    gymnasium.register("Torques-v0", entry_point=Torques)
    yield
    del gymnasium.registry["Torques-v0"]


@pytest.mark.usefixtures("_torques")
def test_brains_in_one_body_move_their_own_numbers() -> None:
    """A constant's number is low + share (high - low), of its own bounds, in its own column."""
    halves = {"b": {"brain": {"kind": "constant", "action": 1}, "actions": [2, 0]}}
    quarter = {"a": {"brain": {"kind": "constant", "action": 0.25}, "actions": [1]}}
    with Simulation(two_torques(halves | quarter)) as simulation:
        simulation.run(3)
        assert simulation.last is not None
        assert simulation.last.action.tolist() == [[1.0, -1.0, 3.0]]


@pytest.mark.usefixtures("_torques")
def test_they_learn_resume_and_replay(tmp_path: Path) -> None:
    config = two_torques(
        {"a": {"brain": LANDER, "actions": [0, 2]}, "b": {"brain": LANDER, "actions": [1], "every": 2}}
    )
    with record(config, tmp_path / "whole") as whole, record(config, tmp_path / "cut") as cut:
        whole.run(60)
        cut.run(33)
        assert whole.telemetry.overall().learning_steps > 60 and whole.error is None
        wanted = whole.state_hash()
    with resume(tmp_path / "cut") as again:
        again.run(27)
        assert again.state_hash() == wanted
    done, check = replay(tmp_path / "whole")
    with done:
        done.run()
    assert check.first_difference is None


@pytest.mark.usefixtures("_torques")
@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (([0], [1]), "nobody has action 2"),
        (([0, 1], [1, 2]), r"brains\.b\.actions: 1 is that of a already"),
        (([0, 1], [2, 3]), r"brains\.b\.actions: 3 is not one of the numbers 0 to 2"),
        (([0, 1], None), r"brains\.b\.actions: missing"),
    ],
)
def test_every_number_has_one_owner(actions: tuple[Any, Any], message: str) -> None:
    random = {"kind": "random"}
    with pytest.raises(UserError, match=message):
        Simulation(
            two_torques({"a": {"brain": random, "actions": actions[0]}, "b": {"brain": random, "actions": actions[1]}})
        )


def test_a_choice_cannot_be_shared() -> None:
    data = {"world": {"id": "CartPole-v1"}, "brains": {"a": {"brain": {"kind": "random"}, "actions": [0]}}}
    with pytest.raises(UserError, match="chooses one of 2 actions; brains share one body only"):
        Simulation(Config.model_validate(data))
