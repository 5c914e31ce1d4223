"""`agentsim bench ticks`: what a tick of a stepping brain costs, without a world and without a window.

Every tick gets a fresh random observation and label, so that nothing comes to rest. `act` is the stepping forward pass
alone (as measured in blocks of its own), `learn` the rest of a whole tick.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import numpy as np
from rich.console import Console

from agentsim.bench import bars, batched, bounds
from agentsim.bench.bars import BATCHED, LOOP, NUMBA, PUBLISHED, REFERENCE, SHIPPED, SMALL
from agentsim.bench.cost import Cost, cost_of
from agentsim.config.load import load_config
from agentsim.studies import timing
from agentsim.studies.report import progress, report, table
from agentsim.studies.timing import Job
from agentsim.system.process import one_compute_thread
from brains.brain import Body
from brains.stepping.settings import SteppingConfig
from brains.stepping.taught import TaughtBrain

HIDDEN = (32, 64, 64, 64, 32)  # the published six-layer net: 8-32-64-64-64-32-4
OBSERVATION, ACTIONS, DRAWS = 8, 4, 512
BACKENDS = {NUMBA: "numba", LOOP: "numba", REFERENCE: "torch"}
RULES = ("tween_chain", "tween", "backprop")


@dataclass(frozen=True)
class Case:
    """One row: a brain, and how its ticks are called."""

    net: str
    rule: str  # "step alone": no learning
    align: str
    backend: str
    brain: TaughtBrain
    steps: int  # learning steps a tick

    @property
    def group(self) -> tuple[str, str, str, int]:
        """What a row shares with the reference that it is compared with."""
        return self.net, self.rule, self.align, self.brain.body.lanes


def stepping_brain(rule: str, align: str, backend: str, hidden: Sequence[int] = HIDDEN, lanes: int = 1) -> TaughtBrain:
    """Leaky ReLU hidden layers, sigmoid read-out, 8 senses and 4 actions."""
    config = {
        "layers": [*({"type": "dense", "units": units} for units in hidden), {"type": "dense"}],
        "readout": "sigmoid",
        "rule": rule,
        "align": align,
        "backend": backend,
    }
    return _brain(config, lanes)


def _brain(config: dict[str, Any], lanes: int = 1) -> TaughtBrain:
    body = Body(OBSERVATION, ACTIONS, teacher=True, lanes=lanes)
    return TaughtBrain(SteppingConfig.model_validate(config), body, np.random.SeedSequence(0))


def six_layer_cases() -> Iterator[Case]:
    """Every rule, alignment and backend on the published net, and stepping alone."""
    for backend, name in BACKENDS.items():
        yield Case(PUBLISHED, "step alone", "", backend, stepping_brain("backprop", "instant", name), 0)
    for rule in RULES:
        for align in ("instant", "pipeline"):
            for backend, name in BACKENDS.items():
                yield Case(PUBLISHED, rule, align, backend, stepping_brain(rule, align, name), 1)


def small_cases() -> Iterator[Case]:
    """What layers cost that have next to nothing to do."""
    for backend in (NUMBA, LOOP):
        brain = stepping_brain("tween_chain", "instant", "numba", [4] * 5)
        yield Case(SMALL, "tween_chain", "instant", backend, brain, 1)


def shipped_cases() -> Iterator[Case]:
    """The brain of configs/arena.yaml, with as many learning steps a tick as that run has."""
    config = load_config("arena")
    steps = config.learn.steps_per_tick
    for backend, name in {**BACKENDS, BATCHED: "torch"}.items():
        brain = _brain(config.one_brain | {"backend": name})
        yield Case(SHIPPED, f"{brain.config.rule}, {steps} steps", brain.config.align, backend, brain, steps)


def scaling_cases(depths: Sequence[int], lane_counts: Sequence[int]) -> Iterator[Case]:
    """tween_chain over depth (hidden layers of 64) and over lanes that each have weights of their own."""
    for depth in depths:
        for backend in (NUMBA, REFERENCE):
            brain = stepping_brain("tween_chain", "instant", BACKENDS[backend], [64] * (depth - 1))
            yield Case(f"{depth} layers of 64", "tween_chain", "instant", backend, brain, 1)
    for lanes in lane_counts:
        brain = stepping_brain("tween_chain", "instant", "numba", lanes=lanes)
        yield Case(PUBLISHED, "tween_chain", "instant", NUMBA, brain, 1)


def ticking(case: Case, learning: bool) -> Job:
    """Ticks of one brain, on observations and labels that were drawn beforehand."""
    brain = case.brain
    lanes, steps = brain.body.lanes, case.steps if learning else 0
    draws = max(16, DRAWS // lanes)
    rng = np.random.default_rng(0)
    observations = rng.uniform(-1, 1, (draws, lanes, OBSERVATION)).astype(np.float32)
    targets = rng.integers(0, ACTIONS, (draws, lanes, 1)).astype(np.float32)
    if case.backend == BATCHED:
        return batched.ticking(brain.config, observations[:, 0], targets[:, 0, 0].astype(np.int64), ACTIONS, steps)
    if case.backend == LOOP:
        from brains.kernels.cpu.bound import many_ticks

        return many_ticks(brain.net, observations, targets, steps)
    act, learn, label = brain.kernel.act, brain.kernel.learn, brain.target
    pairs = list(zip(observations, targets, strict=True))

    def tick(count: int) -> None:
        for observation, target in islice(cycle(pairs), count):
            act(observation)
            label[...] = target
            for step in range(steps):
                learn(step == 0)

    return tick


def measure(*, scaling: bool = False, repeats: int = 11, block: float = 0.02) -> dict[str, Any]:
    """Time every case; `block` is about how many CPU seconds a job runs at a time."""
    cases = [*six_layer_cases(), *small_cases(), *shipped_cases()]
    if scaling:
        cases += scaling_cases((2, 4, 8, 16, 32, 64), (4, 16, 64, 256, 1024))
    return measure_cases(cases, repeats, block)


def measure_cases(cases: Sequence[Case], repeats: int, block: float) -> dict[str, Any]:
    """Time the cases in turn, with the streams and products that say what this core could do at best."""
    import torch  # noqa: F401  # one_compute_thread acts on torch only where it is in use

    costs = [cost_of(case.brain, case.steps) for case in cases]
    sets = [cost.working_set * case.brain.body.lanes for case, cost in zip(cases, costs, strict=True)]
    streams, products = sorted(set(sets)), sorted({cost.shapes for cost in costs})
    with one_compute_thread():
        jobs = [ticking(case, learning) for case in cases for learning in (False, True)]
        jobs += [*map(bounds.streaming, streams), *map(bounds.multiplying, products)]
        bar, task = progress("ticks", len(jobs) * (repeats + 1))
        with bar:
            seconds = np.median(timing.interleaved(jobs, repeats, block, lambda: bar.advance(task)), axis=0)
        measured_on = report("ticks")
    ticks, best = seconds[: 2 * len(cases)].reshape(-1, 2).tolist(), seconds[2 * len(cases) :].tolist()
    bandwidths = {size: size / taken for size, taken in zip(streams, best, strict=False)}
    rates = {
        shapes: 2 * sum(map(math.prod, shapes)) / taken
        for shapes, taken in zip(products, best[len(streams) :], strict=True)
    }
    rows = [
        _row(case, cost, act, total, bandwidths[size], rates[cost.shapes])
        for case, cost, size, (act, total) in zip(cases, costs, sets, ticks, strict=True)
    ]
    for against, column in ((REFERENCE, "ratio"), (BATCHED, "batched_ratio")):
        found = {case.group: row["us"] for case, row in zip(cases, rows, strict=True) if case.backend == against}
        for case, row in zip(cases, rows, strict=True):
            row[column] = found[case.group] / row["us"] if case.group in found else None
    return measured_on | {
        "headline": bars.headline(rows),
        "bars": bars.of(rows),
        "rows": rows,
        "stream_bytes_per_second": {str(size): value for size, value in bandwidths.items()},
        "method": timing.METHOD,
        "repeats": repeats,
    }


def _row(case: Case, cost: Cost, act: float, total: float, bandwidth: float, rate: float) -> dict[str, Any]:
    lanes = case.brain.body.lanes
    total = act if case.steps == 0 else total
    memory, arithmetic = cost.bytes_moved / bandwidth, cost.operations / rate
    return {
        "net": case.net,
        "rule": case.rule,
        "align": case.align,
        "backend": case.backend,
        "lanes": lanes,
        "steps": case.steps,
        "us": 1e6 * total / lanes,
        "act_us": 1e6 * act / lanes,
        "learn_us": 1e6 * (total - act) / lanes,
        "ticks_per_second": lanes / total,
        "bytes": cost.bytes_moved,
        "operations": cost.operations,
        "operations_per_second": rate,
        "memory_bound_us": 1e6 * memory,
        "arithmetic_bound_us": 1e6 * arithmetic,
        "share_of_memory_bound": memory * lanes / total,
        "share_of_bound": max(memory, arithmetic) * lanes / total,
    }


def show(result: dict[str, Any], console: Console) -> None:
    """The rows as a table, then the headline and its bars."""
    headings = ("net", "rule", "align", "backend", "lanes", "us", "act", "learn", "x torch", "x batched")
    rows = [
        (
            *(row[name] for name in ("net", "rule", "align", "backend")),
            f"{row['lanes']:,}",
            *(f"{row[name]:,.2f}" for name in ("us", "act_us")),
            "" if row["rule"] == "step alone" else f"{row['learn_us']:,.2f}",
            *("-" if row[name] is None else f"{row[name]:.1f}" for name in ("ratio", "batched_ratio")),
            f"{row['bytes'] / 1000:,.0f}",
            f"{row['operations'] / 1000:,.0f}",
            f"{100 * row['share_of_memory_bound']:.1f} %",
            f"{100 * row['share_of_bound']:.1f} %",
        )
        for row in result["rows"]
    ]
    console.print(table((*headings, "kB moved", "kFLOP", "of memory", "of bound"), rows, words=4))
    console.print(f"\n{result['method']}; {result['repeats']} repeats; us: of a lane's tick, act + learn", style="dim")
    speeds, rates = result["stream_bytes_per_second"].values(), [row["operations_per_second"] for row in result["rows"]]
    console.print(
        f"bounds: streams at {min(speeds) / 1e9:.0f} to {max(speeds) / 1e9:.0f} GB/s at the same working-set size, "
        f"products of the same shapes at {min(rates) / 1e9:.0f} to {max(rates) / 1e9:.0f} GFLOP/s, in this run",
        style="dim",
    )
    for bar in result["bars"]:
        console.print(f"{'met   ' if bar['met'] else 'MISSED'} {bar['bar']}: {bar['measured']:.2f}")
    if result["headline"]:
        console.print(result["headline"], style="bold")
