"""The run directory: what is in it, that it is never overwritten, a full disk, and files that do not fit."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentsim.config.load import Config, load_config
from agentsim.errors import UserError
from agentsim.loop.clock import Clock
from agentsim.loop.commands import SwitchTask
from agentsim.loop.simulation import Simulation
from agentsim.runs.directory import COMMANDS, CONFIG, HASHES, METRICS, RESULT, SLACK, cut_back, new_run_directory
from agentsim.runs.recorded import keep, record, replay, resume
from agentsim.runs.recording import read_recording

Make = Callable[..., Config]


@pytest.fixture
def run(tmp_path: Path, make_config: Make) -> Path:
    simulation = record(make_config(), tmp_path / "run")
    simulation.submit(SwitchTask(task=1))
    simulation.run(65)
    simulation.close()
    return tmp_path / "run"


def test_everything_is_in_the_run_directory(run: Path, make_config: Make) -> None:
    names = {path.name for path in run.iterdir()}
    assert names >= {CONFIG, "versions.json", COMMANDS, METRICS, HASHES, RESULT, "checkpoint.safetensors"}
    assert SLACK not in names
    config = load_config(run / CONFIG)
    assert (config.run, config.world) == (make_config().run, make_config().world)
    rows = [json.loads(line) for line in (run / METRICS).read_text().splitlines()]
    assert [(row["tick"], row["ticks"], row["task"]) for row in rows] == [(60, 60, "avoid")]
    assert [json.loads(line)["tick"] for line in (run / HASHES).read_text().splitlines()] == [10, 20, 30, 40, 50, 60]
    assert json.loads((run / RESULT).read_text())["ticks"] == 65


def test_a_run_is_never_overwritten(
    run: Path, make_config: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="not empty"):
        new_run_directory("x", run)
    with pytest.raises(UserError, match="already holds a run"):
        record(make_config(), run)
    monkeypatch.chdir(tmp_path)
    assert len({new_run_directory("arena") for _ in range(3)}) == 3
    assert new_run_directory("x", tmp_path / "deep" / "er").is_dir()


def test_unwritable_places_are_named(tmp_path: Path, make_config: Make) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        new_run_directory("x", tmp_path / "file" / "run")
    with pytest.raises(UserError, match="cannot be written"):
        record(make_config(), tmp_path / "file" / "run")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("name", [METRICS, HASHES, "result.json", "checkpoint.safetensors"])
def test_a_full_disk_is_reported_and_the_run_goes_on(
    name: str, tmp_path: Path, make_config: Make, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/dev/full answers every write with ENOSPC; of what is written whole, the disk is full when it is to be kept."""
    run, fsync = tmp_path / "run", os.fsync

    def full(file: int) -> None:
        if name in Path(f"/proc/self/fd/{file}").readlink().name:
            raise OSError(28, "No space left on device")
        fsync(file)

    monkeypatch.setattr(os, "fsync", full)
    simulation = Simulation(make_config())
    recorder = keep(simulation, run)
    if name in (METRICS, HASHES):
        (run / name).unlink()
        (run / name).symlink_to("/dev/full")
        recorder._files[name] = (run / name).open("a")
    simulation.run(70)
    result = simulation.close()
    assert (simulation.error, result["ticks"]) == (None, 70)
    assert "No space left" in result["problem"]
    assert len([record for record in caplog.records if "No space left" in record.message]) == 1


def test_a_disk_that_is_full_from_the_beginning_is_reported(
    tmp_path: Path, make_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left behind that would be taken for a run."""

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(UserError, match=r"run: cannot be written: No space left.*--out"):
        record(make_config(), tmp_path / "run")
    assert not list((tmp_path / "run").iterdir())


def test_a_killed_run_that_learned_in_its_slack_replays(tmp_path: Path, virtual_time: Any, make_config: Make) -> None:
    """Cut off at tick 15, between the hash of tick 10 and the first row of metrics: ten ticks can be done again."""
    run = tmp_path / "run"
    config = make_config(learn={"slack": True}, clock={"pacing": "sleep", "tick_hz": 100})
    simulation = record(config, run, Clock(config.clock, virtual_time))
    brain: Any = simulation.brain
    rehearse = brain.rehearse

    def costing_a_millisecond() -> Any:
        virtual_time.pass_ms(1)
        return rehearse()

    brain.rehearse = costing_a_millisecond
    simulation.run(15)
    again, check = replay(run)
    again.clock.set_pacing("none")
    again.run()
    assert (again.tick_index, check.first_difference) == (10, None)
    (run / SLACK).unlink()
    assert read_recording(run).ticks == 0


def test_cut_back_keeps_the_learning_steps_of_the_ticks_before(tmp_path: Path) -> None:
    """Lines from the ticks 0, 3, 6 and 9 on, cut at 4: the first whole, one count of the second, none of the others."""
    lines = [(0, [1, 2, 3]), (3, [4, 5, 6]), (6, [7, 8, 9]), (9, [10])]
    (tmp_path / SLACK).write_text("".join(json.dumps({"tick": tick, "counts": n}) + "\n" for tick, n in lines))
    cut_back(tmp_path, 4)
    left = [json.loads(line) for line in (tmp_path / SLACK).read_text().splitlines()]
    assert left == [{"tick": 0, "counts": [1, 2, 3]}, {"tick": 3, "counts": [4]}]


def test_a_line_cut_off_by_a_kill_is_left_out(run: Path) -> None:
    with (run / HASHES).open("a") as file:
        file.write('{"tick": 70, "ha')
    assert max(read_recording(run).hashes) == 60


@pytest.mark.parametrize(
    ("name", "line", "problem"),
    [
        (COMMANDS, '{"tick": 3, "command": {"kind": "shell", "line": "rm"}}', "shell"),
        (COMMANDS, '{"tick": -3, "command": {"kind": "reset_world"}}', "tick"),
        (COMMANDS, '{"tick": 3, "command": {"kind": "drag_target", "x": 1e999, "y": 0}}', "command"),
        (COMMANDS, '{"tick": 3, "command": {"kind": "switch_task", "task": -1}}', "command.switch_task.task"),
        (COMMANDS, '{"tick": 3, "command": {"kind": "push", "direction": 2}}', "command.push.direction"),
        (COMMANDS, "!!python/object/apply:os.system [true]", "JSON"),
        (HASHES, '{"tick": 3, "hash": "zz"}', "hash"),
        (SLACK, '{"tick": 0, "counts": [1, -2]}', "counts.1"),
    ],
)
def test_lines_that_do_not_fit_are_named(name: str, line: str, problem: str, run: Path) -> None:
    number = len((run / name).read_text().splitlines()) + 1 if (run / name).exists() else 1
    with (run / name).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(UserError, match=f"{name}:{number}: .*{problem}"):
        replay(run)


def test_other_files_that_do_not_fit_are_named(run: Path, tmp_path: Path) -> None:
    (run / RESULT).write_text('{"ticks": "many"}')
    with pytest.raises(UserError, match=f"{RESULT}: ticks"):
        replay(run)
    resume(run).close()  # makes a new one
    replay(run)
    with pytest.raises(UserError, match="no run directory"):
        replay(tmp_path)


def test_tensorboard_reads_what_is_written(tmp_path: Path, make_config: Make) -> None:
    """One accuracy a simulated second, by tick. A record of the file is its length (8 bytes) and that one's checksum
    (4), then so many bytes, and their checksum: see `events`."""
    simulation = record(make_config(run__tensorboard=True), tmp_path / "run")
    simulation.run(130)
    simulation.close()
    (file,) = (tmp_path / "run" / "tensorboard").iterdir()
    rows = [json.loads(line) for line in (tmp_path / "run" / METRICS).read_text().splitlines()]
    written = [
        (event.step, event.wall_time, pytest.approx(value.simple_value, abs=1e-6))
        for event in events(file.read_bytes())
        for value in event.summary.value
        if value.tag == "accuracy"
    ]
    assert written == [(row["tick"], row["tick"] / 60, row["accuracy"]) for row in rows] and written


def events(content: bytes) -> Iterator[Any]:
    """The events of a TensorBoard file, as protobuf reads them; checksums are CRC-32C, rotated and shifted."""
    from tensorboardX.proto.event_pb2 import Event

    while content:
        size = int.from_bytes(content[:8], "little")
        record, content = content[: size + 16], content[size + 16 :]
        for part, checksum in ((record[:8], record[8:12]), (record[12:-4], record[-4:])):
            crc = crc32c(part)
            masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
            assert int.from_bytes(checksum, "little") == masked
        yield Event.FromString(record[12:-4])


def crc32c(data: bytes) -> int:
    """Castagnoli's checksum, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    return crc ^ 0xFFFFFFFF
