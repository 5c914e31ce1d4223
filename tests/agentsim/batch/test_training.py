"""The trainer, with a task whose every figure is known: w falls by a tenth a batch, and noise is drawn by number."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from agentsim.batch.settings import TrainingConfig
from agentsim.batch.training import Header, train
from agentsim.config.stamped import read_stamped, write_stamped
from agentsim.errors import UserError
from agentsim.runs.checkpoint import CHECKPOINT
from brains.brain import State


class FallConfig(TrainingConfig):
    mode: ClassVar[str] = "fall"
    least: ClassVar[str] = "`batches: ...`"
    example: ClassVar[str] = "batches=3"
    rate: ClassVar[str] = "factor"

    factor: float = 0.9
    turn: int = 10**9  # from this batch on w rises again


class Weight:
    """w, 1 at first."""

    size = 1

    def __init__(self) -> None:
        self.w = np.ones(1)

    def state_dict(self) -> State:
        return {"w": self.w.copy()}

    def load_state_dict(self, state: State) -> None:
        if state["w"].shape != (1,):
            raise ValueError("a state of another shape")
        self.w = state["w"].copy()


class Fall:
    """w after k batches is factor^k; the loss is w before the batch; `sum` is that of all noise there was."""

    def __init__(self, **keys: Any) -> None:
        self.config, self.learner = FallConfig(**keys), Weight()
        self.kept: State = {"sum": np.zeros(1)}
        self.asked: list[bool] = []

    def learn(self, batch: int, done: float) -> float:
        loss = float(self.learner.w[0])
        self.kept["sum"] = self.kept["sum"] + np.random.default_rng([self.config.seed, batch]).random(1)
        factor = self.config.factor
        self.learner.w = self.learner.w * (factor if batch < self.config.turn else 1 / factor)
        return loss

    def validate(self, *, quick: bool) -> dict[str, float]:
        self.asked.append(quick)
        return {"score": float(self.learner.w[0]), "twice": 2 * float(self.learner.w[0])}


def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock of processor time that says a second more whenever it is asked."""
    clock = iter(range(100_000))
    monkeypatch.setattr(time, "process_time", lambda: float(next(clock)))


def test_points_hold_the_mean_loss_and_the_figures_of_the_mode() -> None:
    trained = train(task := Fall(batches=10, eval_interval=4, quick_eval_interval=2))
    assert task.asked == [True, False, True, False, False]
    assert [point.batch for point in trained.curve] == [2, 4, 6, 8, 10]
    for point in trained.curve:
        losses = [0.9**k for k in range(point.batch - 2, point.batch)]
        assert point.loss == pytest.approx(sum(losses) / 2) and point.score == pytest.approx(0.9**point.batch)
        assert point.model_dump()["twice"] == 2 * point.score
    assert (trained.batches, trained.interrupted) == (10, False)
    assert trained.learner.w == pytest.approx(0.9**10)


def test_what_comes_back_is_what_was_best_and_not_the_last(tmp_path: Path) -> None:
    """It falls for seven batches and then rises: of those that are fully validated the 6th and the 8th are equal to
    rounding, and of equals the later is kept; a quick validation chooses nothing."""
    keys: dict[str, Any] = {"batches": 12, "eval_interval": 6, "quick_eval_interval": 1, "turn": 7, "factor": 0.5}
    trained = train(Fall(**keys), tmp_path)
    assert trained.learner.w == 0.5**6
    header, arrays = read_stamped(tmp_path / CHECKPOINT, Header)
    assert header.best_score == arrays["best.w"] == 0.5**6
    assert arrays["learner.w"] == 0.5**2  # 7 down, 5 up: where it goes on
    assert min(point.score for point in header.curve) == 0.5**7, "but that was a quick one"


def test_interrupted_after_every_batch_it_ends_the_same(tmp_path: Path) -> None:
    """Weights, what is kept besides, and the curve; noise by number gives a sum that is known."""
    keys: dict[str, Any] = {"batches": 9, "eval_interval": 4, "quick_eval_interval": 3, "seed": 5}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    train(Fall(**keys), whole)
    for batches in range(1, 10):
        asked = iter([False, True])
        part = train(Fall(**keys), parts, stop=lambda asked=asked: next(asked))  # type: ignore[misc]
        assert (part.batches, part.interrupted) == (batches, batches < 9)
    (one, its_arrays), (other, others_arrays) = (read_stamped(at / CHECKPOINT, Header) for at in (whole, parts))
    assert its_arrays.keys() == {"learner.w", "best.w", "sum"} == others_arrays.keys()
    for name, array in its_arrays.items():
        assert array.tobytes() == others_arrays[name].tobytes(), name
    assert others_arrays["sum"] == pytest.approx(sum(np.random.default_rng([5, k]).random() for k in range(9)))
    curves = [[point.model_dump(exclude={"cpu_seconds"}) for point in header.curve] for header in (one, other)]
    assert curves[0] == curves[1] and one.losses == other.losses


def test_a_checkpoint_of_another_config_or_damaged_is_refused(tmp_path: Path) -> None:
    train(Fall(batches=1), tmp_path)
    with pytest.raises(UserError, match="another config"):
        train(Fall(batches=2), tmp_path)
    path = tmp_path / CHECKPOINT
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="damaged"):
        train(Fall(batches=1), tmp_path)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [({"learner.w": np.ones(2), "sum": np.zeros(1)}, "another shape"), ({"learner.w": np.ones(1)}, "sum")],
)
def test_a_checkpoint_that_does_not_fit_its_task_is_refused(arrays: State, says: str, tmp_path: Path) -> None:
    train(Fall(batches=1), tmp_path)
    header, _ = read_stamped(tmp_path / CHECKPOINT, Header)
    write_stamped(tmp_path / CHECKPOINT, header, arrays)
    with pytest.raises(UserError, match=f"does not fit its config: .*{says}"):
        train(Fall(batches=1), tmp_path)


def test_a_checkpoint_is_written_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that passes twenty seconds a look, one lies there before the training is over."""
    clock = iter(range(0, 1_000_000, 20))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    there = []
    train(Fall(batches=5), tmp_path, on_progress=lambda progress: there.append((tmp_path / CHECKPOINT).exists()))
    assert not there[0] and there[-1]


def test_minutes_are_processor_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that says a second more whenever it is asked: .2 minutes are over after twelve answers."""
    ticking(monkeypatch)
    done: list[float] = []
    trained = train(Fall(minutes=0.2), on_progress=lambda progress: done.append(progress.done))
    assert not trained.interrupted and done == [pytest.approx((i + 1) / 12) for i in range(11)] + [1.0]


def test_the_last_validation_is_of_all_even_if_time_runs_out_during_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """On that clock the end comes in the middle of a quick validation, too."""
    ticking(monkeypatch)
    for seconds in range(3, 14):
        trained = train(Fall(minutes=seconds / 60, eval_interval=7, quick_eval_interval=2))
        assert not trained.interrupted
        assert not trained.curve[-1].quick and trained.curve[-1].batch == trained.batches


def test_a_validation_that_takes_all_that_is_left_is_followed_by_no_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch takes a second and a validation a hundred: after the first of either kind the minute is over, and what is
    quick is done again in full."""
    now = [0.0]

    class Slow(Fall):
        def learn(self, batch: int, done: float) -> float:
            now[0] += 1
            return super().learn(batch, done)

        def validate(self, *, quick: bool) -> dict[str, float]:
            now[0] += 100
            return super().validate(quick=quick)

    monkeypatch.setattr(time, "process_time", lambda: now[0])
    for interval, asked in ((2, [True, False]), (4, [False])):
        trained = train(task := Slow(minutes=1, eval_interval=4, quick_eval_interval=interval))
        assert (task.asked, trained.batches) == (asked, interval)


def test_a_loss_that_is_no_number_is_an_error_that_names_the_key() -> None:
    with np.errstate(over="ignore"), pytest.raises(UserError, match="no number after 3 batches; lower factor"):
        train(Fall(batches=10, factor=1e150))
