"""Settings of the trainer of digits side by side, with paired differences from the first: noise, beta, width."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from agentsim.batch import settings
from agentsim.batch.digits import study
from agentsim.batch.digits.settings import DigitsConfig
from agentsim.batch.settings import Asked
from agentsim.batch.trials import Trial
from agentsim.studies.intervals import as_interval, interval
from agentsim.studies.report import print_table

SMOOTH = ("network.units=tanh", "network.cost=cross_entropy", "network.free_sweeps=20", "network.nudged_sweeps=10")
NOISY = (*SMOOTH, "network.noise=0.04")
OWN = ("network.feedback=kolen_pollack", "optimizer.weight_decay=0.01")
WIDTHS = (32, 64, 128, 256, 512)

# check -> row -> overrides of configs/digits/eqprop, or of backprop where the row says so
VARIANTS: dict[str, dict[str, tuple[str, ...]]] = {
    "noise": {
        "noiseless, two nudges": (*SMOOTH, "network.beta=0.2"),
        "noise .04, two nudges": (*NOISY, "network.beta=0.2"),
        "noise .04, holomorphic, 2 points": (*NOISY, "network.estimator=holomorphic", "network.points=2"),
        "noise .04, holomorphic, 10 points": (*NOISY, "network.estimator=holomorphic", "network.points=10"),
        "noise .04, one side, beta .01": (*NOISY, "network.estimator=one_sided", "network.beta=0.01"),
    },
    "beta": {
        "beta .3": ("network.beta=0.3",),
        **{f"beta {beta}": (f"network.beta={beta}",) for beta in (0.01, 0.05, 0.1, 0.2, 0.26, 0.5, 0.9)},
        "beta .5 to .05": ("network.beta=0.5", "network.beta_end=0.05"),
        "beta .3 to .03": ("network.beta=0.3", "network.beta_end=0.03"),
        "own feedback, alike": OWN,
        "own feedback, apart": (*OWN, "network.feedback_start=apart"),
        "vector field, apart": ("network.feedback=vector_field", "network.feedback_start=apart"),
    },
    "size": {
        **{f"EqProp {width}": (f"network.hidden=[{width}]",) for width in WIDTHS},
        **{f"backprop {width}": (f"network.hidden=[{width}]",) for width in WIDTHS},
    },
}


def measure(check: str, asked: Asked) -> dict[str, Any]:
    """Train every row over seeds, or go on in `asked.out`. Raises UserError."""
    trials = [
        Trial(row, config.model_copy(update={"seed": seed}), version=study.VERSION)
        for row, overrides in VARIANTS[check].items()
        for config in [settings.load(DigitsConfig, _base(row), [*overrides, *asked.overrides])]
        for seed in range(config.seed, config.seed + asked.seeds)
    ]
    result = study.compare(trials, asked, check, f"agentsim check {check} --seeds {asked.seeds}", None)
    return {**result, "differences": differences(check, result["rows"])}


def _base(row: str) -> str:
    return "backprop" if row.startswith("backprop") else "eqprop"


def differences(check: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Accuracy minus that of the row to compare with, of the same seeds: the first row, or EqProp of the same width."""
    accuracy = {row["name"]: {run["seed"]: run["accuracy"] for run in row["runs"]} for row in rows}
    found = {}
    for name, own in accuracy.items():
        other = f"EqProp {name.split()[-1]}" if check == "size" else next(iter(VARIANTS[check]))
        if name != other and other in accuracy:
            pairs = [own[seed] - accuracy[other][seed] for seed in own if seed in accuracy[other]]
            found[f"{name} - {other}"] = interval(pairs)
    return found


def show(result: dict[str, Any], console: Console) -> None:
    """The trainer's table, and the paired differences."""
    study.show(result, console)
    lines = [[name, as_interval(found, 100, 2)] for name, found in result["differences"].items()]
    print_table(console, ("difference, paired by seed", "points of accuracy"), lines)
