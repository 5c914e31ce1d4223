"""The learning results that the README reports, as bars: long runs, `python -m pytest -m slow`.

Expected are means over ten seeds above stated bars; a brain that learned nothing probes at 25 %, and one that forgets
at 0 %.
"""

from typing import Any

import numpy as np
import pytest

from agentsim.adaptation import protocol
from agentsim.bench.learning import run_once
from agentsim.config.load import load_config

pytestmark = pytest.mark.slow


def results(config: str, brain: str | None, seeds: int, *overrides: str) -> list[dict[str, Any]]:
    """The results of one run a seed, flat out."""
    found = [
        run_once(load_config(config, brain=brain, overrides=["clock.pacing=none", f"run.seed={seed}", *overrides]))
        for seed in range(seeds)
    ]
    return [result for result in found if result is not None]


@pytest.mark.parametrize(
    ("brain", "chase", "avoid", "windows"),
    [("arena", 0.98, 0.90, (0.75, 0.90)), ("arena-six-layers", 0.96, 0.86, (0, 0))],
)
def test_the_arena_brains_adapt_at_once_and_forget_nothing(
    brain: str, chase: float, avoid: float, windows: tuple[float, float]
) -> None:
    """Ten seeds: what a frozen copy knows at the end, the first second after each switch (to a task never seen, and
    back), and over the last 15 s of every phase nine tenths of 1, which is an oracle's score with no latency."""
    runs = [
        protocol.run_once(load_config("arena", brain, ["clock.pacing=none", f"run.seed={seed}", "run.seconds=60"]))
        for seed in range(10)
    ]
    phases = [[run["phases"][k] for run in runs if run is not None] for k in range(3)]
    for task, least in (("chase", chase), ("avoid", avoid)):
        assert np.mean([phase["probe"][task] for phase in phases[-1]]) >= least
    for found, least in zip(phases[1:], windows, strict=True):
        assert np.mean([phase["first_window"] for phase in found]) >= least
    for found in phases:
        assert np.mean([phase["score_last_15s"] for phase in found]) >= 0.9
    assert not any(run["rollbacks"] for run in runs if run is not None)


def test_without_replay_it_forgets() -> None:
    runs = results("arena", "arena-no-replay", 10, "run.seconds=60", "learn.steps_per_tick=1")
    assert np.mean([run["phases"][-1]["probe"]["avoid"] for run in runs]) < 0.2


def test_cartpole_is_learned_online_from_reward() -> None:
    runs = results("cartpole", "reward", 10, "run.seconds=2000")
    assert all(run["ticks"] == 100_000 for run in runs)
    assert sum(run["episodes"]["last_20_mean"] >= 475 for run in runs) >= 9


def test_the_arena_is_learned_from_reward_alone() -> None:
    runs = results("arena-reward", None, 5, "run.seconds=600")
    scores = np.array([[phase["score"] for phase in run["phases"]] for run in runs])
    assert (scores[:, -2:].mean(axis=0) >= 0.6).all()  # the last minute of each task, exploring and learning
