"""Brains that were swapped out come back as they were; a living brain keeps what it learned when its rule changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentsim.config.load import Config, load_config
from agentsim.errors import UserError
from agentsim.loop import resident
from agentsim.loop.commands import ChangeBrain, Command, SetLearning, SwapBrain
from agentsim.loop.probe import probe_simulation
from agentsim.loop.simulation import Simulation
from agentsim.runs.recorded import record, replay, resume
from brains.brain import State

Make = Callable[..., Config]
LINEAR: dict[str, Any] = {"kind": "linear"}
OTHER: dict[str, Any] = {"kind": "linear", "rate": 0.2}
A, B = SwapBrain(name="linear", config=LINEAR), SwapBrain(name="b", config=OTHER)


def lived(simulation: Simulation, ticks: int, *commands: Command) -> State:
    """What its brain has learned after so many more ticks."""
    for command in commands:
        simulation.submit(command)
    simulation.run(ticks)
    assert simulation.error is None
    state = simulation.brain.state_dict()
    return {name: state[name] for name in ("weights", "parameters") if name in state}


def same(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def test_brackets_flip_between_two_trained_brains(make_config: Make) -> None:
    """Learning is off while the other one is here: each comes back with the weights that it left with."""
    simulation = Simulation(make_config())
    first = lived(simulation, 30)
    second = lived(simulation, 30, B)
    assert not same(first, second)
    assert same(lived(simulation, 1, SetLearning(on=False), A), first)
    assert same(lived(simulation, 1, B), second)
    assert simulation.resident.age(simulation.tick_index) == 31 and simulation.brain_name == "b"
    assert same(lived(simulation, 1, A), first)
    assert [(kept.name, kept.ticks) for kept, _ in simulation.resident.shelf] == [("b", 31)]


def test_a_fresh_one_starts_from_nothing_and_the_old_one_is_kept(make_config: Make) -> None:
    simulation = Simulation(make_config())
    first = lived(simulation, 30)
    fresh = lived(simulation, 1, SetLearning(on=False), A.model_copy(update={"fresh": True}))
    assert not same(fresh, first)
    lived(simulation, 1, B)
    names = [(kept.name, kept.ticks) for kept, _ in simulation.resident.shelf]
    assert names == [("linear", 30), ("linear", 1)]


def test_the_shelf_is_part_of_what_is_resumed_and_replayed(make_config: Make, tmp_path: Path) -> None:
    with record(make_config(), tmp_path / "whole") as whole, record(make_config(), tmp_path / "cut") as cut:
        for simulation in (whole, cut):
            lived(simulation, 30)
            lived(simulation, 30, B)
        lived(whole, 30, A)
        wanted = whole.state_hash()
    with resume(tmp_path / "cut") as again:
        lived(again, 30, A)
        assert again.state_hash() == wanted
    done, check = replay(tmp_path / "cut")
    with done:
        done.run()
        assert (done.state_hash(), check.first_difference) == (wanted, None)


def test_what_is_forgotten_is_said(make_config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resident, "SHELF", 1)
    simulation = Simulation(make_config())
    compiled: list[Any] = []
    assert simulation.resident.swap(B, 3, compiled.append) is None
    notice = simulation.resident.swap(A.model_copy(update={"fresh": True}), 5, compiled.append)
    assert notice is not None and "gone for good: linear" in notice


def test_one_of_several_comes_back_in_its_own_place() -> None:
    config = load_config("duel", overrides=["clock.pacing=none"])
    simulation = Simulation(config)
    simulation.run(5)
    team: Any = simulation.brain
    before = team.members["chaser"].brain.state_dict()
    constant = SwapBrain(name="constant", config={"kind": "constant"}, whose="chaser")
    lived(simulation, 2, constant, SetLearning(on=False))
    back = SwapBrain(name="arena", config=dict(config.brains["chaser"].brain), whose="chaser")
    lived(simulation, 1, back)
    team = simulation.brain
    assert np.array_equal(team.members["chaser"].brain.state_dict()["parameters"], before["parameters"])


# --- the same brain, changed -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained() -> Simulation:
    """step-tween-chain after ten seconds in the arena."""
    simulation = Simulation(load_config("arena", "step-tween-chain", ["clock.pacing=none", "learn.steps_per_tick=1"]))
    simulation.run(600)
    return simulation


def test_a_changed_rule_keeps_what_was_learned(trained: Simulation) -> None:
    """From tween_chain to backprop and back: not a weight has changed, so the probe says the same to the last digit."""
    before, knows = trained.brain.state_dict()["parameters"][:, 0], probe_simulation(trained, 200)
    lived(trained, 1, SetLearning(on=False), ChangeBrain(changes={"rule": "backprop"}))
    assert trained.resident.present.one_brain["rule"] == "backprop"
    assert np.array_equal(trained.brain.state_dict()["parameters"][:, 0], before)
    assert probe_simulation(trained, 200) == knows
    lived(trained, 1, ChangeBrain(changes={"rule": "tween_chain", "learning_rate": 0.01}))
    assert np.array_equal(trained.brain.state_dict()["parameters"][:, 0], before)
    assert probe_simulation(trained, 200) == knows
    assert trained.resident.present.one_brain["learning_rate"] == 0.01
    lived(trained, 20, SetLearning(on=True), ChangeBrain(changes={"optimizer": "adam", "rule": "backprop"}))
    after = trained.brain.state_dict()["parameters"]
    assert after.shape[1] == 7 and np.isfinite(after).all() and not np.array_equal(after[:, 0], before)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rul": "backprop"}, "brain.rul: "),
        ({"rule": "twen"}, "brain.rule: "),
        ({"learning_rate": -1}, "brain.learning_rate: "),
    ],
)
def test_wrong_changes_are_refused_at_once(trained: Simulation, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        trained.submit(ChangeBrain(changes=changes))


def test_a_change_that_cannot_keep_the_weights_changes_nothing(make_config: Make) -> None:
    brain = {"kind": "stepping", "layers": [{"units": 4}, {}]}
    simulation = Simulation(make_config(brain=brain))
    before = lived(simulation, 10)
    lived(simulation, 1, SetLearning(on=False), ChangeBrain(changes={"layers": [{"units": 400}, {}]}))
    assert simulation.resident.present.one_brain["layers"][0]["units"] == 4
    assert np.array_equal(simulation.brain.state_dict()["parameters"], before["parameters"])


def test_a_change_is_recorded_resumed_and_replayed(tmp_path: Path, make_config: Make) -> None:
    config = make_config(brain={"kind": "stepping", "layers": [{"units": 4}, {}]})
    with record(config, tmp_path / "run") as simulation:
        lived(simulation, 20)
        lived(simulation, 20, ChangeBrain(changes={"rule": "tween", "learning_rate": 0.1}))
    with resume(tmp_path / "run") as again:
        assert again.resident.present.one_brain["rule"] == "tween"
        lived(again, 5)
    done, check = replay(tmp_path / "run")
    with done:
        done.run()
    assert check.first_difference is None and done.tick_index == 45
