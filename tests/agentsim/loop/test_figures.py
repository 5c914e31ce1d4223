"""The figures of a run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agentsim.config.load import Config
from agentsim.loop.commands import SwitchTask
from agentsim.loop.simulation import Simulation


def test_score_of_a_run_is_the_tick_weighted_mean_of_its_phases(make_config: Callable[..., Config]) -> None:
    simulation = Simulation(make_config())
    simulation.run(300)
    simulation.submit(SwitchTask(task=1))
    simulation.run(100)
    result = simulation.close()
    (chase, avoid), rates = result["phases"], simulation.environment.unwrapped.score_rates
    for phase, event in ((chase, "catches"), (avoid, "touches")):
        baseline, oracle = rates[phase["task"]]
        rate = phase["events"][event] * 3600 / phase["ticks"]
        assert phase["score"] == pytest.approx((rate - baseline) / (oracle - baseline))
    assert result["score"] == pytest.approx((chase["score"] * 300 + avoid["score"] * 100) / 400)
