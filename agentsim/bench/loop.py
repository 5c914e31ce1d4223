"""`agentsim bench loop`: what a whole tick of a headless, recorded run costs, flat out, and each of its phases."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from agentsim.config.load import load_config
from agentsim.loop.timings import PHASES
from agentsim.runs.recorded import record
from agentsim.studies import timing
from agentsim.studies.report import progress, report, table

CASES = (("arena", "step-tween-chain"), ("arena", "arena"), ("arena", "random"), ("cartpole", "random"))
BAR = 45.0  # us, of the first case


def measure(*, repeats: int = 11, block: float = 0.05) -> dict[str, Any]:
    """Time every case; `block` is about how many CPU seconds it runs at a time.

    `us` is CPU time, with everything that a run does: its hashes, metrics and checkpoints too. The phases are the
    medians of the last ticks' wall time; `rest_us` is what they leave of `us`: what comes once in many ticks, the
    timing itself, and what lies between two ticks.
    """
    with tempfile.TemporaryDirectory() as folder:
        simulations = [
            record(load_config(config, brain, ["clock.pacing=none"]), Path(folder) / str(n), drawn=False)
            for n, (config, brain) in enumerate(CASES)
        ]
        bar, task = progress("loop", len(CASES) * (repeats + 1))
        with bar:
            jobs = [simulation.run for simulation in simulations]
            seconds = np.median(timing.interleaved(jobs, repeats, block, lambda: bar.advance(task)), axis=0).tolist()
        rows = []
        for (config, brain), simulation, taken in zip(CASES, simulations, seconds, strict=True):
            statistics = simulation.clock.statistics
            phases = np.median(statistics.phases[statistics.last()], axis=0) / 1e3
            rows.append(
                {
                    "config": config,
                    "brain": brain,
                    "us": 1e6 * taken,
                    "phases_us": dict(zip(PHASES, phases.tolist(), strict=True)),
                    "rest_us": 1e6 * taken - float(phases.sum()),
                    "ticks": simulation.tick_index,
                    "error": simulation.close()["error"],
                }
            )
    bars = [{"bar": f"{' with '.join(CASES[0])} <= {BAR:g} us", "measured": rows[0]["us"], "met": rows[0]["us"] <= BAR}]
    return report("loop", bars=bars, rows=rows, method=timing.METHOD, repeats=repeats)


def show(result: dict[str, Any], console: Console) -> None:
    """The rows as a table, and the bar."""
    rows = [
        (
            row["config"],
            row["brain"],
            f"{row['us']:.1f}",
            *(f"{row['phases_us'][phase]:.1f}" for phase in PHASES),
            f"{row['rest_us']:.1f}",
        )
        for row in result["rows"]
    ]
    console.print(table(("config", "brain", "us/tick", *PHASES, "rest"), rows, words=2))
    console.print(f"\n{result['method']}; {result['repeats']} repeats", style="dim")
    console.print("the phases are medians of wall time; rest: once in many ticks, and between two", style="dim")
    for bar in result["bars"]:
        console.print(f"{'met ' if bar['met'] else 'MISSED'} {bar['bar']}: {bar['measured']:.1f}")
