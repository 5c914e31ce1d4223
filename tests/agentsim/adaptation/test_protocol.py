"""A run of the adaptation benchmark is the simulation that it measures."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from agentsim.adaptation import protocol
from agentsim.config.load import Config
from agentsim.loop.simulation import Simulation


@pytest.fixture
def short(make_config: Callable[..., Config]) -> Config:
    """Chase for 2.5 s, then avoid for 2 s, at 10 ticks a second."""
    phases = [{"task": "chase", "seconds": 2.5}, {"task": "avoid", "seconds": 2.0}]
    return make_config(phases=phases, run__seconds=4.5, run__probe_states=50, clock__tick_hz=10)


def lived(config: Config) -> dict[str, Any]:
    found = protocol.run_once(config)
    assert found is not None
    json.dumps(found, allow_nan=False)
    assert found.keys() >= {*protocol.FIGURES}
    return found


def test_a_run_is_the_simulation_it_measures(short: Config) -> None:
    """The same hash, accuracies, scores and updates as the loop's own telemetry has, in the same windows."""
    found, simulation = lived(short), Simulation(protocol.hashed_once(short))
    simulation.run()
    telemetry = simulation.telemetry
    assert found["hash"] == simulation.state_hash()
    assert [(w["start"], w["ticks"]) for w in found["windows"]] == [(0, 10), (10, 10), (20, 5), (25, 10), (35, 10)]
    assert [window["accuracy"] for window in found["windows"]] == [row.accuracy for row in telemetry.rows]
    result = simulation.close()
    for ours, theirs in zip(found["phases"], result["phases"], strict=True):
        for name in ("task", "start", "ticks", "accuracy"):
            assert ours[name] == theirs[name]
        assert ours["score"] == pytest.approx(theirs["score"])
    assert found["phases"][-1]["probe"] == result["probe"]
    assert found["phases"][-1]["retention"] == result["probe"]["chase"]
    assert found["updates"] == found["samples"] == 2 * 45  # the linear brain makes two steps of one sample
    first, second = found["phases"]
    assert [first[name] for name in ("first_window", "lowest_window", "recovery")] == [None] * 3
    accuracies = [window["accuracy"] for window in found["windows"]]
    assert (second["first_window"], second["lowest_window"]) == (accuracies[3], min(accuracies[3:]))


def test_accuracy_does_not_depend_on_how_often_the_teacher_speaks(short: Config) -> None:
    """A brain that hears nothing does the same under a silent teacher, and is as often right, on every tick."""
    figures = []
    for every in (1, 7, 0):
        world = short.world.model_copy(update={"options": {"teacher_every": every}})
        found = lived(short.with_brain({"kind": "random"}).model_copy(update={"world": world}))
        figures.append([found["accuracy"], found["windows"]])
    assert figures[0] == figures[1] == figures[2]


def test_who_asks_the_oracle_is_not_probed(short: Config) -> None:
    found = lived(short.with_brain({"kind": "oracle", "delay": 0}))
    assert found["accuracy"] == 1.0 and [phase["probe"] for phase in found["phases"]] == [{}, {}]
    assert [phase["retention"] for phase in found["phases"]] == [None, None]
    assert found["phases"][1]["recovery"] == 10  # at once: the first whole window


def test_sparse_labels_blind_only_who_hears_the_teacher(short: Config) -> None:
    """Label every 5 ticks: who asks the oracle is right as before; who hears the teacher repeats its last label."""
    world = short.world.model_copy(update={"options": {"teacher_every": 5}})
    sparse = short.model_copy(update={"world": world})

    def brain(config: Config, **mapping: Any) -> dict[str, Any]:
        return lived(config.with_brain(mapping))

    for kind in ("repeat_last_label", "bias_only"):
        asks = [brain(config, kind=kind)["windows"] for config in (short, sparse)]
        hears = [brain(config, kind=kind, hears="teacher") for config in (short, sparse)]
        assert asks[0] == asks[1] == hears[0]["windows"]
        assert hears[1]["phases"][0]["probe"].keys() == {"chase", "avoid"}  # it does not ask the oracle
    assert brain(sparse, kind="bias_only", hears="teacher")["updates"] == 9  # ticks 0, 5, ... 40
    simulation = Simulation(sparse.with_brain({"kind": "repeat_last_label", "hears": "teacher"}))
    said, actions, last = 0, [], []
    for _ in range(45):
        simulation.tick()
        assert simulation.last is not None and simulation.last.teacher_action is not None
        actions.append(int(simulation.last.action[0]))
        last.append(said)
        label = int(simulation.last.teacher_action[0])
        said = label if label >= 0 else said
    assert actions == last and len({*last}) > 1


def test_samples_are_what_the_updates_trained_on(make_config: Callable[..., Config]) -> None:
    """With replay: a batch an update and each labelled tick once; the mean of eight: eight; a still brain: none."""

    def count(steps: int, **brain: Any) -> int:
        config = make_config(brain={"kind": "stepping", "layers": [{}], **brain}, learn__steps_per_tick=steps)
        return protocol.samples(config, updates=40, labelled=10)

    assert count(4, replay={"per_tick": 32}) == 40 * 32 + 10
    assert count(1, replay=None, schedule={"accumulate": 8}) == 320
    assert count(1, replay=None, schedule={"block": 20}) == count(1, schedule="every_tick") == 40
    assert count(0, replay={"per_tick": 32}) == 0
    gated = make_config(brain={"kind": "eqprop", "gate": {"batch": 145}}, learn__steps_per_tick=4)
    assert protocol.samples(gated, updates=3, labelled=10) == 3 * 145


def test_wrong_labels_are_counted_and_accuracy_is_of_the_right_ones(short: Config) -> None:
    """Every label any action: of 45 about three quarters are wrong; the oracle is right as before, whoever repeats what
    it hears is not."""
    noisy = short.model_copy(update={"world": short.world.model_copy(update={"label_noise": 1.0})})
    found = lived(noisy.with_brain({"kind": "oracle", "delay": 0}))
    assert found["accuracy"] == 1.0 and abs(found["mislabelled"] - 0.75) < 4 * (0.75 * 0.25 / 45) ** 0.5
    assert lived(short.with_brain({"kind": "oracle", "delay": 0}))["mislabelled"] == 0.0
    heard = lived(noisy.with_brain({"kind": "repeat_last_label", "hears": "teacher"}))
    assert heard["accuracy"] < 0.5


def test_a_gate_that_is_shut_still_looks_at_every_batch(make_config: Callable[..., Config]) -> None:
    """No update of a tick's first step is no reason to leave out its other three."""
    gate = {"kappa": 1e6, "ceiling": None}
    simulation = Simulation(make_config(brain={"kind": "eqprop", "gate": gate}, learn__steps_per_tick=4))
    for _ in range(10):
        simulation.tick()
    assert simulation.brain.state_dict()["gate.counts"].ravel().tolist() == [10 * 4 * 32, 0, 0]
    assert simulation.telemetry.overall().learning_steps == 0
