"""`agentsim bench controls`: what the worlds are worth to brains that learn nothing.

Chase, avoid, chase with the trivial brains alone, a lane a seed. In the classic world an oracle that is one tick late
gets 46 / 100 / 46 %, five ticks late 30 / 100 / 30 %: what the published test measures is latency.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.console import Console

from agentsim.bench.report import progress, report, table
from agentsim.bench.statistics import as_interval, interval
from agentsim.building import build_brain
from agentsim.telemetry import SCORE_TICKS
from brains.brain import Body, Experience

PHASES = (0, 1, 0)  # chase, avoid, chase
DELAYS = (0, 1, 2, 5, 10)
PUBLISHED = {"oracle, 1 late": (46, 100, 46), "oracle, 5 late": (30, 100, 30)}  # per cent, classic world
TICKS = {"agentsim/ChaseAvoidClassic-v0": 5_000, "agentsim/ChaseAvoid-v0": 1_200}  # a phase
POLICIES: dict[str, dict[str, Any]] = {
    **{f"oracle, {delay} late" if delay else "oracle": {"kind": "oracle", "delay": delay} for delay in DELAYS},
    "repeat last label": {"kind": "repeat_last_label"},
    "bias only": {"kind": "bias_only"},
    **{f"constant {action}": {"kind": "constant", "action": action} for action in range(4)},
    "random": {"kind": "random"},
}


def run(world: str, policy: dict[str, Any], seeds: int, ticks: int) -> list[dict[str, Any]]:
    """One policy through the phases of `ticks` each: per phase, accuracy and score as (seeds,) values."""
    import gymnasium

    envs: Any = gymnasium.make_vec(world, num_envs=seeds)
    body = Body(8, 4, teacher=True, lanes=seeds, oracle=envs.oracle)
    brain = build_brain(policy, body, np.random.SeedSequence(0))
    observation, _ = envs.reset(seed=0)
    score_rates = envs.score_rates if hasattr(envs, "score_rates") else _score_rates(world)
    none = np.zeros(seeds, np.bool_)
    phases = []
    for task in PHASES:
        if task != int(observation[0, 7]):
            envs.switch_task(task)
            observation, _ = envs.observe()
        right, events = np.zeros(seeds), np.zeros(seeds)
        name, counted = envs.tasks[task], ("catches", "touches")[task]
        for _ in range(ticks):
            label = body.oracle(observation) if body.oracle else None
            action = brain.act(observation)
            right += action == label
            following, reward, _, _, info = envs.step(action)
            brain.learn(Experience(observation, action, reward, following, none, none, label))
            if "events" in info:
                events += info["events"][counted]
            observation = following
        phase = {"task": name, "accuracy": right / ticks, "score": None}
        if name in score_rates:
            baseline, oracle = score_rates[name]
            phase["score"] = (events * SCORE_TICKS / ticks - baseline) / (oracle - baseline)
        phases.append(phase)
    return phases
