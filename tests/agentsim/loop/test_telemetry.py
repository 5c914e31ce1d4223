"""What ticks add up to, on ticks made by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from agentsim.loop.metrics import CURVES, Metrics
from agentsim.loop.telemetry import Telemetry
from brains.brain import NO_LABEL, Experience, Learning


def experience(action: int = 0, teacher: int | None = 0, reward: float = 0.0) -> Experience:
    nothing, no = np.zeros((1, 1), np.float32), np.zeros(1, np.bool_)
    teacher_action = None if teacher is None else np.array([teacher])
    return Experience(nothing, np.array([action]), np.array([reward], np.float32), nothing, no, no, teacher_action)


def add(telemetry: Telemetry, tick: int, *, events: dict[str, int] | None = None, **keys: Any) -> Metrics | None:
    return telemetry.add(tick, experience(**keys), Learning(2.0, 3, 1, {"norm": 0.5}), events or {}, None)


def test_a_row_a_second() -> None:
    """Four ticks a second: 2 right of 3 labelled ones, rewards 1, 2, 3, 4, two events."""
    telemetry = Telemetry(4)
    assert add(telemetry, 1, reward=1) is None
    assert add(telemetry, 2, reward=2, action=1, events={"bump": 2}) is None
    assert add(telemetry, 3, reward=3, teacher=NO_LABEL) is None
    row = add(telemetry, 4, reward=4)
    assert row is not None
    assert row.model_dump() == {
        "tick": 4, "ticks": 4, "task": None, "accuracy": 2 / 3, "score": None, "reward": 10.0, "loss": 2.0,
        "events": {"bump": 2}, "learning_steps": 12, "rollbacks": 4, "returns": [],"extra": {"norm": 0.5},
        "agents": {},
    }  # fmt: skip
    assert telemetry.rows == [row]
    add(telemetry, 5, teacher=None)
    assert telemetry.overall().ticks == 5
    assert telemetry.overall().accuracy == 2 / 3


def test_totals_are_the_sum_of_the_rows() -> None:
    """Three rows of two ticks; of every tick a reward of 1, 3 steps, 1 roll-back and a bump."""
    telemetry = Telemetry(2)
    for tick in range(1, 7):
        add(telemetry, tick, reward=1, events={"bump": 1})
    overall = telemetry.overall()
    assert (overall.ticks, overall.reward, overall.learning_steps, overall.rollbacks) == (6, 6.0, 18, 6)
    assert (overall.labelled, overall.correct, overall.learned, overall.mean_loss) == (6, 6, 6, 2.0)
    assert (overall.events, overall.extra, overall.said) == ({"bump": 6}, {"norm": 3.0}, {"norm": 6})


def test_every_agent_has_its_own_figures() -> None:
    """Two agents, of which the teacher names action 1 to both, and is silent to the second on the second tick."""
    telemetry = Telemetry(2, agents=("one", "two"))
    nothing, no = np.zeros((2, 1), np.float32), np.zeros(2, np.bool_)
    for tick, (actions, labels) in enumerate([([1, 0], [1, 1]), ([0, 1], [1, NO_LABEL])], 1):
        reward = np.array([tick, 10], np.float32)
        lived = Experience(nothing, np.array(actions), reward, nothing, no, no, np.array(labels))
        row = telemetry.add(tick, lived, Learning(), {"hits": 1}, None, {"hits": np.array([0, tick])})
    assert row is not None
    assert (row.accuracy, row.reward, row.events) == (1 / 3, (1 + 10) / 2 + (2 + 10) / 2, {"hits": 2})
    assert row.model_dump()["agents"] == {
        "one": {"accuracy": 1 / 2, "score": None, "reward": 3.0, "events": {"hits": 0}},
        "two": {"accuracy": 0.0, "score": None, "reward": 20.0, "events": {"hits": 3}},
    }


def test_counts_of_other_peoples_code_may_be_numpy_integers() -> None:
    """Rows and state are JSON data, and a count is a count."""
    telemetry = Telemetry(1)
    learning = Learning(np.float32(1), np.int64(2), np.int64(1), {"a": np.float32(1)})  # type: ignore[arg-type]
    row = telemetry.add(1, experience(), learning, {"x": np.int64(3), "y": 4.0}, None)  # type: ignore[dict-item]
    assert row is not None
    assert (row.learning_steps, row.rollbacks, row.events) == (2, 1, {"x": 3, "y": 4})
    json.dumps([row.model_dump(), telemetry.state()])
    assert {type(count) for count in row.events.values()} == {int}


def test_loss_leaves_out_what_is_not_finite_and_ticks_without_learning() -> None:
    telemetry = Telemetry(3)
    for tick, learning in enumerate([Learning(4.0, 1), Learning(np.nan, 1), Learning()], 1):
        row = telemetry.add(tick, experience(), learning, {}, None)
    assert row is not None
    assert (row.loss, row.learning_steps) == (4.0, 2)
    assert Metrics.model_validate_json(json.dumps(row.model_dump(), allow_nan=False)) == row


def test_rows_are_cut_at_a_switch_and_scores_are_normalised() -> None:
    """60 ticks of chase with 2 catches are 120 in 3,600: (120 - 20) / (220 - 20); 30 of avoid with one touch are 120
    of baseline 60 and oracle 0: -1. Scores are not clipped."""
    rates, names = {"chase": (20.0, 220.0), "avoid": (60.0, 0.0)}, {"chase": "catches", "avoid": "touches"}
    telemetry = Telemetry(40, ("chase", "avoid"), 0, rates, names)
    rows = [add(telemetry, tick, events={"catches": int(tick in (10, 50)), "touches": 1}) for tick in range(1, 61)]
    rows.append(telemetry.begin_phase(60, 1))
    rows += [add(telemetry, tick, events={"touches": int(tick == 70)}) for tick in range(61, 91)]
    assert [(row.tick, row.ticks, row.task) for row in rows if row] == [(40, 40, "chase"), (60, 20, "chase")]
    chase, avoid = telemetry.current()
    assert (chase.start, chase.sums.ticks, avoid.start, avoid.sums.ticks) == (0, 60, 60, 30)
    assert telemetry.score_of(0, chase.sums) == pytest.approx(0.5)
    assert telemetry.score_of(1, avoid.sums) == pytest.approx(-1)
    assert telemetry.switches == [(60, 1)]
    assert telemetry.score_of(-1, chase.sums) is None


def test_last_ten_seconds_of_a_phase() -> None:
    """One tick a second, an event each in the first five of 15 seconds: none in the last ten."""
    telemetry = Telemetry(1, ("chase",), 0, {"chase": (0.0, 3600.0)}, {"chase": "catches"})
    for tick in range(1, 16):
        add(telemetry, tick, events={"catches": int(tick <= 5)})
    (phase,) = telemetry.current()
    assert telemetry.score_of(0, phase.sums) == pytest.approx(5 / 15)
    assert telemetry.recent_score(phase) == 0


def test_episode_returns() -> None:
    telemetry = Telemetry(10)
    for tick in range(1, 31):
        telemetry.add(tick, experience(), Learning(), {}, float(tick))
    assert telemetry.totals.episodes == 30
    assert telemetry.totals.last_returns == [float(tick) for tick in range(11, 31)]
    assert telemetry.returns[-1] == (30, 30.0)


def test_history_is_bounded() -> None:
    telemetry = Telemetry(1)
    for tick in range(1, 20_001):
        add(telemetry, tick)
    ticks = [row.tick for row in telemetry.rows]
    assert len(ticks) <= 7_200
    assert ticks[-1] == 20_000
    assert ticks == sorted(ticks)


def test_curves_are_the_metrics_that_are_a_number() -> None:
    """All of them, but for how far the run is and how long the row."""
    numbers = {name for name, field in Metrics.model_fields.items() if field.annotation in (int, float, float | None)}
    assert {*CURVES} == numbers - {"tick", "ticks"}


def test_state_goes_through_json() -> None:
    """Saved in the middle of a second and of a phase, a second telemetry goes on to the same rows."""
    one, two = (Telemetry(7, ("a", "b"), 0) for _ in range(2))
    for tick in range(1, 18):
        one.add(tick, experience(tick % 2, reward=0.1 * tick), Learning(0.3, 1), {"x": 1}, 0.7)
        if tick == 9:
            one.begin_phase(9, 1)
    two.load_state(json.loads(json.dumps(one.state())))
    for tick in range(18, 40):
        rows = [t.add(tick, experience(tick % 2, reward=0.1), Learning(0.3, 1), {"x": 1}, 0.7) for t in (one, two)]
        assert rows[0] == rows[1]
    assert one.state() == two.state()
