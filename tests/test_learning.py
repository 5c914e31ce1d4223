"""The learning results that the README reports, as bars: long runs, `python -m pytest -m slow`.

Expected are means over ten seeds above stated bars; a brain that learned nothing probes at 25 %, and one that forgets
at 0 %.
"""

from typing import Any

import numpy as np
import pytest

from agentsim.bench.runs import run_once
from agentsim.config import load_config

pytestmark = pytest.mark.slow


def results(config: str, brain: str | None, seeds: int, *overrides: str) -> list[dict[str, Any]]:
    """The results of one run a seed, flat out."""
    found = [
        run_once(load_config(config, brain=brain, overrides=["clock.pacing=none", f"run.seed={seed}", *overrides]))
        for seed in range(seeds)
    ]
    return [result for result in found if result is not None]


def test_the_arena_brain_learns_both_tasks_and_keeps_them() -> None:
    runs = results("arena", None, 10, "run.seconds=60")
    phases = np.array([[phase["score_last_10s"] for phase in run["phases"]] for run in runs])
    assert (phases.mean(axis=0) >= 0.8).all()
    assert np.mean([run["phases"][-1]["probe"]["chase"] for run in runs]) >= 0.95
    assert np.mean([run["phases"][-1]["probe"]["avoid"] for run in runs]) >= 0.82


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
