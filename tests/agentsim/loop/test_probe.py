"""The probe: what the brain knows, without touching it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from agentsim.config.load import Config
from agentsim.loop.probe import probe, probe_simulation
from agentsim.loop.simulation import Simulation
from worlds.world import World


class Settling:
    """Takes action 0 until the input was held for three ticks, then what the oracle says."""

    settling_ticks = 3

    def __init__(self, oracle: Callable[[Any], Any], lanes: int = 1) -> None:
        self.oracle, self.lanes, self.ticks = oracle, lanes, 0

    def frozen_copy(self, lanes: int) -> Settling:
        return Settling(self.oracle, lanes)

    def act(self, observation: Any) -> Any:
        self.ticks += 1
        assert len(observation) == self.lanes
        return self.oracle(observation) if self.ticks >= 3 else np.zeros(self.lanes, np.int64)


class States:
    """Two tasks on random numbers: is it positive; is it negative."""

    def sample_states(self, count: int, task: int, rng: np.random.Generator) -> Any:
        x = rng.normal(size=(count, 1)).astype(np.float32)
        return x, ((x[:, 0] > 0) ^ task).astype(np.int64)


def test_probe_of_a_brain_that_knows_one_task() -> None:
    """It answers task 0 always and so task 1 never; held for one tick less it would be right half the time."""
    brain: Any = Settling(lambda x: (x[:, 0] > 0).astype(np.int64))
    assert probe(
        brain, World(sample_states=States().sample_states), ("one", "other"), 100, np.random.default_rng(0)
    ) == {"one": 1.0, "other": 0.0}
    assert probe(brain, World(), ("one",), 100, np.random.default_rng(0)) == {}


def test_probe_never_touches_the_live_run(make_config: Callable[..., Config]) -> None:
    plain, probed = Simulation(make_config()), Simulation(make_config())
    for _ in range(40):
        plain.tick()
        probed.tick()
        assert probe_simulation(probed) == probe_simulation(probed)
    assert probed.state_hash() == plain.state_hash()


def test_probe_agrees_with_asking_the_brain_by_hand(make_config: Callable[..., Config]) -> None:
    """Of the linear brain held for two ticks: argmax of 1.5 x W, the same as of x W."""
    simulation = Simulation(make_config(run__probe_states=300))
    simulation.run(200)
    rng = np.random.default_rng(simulation.streams["probe"])
    weights = simulation.brain.state_dict()["weights"]
    for task, (name, share) in enumerate(probe_simulation(simulation).items()):
        x, right = simulation.environment.unwrapped.sample_states(300, task, rng)
        assert share == pytest.approx(np.mean((x @ weights).argmax(1) == right))
        assert name == ("chase", "avoid")[task]


def test_a_brain_that_asks_the_oracle_is_not_probed(make_config: Callable[..., Config]) -> None:
    """It would say 100 of 100, which is what the oracle knows; the control that learns a bias knows what it knows."""
    for kind, probed in {"oracle": False, "repeat_last_label": False, "bias_only": True, "random": True}.items():
        simulation = Simulation(make_config(brain={"kind": kind}))
        simulation.run(5)
        assert bool(probe_simulation(simulation)) == probed
        assert (simulation.close()["probe"] is not None) == probed


def test_probes_are_bounded(make_config: Callable[..., Config]) -> None:
    with pytest.raises(ValueError, match="probe_states"):
        make_config(run__probe_states=1_000_000_000)
