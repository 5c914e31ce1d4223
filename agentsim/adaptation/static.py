"""`agentsim adapt --suite static16`: which layer types learn a noisy concept by which mode, at which depth.

No world: a brain is driven directly, a lane a seed, each with weights, data and order of its own. For every sample the
brain's activity is reset; the sample is held for as many ticks as its answer needs (1; L if a stepping brain compares
what comes out with what went in, align: pipeline), with the label on the last; then it learns. Accuracy is that of a
frozen copy that makes ordinary forward passes, holding each sample for its settling ticks. Rates: 0.15 for the tween
rules, 0.02 for backprop; a block is the data set, gone through once, so that every mode has the same budget. Where
samples stand still, modes that differ only in when they learn come to the same: NormalBP, Step+BP and OnlineBP are one
row three times, and so are the chains; NormTween, with one pass through its block, is TweenChain.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from rich.console import Console

from agentsim.adaptation import concept, static_table
from agentsim.adaptation.nets import LAYER_TYPES, net
from agentsim.adaptation.suites import PRESETS
from agentsim.config.load import load_brain
from agentsim.loop.building import build_brain
from agentsim.studies.pages import page, write
from agentsim.studies.report import print_table, report
from agentsim.studies.sweep import study_directory, sweep
from agentsim.system.process import end_on_signals
from brains.brain import Body, Brain, Experience

DEPTHS = (3, 5, 9, 15, 20)
EPOCHS = 40
RATES = {"backprop": 0.02, "tween": 0.15, "tween_chain": 0.15}
FIGURES = ("epochs", "ticks", "train", "held_out", "cpu_seconds")
ON_THE_WAY = 500  # held-out samples that are asked before the last epoch
BATCH = 250  # lanes of a frozen copy
EXPLOSION = "StepTweenChain, explosion detection"  # on dense nets only

Result = dict[str, Any]


class TrialConfig(BaseModel):
    """What a trial is a function of: the brain, how often its samples are gone through, how many seeds (0, 1, ...)."""

    model_config = ConfigDict(frozen=True)
    brain: dict[str, Any]
    epochs: int
    seeds: int
    samples: int = concept.SAMPLES
    held_out: int = concept.HELD_OUT


@dataclass(frozen=True, eq=False)
class Trial:
    """A mode on a net."""

    layer: str
    depth: int
    mode: str
    config: TrialConfig
    version: str = "static16 1"

    @property
    def words(self) -> dict[str, Any]:
        """Suite, layer type, depth and mode."""
        return {"suite": "static16", "layer": self.layer, "depth": self.depth, "mode": self.mode}


def modes(layer: str, samples: int = concept.SAMPLES) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every mode for a layer type: name and mapping, without the net."""
    for name, preset in PRESETS.items():
        mapping = load_brain(preset)
        mapping |= {"learning_rate": RATES[mapping["rule"]]}
        if isinstance(mapping["schedule"], dict) and "block" in mapping["schedule"]:
            mapping |= {"schedule": mapping["schedule"] | {"block": samples, "epochs": 1}}
        yield name, mapping
        if layer == "dense" and name == "StepTweenChain":
            yield EXPLOSION, mapping | {"explosion_detection": True}


def trials(seeds: int, epochs: int, layers: Sequence[str] = LAYER_TYPES, depths: Sequence[int] = DEPTHS) -> list[Trial]:
    """Every mode on every net."""
    return [
        Trial(layer, depth, mode, TrialConfig(brain=mapping | net(layer, depth), epochs=epochs, seeds=seeds))
        for layer in layers
        for depth in depths
        for mode, mapping in modes(layer)
    ]


def run_trial(config: TrialConfig) -> Result | None:
    """Train and ask again after 1, 2, 3 ... epochs, ever more apart; None if interrupted. Raises UserError.

    Before the last epoch only the first held-out samples are asked: asking costs more than learning.

    {epochs (points,), ticks a sample, train and held_out (points, seeds) accuracy, cpu_seconds (points,) a seed}.
    """
    stopped: list[int] = []
    pairs = [concept.of_seed(seed, config.samples, config.held_out) for seed in range(config.seeds)]
    x, label = _stacked([train for train, _ in pairs])
    x_held_out, label_held_out = _stacked([held_out for _, held_out in pairs])
    lanes = np.arange(config.seeds)[:, None]
    body = Body(concept.SIZE, concept.CLASSES, teacher=True, lanes=config.seeds)
    brain = build_brain(config.brain, body, np.random.SeedSequence(16))
    brain.warm_up()
    ticks = _ticks(config.brain, brain)
    rng = np.random.default_rng(16)
    points = {round(1.5**k) for k in range(64)} & {*range(1, config.epochs + 1)} | {config.epochs}
    found: Result = {"epochs": [], "ticks": ticks, "train": [], "held_out": [], "cpu_seconds": []}
    taken = 0.0
    with end_on_signals(stopped.append):
        for epoch in range(1, config.epochs + 1):
            order = rng.permuted(np.tile(np.arange(config.samples), (config.seeds, 1)), axis=1)
            before = time.process_time()
            _train(brain, x[lanes, order], label[lanes, order], ticks)
            taken += time.process_time() - before
            if stopped:
                return None
            if epoch in points:
                found["epochs"].append(epoch)
                found["cpu_seconds"].append(taken / config.seeds)
                found["train"].append(accuracies(config.brain, brain, body, x, label))
                asked = config.held_out if epoch == config.epochs else ON_THE_WAY
                x_asked, label_asked = x_held_out[:, :asked], label_held_out[:, :asked]
                found["held_out"].append(accuracies(config.brain, brain, body, x_asked, label_asked))
    return found


def _stacked(data: Sequence[concept.Data]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Samples (lanes, n, SIZE) and labels (lanes, n)."""
    return np.stack([each.x for each in data]), np.stack([each.label for each in data])


def _ticks(mapping: dict[str, Any], brain: Brain) -> int:
    """How long a sample is held before its label comes."""
    return brain.latency + 1 if mapping["execution"] == "stepping" and mapping["align"] == "pipeline" else 1


def _train(brain: Brain, x: NDArray[np.float32], label: NDArray[np.int64], ticks: int) -> None:
    """One epoch: x (lanes, n, SIZE) and label (lanes, n), sample after sample."""
    lanes = len(x)
    everyone, never, nothing = np.ones(lanes, np.bool_), np.zeros(lanes, np.bool_), np.zeros(lanes, np.float32)
    for sample, right in zip(np.ascontiguousarray(x.swapaxes(0, 1)), label.T, strict=True):
        brain.reset(everyone)
        for _ in range(ticks):
            action = brain.act(sample)
        brain.learn(Experience(sample, action, nothing, sample, never, never, right))


def accuracies(
    mapping: dict[str, Any], brain: Brain, body: Body, x: NDArray[np.float32], label: NDArray[np.int64]
) -> list[float]:
    """Each lane's share of right answers to its own x (lanes, n, SIZE), by ordinary forward passes of a frozen copy."""
    ordinary = mapping | {"execution": "sequential", "schedule": "every_tick", "align": "instant"}
    twin = build_brain(ordinary, replaced(body, lanes=1), np.random.SeedSequence(0))
    parameters = brain.state_dict()["parameters"]
    found = []
    for lane, (samples, right) in enumerate(zip(x, label, strict=True)):
        twin.load_state_dict(twin.state_dict() | {"parameters": parameters[lane : lane + 1]})
        hits = 0
        for first in range(0, len(samples), BATCH):
            batch = samples[first : first + BATCH]
            copy = twin.frozen_copy(lanes=len(batch))
            for _ in range(copy.settling_ticks):
                action = copy.act(batch)
            hits += int((action == right[first : first + BATCH]).sum())
        found.append(hits / len(samples))
    return found


def measure(
    *, command: str, seeds: int, epochs: int | None, jobs: int, out: Path | None, modules: Sequence[str] = ()
) -> dict[str, Any]:
    """Run what is missing in `out` (else everything, in a new directory under runs/) and put the tables together.

    Writes static16.png, static16.html and static16.json there. After Ctrl-C: what is there. Raises UserError.
    """
    out = study_directory(out, "static16")
    chosen = trials(seeds, epochs or EPOCHS)
    swept = sweep("trials", chosen, run_trial, FIGURES, jobs=jobs, out=out, modules=modules)
    rows = [static_table.row(trial.words, result) for trial, result in swept.kept.items()]
    bounds = concept.bounds(seeds)
    result = report(
        "static16",
        command=command,
        out=str(out),
        seeds=seeds,
        epochs=epochs or EPOCHS,
        interrupted=swept.interrupted,
        failed=swept.failed,
        bounds=bounds,
        controls=concept.strangers(seeds),
        rows=rows,
    )
    drawn = static_table.picture(result)
    sections = [*static_table.sections(result), ("Every mode on every net", *static_table.everything(rows))]
    write(out, "static16", result, drawn, page("agentsim adapt --suite static16", result, drawn, sections))
    return result


def show(result: dict[str, Any], console: Console) -> None:
    """The tables, best modes first; every row is in the HTML file."""
    for title, headings, lines in static_table.sections(result):
        print_table(console, headings, lines, title)
    typer.echo(f"trials, static16.png, static16.html and static16.json: {result['out']}", err=True)
