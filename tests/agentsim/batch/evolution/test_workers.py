"""A generation judged by many workers: what they do together is what one process does alone, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from typer.testing import CliRunner

from agentsim.batch import settings, training
from agentsim.batch.evolution.control import ControlTask
from agentsim.batch.evolution.judged import Judges
from agentsim.batch.evolution.ray_pool import coordinator_of
from agentsim.batch.evolution.regression import RegressionTask
from agentsim.batch.evolution.settings import AcrobotConfig, RegressionConfig, Workers
from agentsim.batch.evolution.workers import Call, Coordinator, Replica, Reply, in_words
from agentsim.cli.app import app
from agentsim.errors import UserError
from brains.brain import Float

REGRESSION = settings.load(RegressionConfig, "raw", ["batches=12", "evolution.population=640", "eval_interval=5"])
ACROBOT = settings.load(AcrobotConfig, "evolution", ["batches=3", "evolution.population=200", "validation_episodes=5"])


class HerePool:
    """A Pool in this process: replicas by number, `deaf` ones never answer, `slow` ones are not ready."""

    def __init__(self) -> None:
        self.replicas: dict[int, Replica] = {}
        self.calls: dict[int, Call] = {}
        self.log: list[tuple[int, Call]] = []
        self.deaf: set[int] = set()
        self.slow: set[int] = set()
        self.started = 0

    def start(self) -> int:
        self.started += 1
        self.replicas[self.started] = Replica()
        return self.started

    def ready(self, worker: int, patience: float) -> bool:
        return worker not in self.slow

    def send(self, worker: int, call: Call) -> None:
        self.calls[worker] = call
        self.log.append((worker, call))

    def receive(self, worker: int, patience: float) -> Reply | None:
        return None if worker in self.deaf else self.replicas[worker].live(self.calls.pop(worker))

    def stop(self, worker: int) -> None:
        del self.replicas[worker]


def trained(judges: Judges | None, before: Callable[[int], None] = lambda batch: None) -> RegressionTask:
    task = RegressionTask(REGRESSION, judges)
    for batch in range(12):
        before(batch)
        task.learn(batch, 0)
    return task


@pytest.fixture(scope="module")
def alone() -> Float:
    return trained(None).evolution.mean


@pytest.mark.parametrize("workers", [1, 2, 4, 7])  # of 5 chunks
def test_any_number_of_workers_does_what_one_process_does(alone: Float, workers: int) -> None:
    """Bit-identical with the task alone, in every replica; 4 bytes a pair to each worker, and 4 a pair from all."""
    pool = HerePool()
    coordinator = Coordinator(pool, workers)
    task = trained(coordinator)
    assert (task.evolution.mean == alone).all()
    last = task.judge(12, range(320)).differences  # tells every replica that the coordinator took the same last step
    for worker, replica in pool.replicas.items():
        told = coordinator.told
        assert told is not None
        pool.send(worker, Call(12, 0, 320, told[1], None))
        reply = pool.receive(worker, 0)
        assert reply is not None and (reply.judged.differences == last).all()
        assert replica.task is not None and (replica.task.evolution.mean == alone).all()
    assert coordinator.bytes_sent == 11 * workers * 4 * 320
    assert coordinator.bytes_received == 12 * 4 * 320
    assert coordinator.figures()["snapshots"] == workers and coordinator.lost == 0
    assert len(coordinator.seconds) == 12
    coordinator.seconds = [0.002, 0.5, 0.001]
    said = in_words(coordinator.figures())
    assert said.startswith(f"{workers} worker") and "2.0 ms a generation" in said and f"{12 * 4 * 320:,} rec" in said


def test_the_parts_of_a_generation_are_chunks() -> None:
    """Every pair is judged by one worker, in order."""
    pool = HerePool()
    trained(Coordinator(pool, 3))
    spans = [(call.first, call.stop) for _, call in pool.log[:3]]
    assert spans[0][0] == 0 and spans[-1][1] == 320
    assert all(one[1] == other[0] and one[1] % 64 == 0 for one, other in pairwise(spans))


def test_a_lost_worker_loses_no_generation_and_a_new_one_joins(alone: Float) -> None:
    """Worker 2 never answers in generation 4; worker 3, in its place, is there from generation 7 on, with one snapshot
    of its own. Nothing of that is seen in the parameters."""
    pool = HerePool()
    coordinator = Coordinator(pool, 2, patience=0)

    def before(batch: int) -> None:
        pool.deaf = {2} if batch == 4 else set()
        pool.slow = {3} if batch < 7 else set()

    task = trained(coordinator, before)
    assert (task.evolution.mean == alone).all() and coordinator.lost == 1
    asked = {(worker, call.generation): call for worker, call in pool.log}
    assert [generation for worker, generation in asked if worker == 2] == [0, 1, 2, 3, 4]
    assert [generation for worker, generation in asked if worker == 3] == [7, 8, 9, 10, 11]
    assert asked[3, 7].snapshot is not None and asked[3, 8].snapshot is None and coordinator.figures()["snapshots"] == 3
    assert asked[1, 5].stop == 320, "what is left does all"


def test_without_any_worker_left_the_run_goes_on(alone: Float) -> None:
    pool = HerePool()

    def before(batch: int) -> None:
        pool.deaf, pool.slow = ({1}, {2}) if batch > 3 else (set(), set())

    assert (trained(Coordinator(pool, 1, patience=0), before).evolution.mean == alone).all()


def test_a_replica_that_went_astray_is_told_all_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bit of worker 1's parameters flips in generation 1: until 6, where digests are compared, its differences are
    other ones; from then on its state is the coordinator's."""
    monkeypatch.setattr("agentsim.batch.evolution.workers.HASHED", 6)
    pool = HerePool()
    coordinator = Coordinator(pool, 2)

    def before(batch: int) -> None:
        mine = pool.replicas[1].task
        if batch == 1 and mine is not None:
            mine.evolution.mean[5] += 1

    task = trained(coordinator, before)
    asked = [(worker, call.generation) for worker, call in pool.log if call.snapshot is not None]
    assert asked == [(1, 0), (2, 0), (1, 7)]
    states = [replica.task.evolution for replica in pool.replicas.values() if replica.task is not None]
    for state in states:
        assert coordinator.told is not None
        state.tell(coordinator.told[1])
        assert (state.mean == task.evolution.mean).all()


def test_an_episode_is_the_same_wherever_it_is_lived() -> None:
    """Acrobot, of one worker after another task: parameters, steps, ties and losses."""
    one, other = ControlTask(ACROBOT), ControlTask(ACROBOT, Coordinator(HerePool(), 2))
    trained(other.judges)
    curves = [training.train(task).curve for task in (one, other)]
    assert (one.evolution.mean == other.evolution.mean).all() and one.kept == other.kept
    assert [{**point.model_dump(), "cpu_seconds": 0} for point in curves[0]] == [
        {**point.model_dump(), "cpu_seconds": 0} for point in curves[1]
    ]


def test_differences_are_float32_in_one_process_too() -> None:
    for task in (RegressionTask(REGRESSION), ControlTask(ACROBOT)):
        assert task.judge(0, range(64)).differences.dtype == np.float32


def test_a_call_of_another_generation_is_refused() -> None:
    with pytest.raises(ValueError, match="not there"):
        Replica().live(Call(3, 0, 64, None, None))


def test_no_worker_comes() -> None:
    pool = HerePool()
    pool.slow = {1, 2}
    with pytest.raises(UserError, match="no worker was there"):
        Coordinator(pool, 2)


@pytest.mark.parametrize("options", [["--workers", "2"], ["--address", "localhost:6379"]])
@pytest.mark.parametrize("mode", ["regression_es", "acrobot_es"])
def test_without_ray(mode: str, options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = CliRunner().invoke(app, ["train", mode, *options, "--seeds", "1"])
    assert isinstance(result.exception, UserError) or result.exit_code == 2
    said = str(result.exception) + result.output
    assert "Ray is not installed" in said and "python -m pip install 'agentsim[distributed]'" in said


def test_what_is_not_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    for address in ("auto", "ray://host:1", "host", "host:port"):
        with pytest.raises(UserError, match="HOST:PORT"), coordinator_of(Workers(None, address)):
            pass
