"""`agentsim bench controls`: what the worlds are worth to brains that learn nothing.

Chase, avoid, chase with the trivial brains alone, a lane a seed. In the classic world an oracle that is one tick late
gets 46 / 100 / 46 %, five ticks late 30 / 100 / 30 %: what the published test measures is latency.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.console import Console

from agentsim.loop.building import build_brain
from agentsim.loop.telemetry import SCORE_TICKS
from agentsim.studies.intervals import as_interval, interval
from agentsim.studies.report import print_table, progress, report
from brains.brain import Body, Experience
from worlds.chase_avoid import ChaseAvoid
from worlds.scores import measure_score_rates

PHASES = (0, 1, 0)  # chase, avoid, chase
DELAYS = (0, 1, 2, 5, 10)
PUBLISHED = {"oracle, 1 late": (46, 100, 46), "oracle, 5 late": (30, 100, 30)}  # per cent, classic world
TICKS = {"agentsim/ChaseAvoidClassic-v0": 5_000, "agentsim/ChaseAvoid-v0": 1_200}  # a phase
POLICIES: dict[str, dict[str, Any]] = {
    **{f"oracle, {delay} late" if delay else "oracle": {"kind": "oracle", "delay": delay} for delay in DELAYS},
    "repeat last label": {"kind": "repeat_last_label"},
    "bias only": {"kind": "bias_only"},
    **{f"constant {action}": {"kind": "constant", "action": action} for action in range(4)},
    "diagonal": {"kind": "alternate", "actions": [0, 3]},  # blind, yet above 0 in avoid: see worlds/scores.py
    "random": {"kind": "random"},
}


def run(world: str, policy: dict[str, Any], seeds: int, ticks: int) -> list[dict[str, Any]]:
    """One policy through the phases of `ticks` each: per phase, accuracy and score as a list over seeds."""
    import gymnasium

    single: Any = gymnasium.make(world).unwrapped
    envs: Any = gymnasium.make_vec(world, num_envs=seeds)
    body = Body(8, 4, teacher=True, lanes=seeds, oracle=single.oracle)
    brain = build_brain(policy, body, np.random.SeedSequence(0))
    observation, info = envs.reset(seed=0)
    never = np.zeros(seeds, np.bool_)
    phases = []
    for task in PHASES:
        if task != info["task"][0]:
            envs.switch_task(task)
            observation, info = envs.observe()
        name = single.tasks[task]
        right, events = np.zeros(seeds), np.zeros(seeds)
        for _ in range(ticks):
            label = info["teacher_action"]
            action = brain.act(observation)
            following, reward, _, _, info = envs.step(action)
            brain.learn(Experience(observation, action, reward.astype(np.float32), following, never, never, label))
            right += action == label
            if single.score_rates:
                events += info["events"][single.score_events[name]]
            observation = following
        phase = {"task": name, "accuracy": (right / ticks).tolist(), "score": None}
        if single.score_rates:
            baseline, oracle = single.score_rates[name]
            phase["score"] = ((events * SCORE_TICKS / ticks - baseline) / (oracle - baseline)).tolist()
        phases.append(phase)
    return phases


def measure(*, seeds: int = 10, score_lanes: int = 200) -> dict[str, Any]:
    """Every policy in both worlds, and ChaseAvoid.score_rates recomputed over so many lanes."""
    bar, task = progress("controls", len(TICKS) * len(POLICIES))
    tables = []
    with bar:
        for world, ticks in TICKS.items():
            rows = []
            for name, policy in POLICIES.items():
                rows.append(_row(name, run(world, policy, seeds, ticks)))
                bar.advance(task)
            tables.append({"world": world, "ticks_per_phase": ticks, "seeds": seeds, "rows": rows})
    return report("controls", tables=tables, published=_against_published(tables), score_rates=_rates(score_lanes))


def _row(name: str, phases: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "policy": name,
        "phases": [
            {
                "task": phase["task"],
                "accuracy": interval(phase["accuracy"]),
                "score": None if phase["score"] is None else interval(phase["score"]),
            }
            for phase in phases
        ],
    }


def _against_published(tables: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The classic world's known figures beside ours, per cent."""
    rows = {row["policy"]: row for row in tables[0]["rows"]}
    found = []
    for name, known in PUBLISHED.items():
        measured = [100 * phase["accuracy"]["mean"] for phase in rows[name]["phases"]]
        within = all(abs(ours - theirs) <= 2 for ours, theirs in zip(measured, known, strict=True))
        found.append({"policy": name, "published": list(known), "measured": measured, "within_2_points": within})
    return found


def _rates(lanes: int) -> dict[str, Any]:
    """Events per 3,600 ticks, stored with the world and measured again."""
    measured = measure_score_rates(lanes=lanes)
    return {
        task: {"stored": list(stored), "measured": list(measured[task])}
        for task, stored in ChaseAvoid.score_rates.items()
    }


def show(result: dict[str, Any], console: Console) -> None:
    """A table for each world, then what is to be compared with known figures."""
    for world in result["tables"]:
        tasks = [f"{k + 1} {phase['task']}" for k, phase in enumerate(world["rows"][0]["phases"])]
        headings = ["policy", *(f"accuracy {task}, %" for task in tasks), *(f"score {task}" for task in tasks)]
        rows = [
            [
                row["policy"],
                *(as_interval(phase["accuracy"], 100) for phase in row["phases"]),
                *(as_interval(phase["score"], 1, 2) for phase in row["phases"]),
            ]
            for row in world["rows"]
        ]
        title = f"{world['world']}, {world['ticks_per_phase']:,} ticks a phase, {world['seeds']} seeds, mean ± 95 %"
        print_table(console, headings, rows, title)
    for row in result["published"]:
        ours, known = (" / ".join(f"{value:.0f}" for value in row[key]) for key in ("measured", "published"))
        verdict = "within 2 points" if row["within_2_points"] else "NOT within 2 points"
        console.print(f"classic, {row['policy']}: {ours} %, known {known} %: {verdict}")
    for task, rates in result["score_rates"].items():
        stored, measured = (" and ".join(f"{rate:.2f}" for rate in rates[key]) for key in ("stored", "measured"))
        console.print(f"{task}, events per 3,600 ticks of baseline and oracle: measured {measured}, stored {stored}")
