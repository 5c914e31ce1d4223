"""`agentsim bench worlds`: environment steps a second, with gymnasium's own CartPole-v1 as the yardstick."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice
from typing import Any

import numpy as np
from rich.console import Console

import worlds
from agentsim.studies import timing
from agentsim.studies.report import progress, report, table
from agentsim.studies.timing import Job

YARDSTICK = "CartPole-v1"
LANES = (1, 64, 1024)


def stepping_one(world: str) -> Job:
    """Steps of gymnasium.make(world) with random actions, and a reset where an episode ends."""
    import gymnasium

    env = gymnasium.make(world)
    env.reset(seed=0)
    actions = [env.action_space.sample() for _ in range(1000)]

    def step(count: int) -> None:
        for action in islice(cycle(actions), count):
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()

    return step


def stepping_many(world: str, lanes: int) -> Job:
    """Steps of gymnasium.make_vec(world, lanes) with random actions; it resets by itself."""
    import gymnasium

    envs = gymnasium.make_vec(world, num_envs=lanes)
    envs.reset(seed=0)
    actions = [envs.action_space.sample() for _ in range(100)]

    def step(count: int) -> None:
        for action in islice(cycle(actions), count):
            envs.step(action)

    return step


def measure(*, repeats: int = 11, block: float = 0.05, lane_counts: Sequence[int] = LANES) -> dict[str, Any]:
    """Time every world, alone and in lanes; `block` is about how many CPU seconds a job runs at a time."""
    names = [*worlds.WORLDS, YARDSTICK]
    cases = [(world, "make", 1) for world in names]
    cases += [(world, "make_vec", lanes) for world in names for lanes in lane_counts]
    jobs = [stepping_one(world) if maker == "make" else stepping_many(world, lanes) for world, maker, lanes in cases]
    bar, task = progress("worlds", len(jobs) * (repeats + 1))
    with bar:
        seconds = np.median(timing.interleaved(jobs, repeats, block, lambda: bar.advance(task)), axis=0).tolist()
    rates = {case: case[2] / taken for case, taken in zip(cases, seconds, strict=True)}
    rows = [
        {
            "world": world,
            "maker": maker,
            "lanes": lanes,
            "us": 1e6 / rate,
            "steps_per_second": rate,
            "ratio": rate / rates[YARDSTICK, maker, lanes],
        }
        for (world, maker, lanes), rate in rates.items()
    ]
    return report("worlds", yardstick=YARDSTICK, rows=rows, method=timing.METHOD, repeats=repeats)


def show(result: dict[str, Any], console: Console) -> None:
    """The rows as a table."""
    headings = ("world", "made by gymnasium's", "lanes", "us/lane-step", "lane-steps/s", f"x {result['yardstick']}")
    rows = [
        (
            row["world"],
            row["maker"],
            f"{row['lanes']:,}",
            f"{row['us']:,.3f}",
            f"{row['steps_per_second']:,.0f}",
            f"{row['ratio']:.2f}",
        )
        for row in result["rows"]
    ]
    console.print(table(headings, rows, words=2))
    console.print(f"\n{result['method']}; {result['repeats']} repeats", style="dim")
