"""Checkpoints: whole at any moment, exact, and refused with a reason when they do not fit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from agentsim.config.load import Config
from agentsim.config.stamped import write_stamped
from agentsim.errors import UserError
from agentsim.loop.commands import DragTarget, Push, SetLearning, SwapBrain, SwitchTask
from agentsim.loop.simulation import Simulation
from agentsim.runs.checkpoint import CHECKPOINT, Header, read_checkpoint
from agentsim.runs.directory import COMMANDS, HASHES, METRICS, RESULT, Recorder
from agentsim.runs.recorded import Checkpoints, record, replay, resume

Make = Callable[..., Config]
TICKS = 150
PHASES = [{"task": "chase", "seconds": 0.7}, {"task": "avoid", "seconds": 0.9}]
WORLDS = ["agentsim/ChaseAvoid-v0", "CartPole-v1"]
SWAP = SwapBrain(name="other", config={"kind": "linear", "rate": 0.3})


def config_of(make: Make, world: str) -> Config:
    return make(world, phases=PHASES if world == WORLDS[0] else [])


def plan(world: str) -> dict[int, Any]:
    """What a person does in the run, by tick."""
    hand = {20: DragTarget(x=0.2, y=0.3), 90: SwitchTask(task=0)} if world == WORLDS[0] else {20: Push(direction=1)}
    return {**hand, 35: SetLearning(on=False), 60: SetLearning(on=True), 75: SWAP}


def live(simulation: Simulation, until: int) -> None:
    due = plan(simulation.config.world.id)

    def act(simulation: Simulation) -> None:
        if simulation.tick_index in due and simulation.tick_index < until:
            simulation.submit(due[simulation.tick_index])

    act(simulation)
    simulation.run(until - simulation.tick_index, act)
    assert simulation.error is None


def comparable(run: Path) -> tuple[Any, ...]:
    """Everything in a run directory that does not speak of wall time."""
    result = json.loads((run / RESULT).read_text())
    figures = {k: result[k] for k in ("ticks", "hash", "accuracy", "score", "probe", "phases", "events", "episodes")}
    return figures, *((run / name).read_text() for name in (METRICS, HASHES, COMMANDS))


@pytest.fixture(scope="module", params=WORLDS)
def uninterrupted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    make = request.getfixturevalue("make_config_once")
    run = tmp_path_factory.mktemp("whole") / "run"
    simulation = record(config_of(make, request.param), run)
    live(simulation, TICKS)
    simulation.close()
    return request.param, comparable(run)


@settings(max_examples=6, deadline=None)
@example(k=45)  # while it does not learn
@example(k=80)  # after a swap
@given(k=st.integers(0, TICKS))
def test_checkpoint_at_k_and_resume_equals_uninterrupted(k: int, uninterrupted: Any, make_config_once: Make) -> None:
    """Stop after k ticks, resume in a new simulation: hashes, metrics, commands and figures are the same to the bit."""
    world, expected = uninterrupted
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        simulation = record(config_of(make_config_once, world), run)
        live(simulation, k)
        simulation.close()
        resumed = resume(run)
        assert resumed.tick_index == k
        live(resumed, TICKS)
        resumed.close()
        assert comparable(run) == expected
        again, check = replay(run)
        again.run()
        assert (again.tick_index, check.first_difference) == (TICKS, None)


def test_later_records_are_cut_back_and_later_commands_done_again(tmp_path: Path, make_config: Make) -> None:
    """A run that dies 10 ticks after its last checkpoint: what came after is written again, commands included."""
    run, whole = tmp_path / "run", tmp_path / "whole"
    for directory, closes in ((whole, True), (run, False)):
        simulation = record(make_config("CartPole-v1"), directory)
        simulation.run(62)
        simulation.submit(Push(direction=1))
        simulation.run(18)
        if closes:
            simulation.close()
        else:  # no checkpoint after the one at tick 60
            recorder, checkpoints = simulation.listeners
            assert isinstance(recorder, Recorder) and isinstance(checkpoints, Checkpoints)
            checkpoints.wait()
            recorder.close()
    resumed = resume(run)
    assert resumed.tick_index == 60
    resumed.run(20)
    resumed.close()
    assert comparable(run) == comparable(whole)


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import linear_brain
from agentsim import register_brain
from agentsim.config.load import load_config
from agentsim.runs.directory import CONFIG
from agentsim.runs.recorded import record
register_brain("linear", linear_brain.LinearBrain)
simulation = record(load_config(Path(sys.argv[2])), Path(sys.argv[3]))
simulation.warm_up()
print("running", flush=True)
simulation.run()
simulation.close()
sys.exit(128 + simulation.interrupted)
"""


@pytest.fixture
def start(tmp_path: Path, make_config: Make) -> Callable[[str], tuple[subprocess.Popen[str], Path]]:
    """Start a run without end, flat out, in a process of its own, with checkpoints all the time."""

    def started(name: str) -> tuple[subprocess.Popen[str], Path]:
        config, run = tmp_path / f"{name}.yaml", tmp_path / name
        config.write_text(make_config(run__checkpoint_every=0.1).to_yaml())
        command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parents[1]), str(config), str(run)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        return process, run

    return started


def test_kill_leaves_a_whole_checkpoint_that_resumes_exactly(start: Any) -> None:
    """SIGKILL at some moment: the checkpoint is whole, and the resumed run agrees with a replay from the beginning."""
    rng = np.random.default_rng()
    processes = [start(f"run{n}") for n in range(3)]
    for process, _ in processes:
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        process.wait()
    for _, run in processes:
        resumed = resume(run)
        resumed.run(30)
        assert resumed.error is None
        resumed.close()
        again, check = replay(run)
        again.run()
        assert (again.tick_index, check.first_difference) == (resumed.tick_index, None)


def test_ctrl_c_saves_the_tick_it_stopped_at(start: Any) -> None:
    process, run = start("run")
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    ticks = json.loads((run / RESULT).read_text())["ticks"]
    assert read_checkpoint(run / CHECKPOINT)[0].tick == ticks > 0


def test_two_processes_cannot_write_one_run(start: Any) -> None:
    process, run = start("run")
    with pytest.raises(UserError, match="another agentsim is still running"):
        resume(run)
    process.kill()
    process.wait()
    resume(run).close()


@pytest.fixture
def checkpoint(tmp_path: Path, make_config: Make) -> Path:
    simulation = record(make_config(), tmp_path / "run")
    simulation.run(5)
    simulation.close()
    return tmp_path / "run" / CHECKPOINT


def test_a_checkpoint_is_a_safetensors_file_with_json_in_its_header(checkpoint: Path) -> None:
    """Read with the safetensors library alone: the brain's arrays are there under their names."""
    arrays = load_file(checkpoint)
    assert arrays["brain/weights"].shape == (8, 4)
    assert "environment/observation" in arrays


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_damaged_files_are_named(keep: int, checkpoint: Path) -> None:
    checkpoint.write_bytes(checkpoint.read_bytes()[:keep])
    with pytest.raises(UserError, match=f"{CHECKPOINT}: damaged or cut off"):
        resume(checkpoint.parent)


def test_a_flipped_bit_anywhere_is_noticed(checkpoint: Path) -> None:
    """In the lengths, in the names, in the words and in every number: none resumes as another run."""
    whole = checkpoint.read_bytes()
    for position in range(len(whole)):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << position % 8
        checkpoint.write_bytes(flipped)
        with pytest.raises(UserError, match=CHECKPOINT):
            read_checkpoint(checkpoint)
    checkpoint.write_bytes(whole)
    assert read_checkpoint(checkpoint)[0].tick == 5


def test_foreign_and_other_versions_are_named(checkpoint: Path) -> None:
    header, arrays = read_checkpoint(checkpoint)
    save_file(arrays, checkpoint, {"agentsim": header.model_dump_json().replace('"format":2', '"format":1')})
    with pytest.raises(UserError, match="another version"):
        resume(checkpoint.parent)
    save_file(arrays, checkpoint, {"agentsim": header.model_dump_json().replace('"tick":5', '"tick":-5')})
    with pytest.raises(UserError, match=f"{CHECKPOINT}: header: tick"):
        resume(checkpoint.parent)
    save_file(arrays, checkpoint)
    with pytest.raises(UserError, match="no checkpoint of agentsim"):
        resume(checkpoint.parent)
    checkpoint.unlink()
    with pytest.raises(UserError, match="no checkpoint there"):
        resume(checkpoint.parent)


@pytest.mark.parametrize("name", ["brain/weights", "environment/observation"])
def test_other_shapes_are_named(name: str, checkpoint: Path) -> None:
    header, arrays = read_checkpoint(checkpoint)
    write_stamped(checkpoint, header, {**arrays, name: np.zeros((3, 3), np.float32)})
    with pytest.raises(UserError, match=f"{CHECKPOINT}: {name.partition('/')[2]}"):
        resume(checkpoint.parent)


def test_a_changed_config_is_named(checkpoint: Path) -> None:
    config = checkpoint.parent / "config.yaml"
    config.write_text(config.read_text().replace("steps_per_tick: 2", "steps_per_tick: 3"))
    with pytest.raises(UserError, match="config beside it"):
        resume(checkpoint.parent)


def test_writing_is_atomic(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the disk fails before the new file is in place the old one is untouched, and nothing is left beside it."""
    before = checkpoint.read_bytes()
    header, arrays = read_checkpoint(checkpoint)

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        write_stamped(checkpoint, Header.model_validate(header.model_dump()), arrays)
    assert checkpoint.read_bytes() == before
    assert not list(checkpoint.parent.glob("*.tmp"))


def test_an_interrupt_in_the_middle_of_a_tick_does_not_spoil_the_checkpoint(tmp_path: Path, make_config: Make) -> None:
    """A second Ctrl-C, in the brain's learning of tick 40: what is kept is the whole tick before, lived again from
    the checkpoint of tick 30 (0.5 s).

    A spoilt state has no hash; the 40 whole ticks replay.
    """
    simulation = record(make_config(), tmp_path / "run")
    simulation.run(40)
    brain: Any = simulation.brain

    def interrupted(_: Any) -> None:
        raise KeyboardInterrupt

    brain.learn = interrupted
    with pytest.raises(KeyboardInterrupt):
        simulation.run(1)
    result = simulation.close()
    assert result["hash"] is None and result["saved_ticks"] == 40
    again, check = replay(tmp_path / "run")
    again.run()
    assert (again.tick_index, check.first_difference) == (40, None)
    resumed = resume(tmp_path / "run")
    assert resumed.tick_index == 40
    resumed.run(40)
    resumed.close()
    again, check = replay(tmp_path / "run")
    again.run()
    assert (again.tick_index, check.first_difference) == (80, None)
