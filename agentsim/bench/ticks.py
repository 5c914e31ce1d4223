"""`agentsim bench ticks`: what a tick of a stepping brain costs, without a world and without a window.

Every tick gets a fresh random observation and label, so that nothing comes to rest. `act` is the stepping forward pass
alone (as measured in blocks of its own), `learn` the rest of a whole tick.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import numpy as np
from rich.console import Console

from agentsim.config.load import load_config
from agentsim.studies import timing
from agentsim.studies.report import progress, report, table
from agentsim.studies.timing import Job
from agentsim.system.process import one_compute_thread
from brains import rules
from brains.brain import Body
from brains.kernels.program import op
from brains.stepping.settings import SteppingConfig
from brains.stepping.taught import TaughtBrain

HIDDEN = (32, 64, 64, 64, 32)  # the published six-layer net: 8-32-64-64-64-32-4
OBSERVATION, ACTIONS, DRAWS = 8, 4, 512
BACKENDS = {"numba": "numba", "numba, compiled loop": "numba", "torch reference": "torch"}
REFERENCE = "torch reference"
RULES = ("tween_chain", "tween", "backprop")
HEADLINE = ("8-32-64-64-64-32-4", "tween_chain", "instant")


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
    net = HEADLINE[0]
    for backend, name in BACKENDS.items():
        yield Case(net, "step alone", "", backend, stepping_brain("backprop", "instant", name), 0)
    for rule in RULES:
        for align in ("instant", "pipeline"):
            for backend, name in BACKENDS.items():
                yield Case(net, rule, align, backend, stepping_brain(rule, align, name), 1)


def shipped_cases() -> Iterator[Case]:
    """The brain of configs/arena.yaml, with as many learning steps a tick as that run has."""
    config = load_config("arena")
    for backend, name in BACKENDS.items():
        brain = _brain(config.brain | {"backend": name})
        steps = config.learn.steps_per_tick
        yield Case("arena brain", f"{brain.config.rule}, {steps} steps", brain.config.align, backend, brain, steps)


def scaling_cases(depths: Sequence[int], lane_counts: Sequence[int]) -> Iterator[Case]:
    """tween_chain over depth (hidden layers of 64) and over lanes that each have weights of their own."""
    for depth in depths:
        for backend in ("numba", REFERENCE):
            brain = stepping_brain("tween_chain", "instant", BACKENDS[backend], [64] * (depth - 1))
            yield Case(f"{depth} layers of 64", "tween_chain", "instant", backend, brain, 1)
    for lanes in lane_counts:
        brain = stepping_brain("tween_chain", "instant", "numba", lanes=lanes)
        yield Case(HEADLINE[0], "tween_chain", "instant", "numba", brain, 1)


def ticking(case: Case, learning: bool) -> Job:
    """Ticks of one brain, on observations and labels that were drawn beforehand."""
    brain = case.brain
    lanes, steps = brain.body.lanes, case.steps if learning else 0
    draws = max(16, DRAWS // lanes)
    rng = np.random.default_rng(0)
    observations = rng.uniform(-1, 1, (draws, lanes, OBSERVATION)).astype(np.float32)
    targets = rng.integers(0, ACTIONS, (draws, lanes, 1)).astype(np.float32)
    if "loop" in case.backend:
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


def cost_of(case: Case) -> tuple[int, int, int]:
    """What a lane-tick must do: (bytes moved, floating point operations, bytes of weights and moments).

    A pass over the weights reads each once: one to act, one more for a fresh forward pass (align: instant), one back;
    an update writes them once, and reads and writes the optimiser's moments. A replayed batch counts as one pass.
    """
    brain, steps = case.brain, case.steps
    config, table = brain.config, brain.network.table
    weights = int(((table[:, op.IN] + 1) * table[:, op.UNITS]).sum())
    optimizer = 2 if config.optimizer == "adam" else int(config.momentum > 0)
    kept = (optimizer if rules.RULES[config.rule].optimizer else 1) if steps else 0
    fresh = (config.align == "instant" and config.execution == "stepping") if steps else 0
    replayed = config.replay.per_tick if config.replay else 0
    passes = 1 + (fresh + steps if not replayed else 2 * steps)
    samples = (1 if steps else 0) + steps * replayed
    operations = 2 * weights * (1 + fresh + 2 * bool(steps) + 3 * (samples - bool(steps)))
    return 4 * weights * (passes + steps + 2 * kept * steps), operations, 4 * weights * (1 + kept)


def measure(*, scaling: bool = False, repeats: int = 11, block: float = 0.02) -> dict[str, Any]:
    """Time every case; `block` is about how many CPU seconds a job runs at a time."""
    cases = [*six_layer_cases(), *shipped_cases()]
    if scaling:
        cases += scaling_cases((2, 4, 8, 16, 32, 64), (4, 16, 64, 256, 1024))
    return measure_cases(cases, repeats, block)


def measure_cases(cases: Sequence[Case], repeats: int, block: float) -> dict[str, Any]:
    """Time the cases in turn, with the copies and products that say what this core could do at best."""
    import torch  # noqa: F401  # one_compute_thread acts on torch only where it is in use

    sets = sorted({cost_of(case)[2] * case.brain.body.lanes for case in cases})
    with one_compute_thread():
        jobs = [ticking(case, learning) for case in cases for learning in (False, True)]
        jobs += [timing.copying(size) for size in sets] + [timing.multiplying()]
        bar, task = progress("ticks", len(jobs) * (repeats + 1))
        with bar:
            seconds = np.median(timing.interleaved(jobs, repeats, block, lambda: bar.advance(task)), axis=0)
        measured_on = report("ticks")
    ticks, bounds = seconds[: 2 * len(cases)].reshape(-1, 2), seconds[2 * len(cases) :]
    bandwidth = {size: size / taken for size, taken in zip(sets, bounds[:-1], strict=True)}
    rate = timing.MULTIPLICATIONS / bounds[-1]
    rows = [_row(case, act, total, bandwidth, rate) for case, (act, total) in zip(cases, ticks.tolist(), strict=True)]
    references = {case.group: row["us"] for case, row in zip(cases, rows, strict=True) if case.backend == REFERENCE}
    for case, row in zip(cases, rows, strict=True):
        row["ratio"] = references[case.group] / row["us"] if case.group in references else None
    headline, bars = _headline(rows)
    return measured_on | {
        "headline": headline,
        "bars": bars,
        "rows": rows,
        "copy_bytes_per_second": {str(size): value for size, value in bandwidth.items()},
        "multiply_operations_per_second": rate,
        "method": timing.METHOD,
        "repeats": repeats,
    }


def _row(case: Case, act: float, total: float, bandwidth: dict[int, float], rate: float) -> dict[str, Any]:
    lanes = case.brain.body.lanes
    moved, operations, working_set = cost_of(case)
    total = act if case.steps == 0 else total
    memory, arithmetic = moved / bandwidth[working_set * lanes], operations / rate
    return {
        "net": case.net,
        "rule": case.rule,
        "align": case.align,
        "backend": case.backend,
        "lanes": lanes,
        "us": 1e6 * total / lanes,
        "act_us": 1e6 * act / lanes,
        "learn_us": 1e6 * (total - act) / lanes,
        "ticks_per_second": lanes / total,
        "bytes": moved,
        "operations": operations,
        "memory_bound_us": 1e6 * memory,
        "arithmetic_bound_us": 1e6 * arithmetic,
        "share_of_memory_bound": memory * lanes / total,
        "share_of_bound": max(memory, arithmetic) * lanes / total,
    }


def _headline(rows: list[dict[str, Any]]) -> tuple[str | None, list[dict[str, Any]]]:
    """The sentence to remember, and the bars that the project has set itself."""
    found = {
        row["backend"]: row for row in rows if (row["net"], row["rule"], row["align"]) == HEADLINE and row["lanes"] == 1
    }
    if not {"numba", REFERENCE} <= found.keys():
        return None, []
    ours, reference = found["numba"], found[REFERENCE]
    sentence = (
        f"step + {ours['rule']}, {ours['net']}, one lane, numba: {ours['us']:.1f} us, "
        f"{ours['ratio']:.1f} x torch reference ({reference['us']:.0f} us)"
    )
    bars = [
        {"bar": "numba <= 8 us", "measured": ours["us"], "met": ours["us"] <= 8},
        {"bar": "ratio >= 15", "measured": ours["ratio"], "met": ours["ratio"] >= 15},
        {"bar": "torch reference <= 190 us", "measured": reference["us"], "met": reference["us"] <= 190},
    ]
    return sentence, bars


def show(result: dict[str, Any], console: Console) -> None:
    """The rows as a table, then the headline and its bars."""
    headings = ("net", "rule", "align", "backend", "lanes", "us/lane-tick", "act", "learn", "lane-ticks/s", "x torch")
    rows = [
        (
            *(row[name] for name in ("net", "rule", "align", "backend")),
            f"{row['lanes']:,}",
            *(f"{row[name]:,.2f}" for name in ("us", "act_us")),
            "" if row["rule"] == "step alone" else f"{row['learn_us']:,.2f}",
            f"{row['ticks_per_second']:,.0f}",
            "-" if row["ratio"] is None else f"{row['ratio']:.1f}",
            f"{row['bytes'] / 1000:,.0f}",
            f"{100 * row['share_of_memory_bound']:.1f} %",
            f"{100 * row['share_of_bound']:.1f} %",
        )
        for row in result["rows"]
    ]
    console.print(table((*headings, "kB moved", "of memory bound", "of either bound"), rows, words=4))
    console.print(f"\n{result['method']}; {result['repeats']} repeats; act + learn = a whole tick", style="dim")
    rate, copies = result["multiply_operations_per_second"], result["copy_bytes_per_second"].values()
    console.print(
        f"bounds: copies at {min(copies) / 1e9:.0f} to {max(copies) / 1e9:.0f} GB/s at the same working-set size, "
        f"products at {rate / 1e9:.0f} GFLOP/s, both in this process and this run",
        style="dim",
    )
    for bar in result["bars"]:
        console.print(f"{'met ' if bar['met'] else 'MISSED'} {bar['bar']}: {bar['measured']:.1f}")
    if result["headline"]:
        console.print(result["headline"], style="bold")
