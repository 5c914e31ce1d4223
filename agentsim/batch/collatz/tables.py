"""What a study of V's found, as lines of text.

A row is {lookahead, name, kind: control, closed form or trained, runs: [figures of one seed, ...]}. The figures are
those of `evaluation.examine`, with the violations on the large sets, `fresh`, `interior` and `all_odd` (absent where
not measured), and, of what was trained, `parameters`, `batches` and `cpu_seconds`.
"""

from __future__ import annotations

from typing import Any

from agentsim.batch.collatz.orbits import TEST_SEEDS
from agentsim.studies.intervals import as_interval, interval
from agentsim.studies.pages import Section

Row = dict[str, Any]

SHARES = {"passed": "pass %", "weighted": "weighted", "growth": "growth", "growth_weighted": "growth weighted"}
SETS = {"fresh": "fresh", "interior": "interior", "all_odd": "all odd"}
TRAINING = {"parameters": "parameters", "batches": "batches", "cpu_seconds": "CPU s"}


def sections(result: dict[str, Any]) -> list[Section]:
    """A table for every lookahead."""
    lookaheads = sorted({row["lookahead"] for row in result["rows"]})
    return [_section(result, lookahead) for lookahead in lookaheads]


def _section(result: dict[str, Any], lookahead: int) -> Section:
    rows = [row for row in result["rows"] if row["lookahead"] == lookahead]
    sizes = result["sizes"]
    headings = [
        f"L = {lookahead}",
        *(f"of {seed}" for seed in TEST_SEEDS),
        f"of {sizes['steps']}",
        "worst margin",
        *SHARES.values(),
        "worst margin",
        *(f"{SETS[name]} {sizes[name]:,}" for name in SETS if name in sizes),
        *TRAINING.values(),
    ]
    title = f"Lookahead {lookahead}: violations on the orbits, then on {sizes['numbers']:,} numbers"
    return title, headings, [_line(row, [name for name in SETS if name in sizes]) for row in rows]


def _line(row: Row, sets: list[str]) -> list[str]:
    runs = row["runs"]
    return [
        row["name"],
        *(_counts([run["orbits"][str(seed)]["violations"] for run in runs]) for seed in TEST_SEEDS),
        _counts([run["violations"] for run in runs]),
        f"{min(run['worst_on_orbits'] for run in runs):.3f}",
        *(as_interval(interval(run[name] for run in runs), 100, 3) for name in SHARES),
        f"{min(run['worst'] for run in runs):.3f}",
        *(_counts([run.get(name) for run in runs]) for name in sets),
        *(_mean([run.get(name) for run in runs]) for name in TRAINING),
    ]


def _counts(values: list[int | None]) -> str:
    """One count for each seed; those of a closed form are one."""
    return "/".join("-" if value is None else f"{value:,}" for value in values)


def _mean(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{sum(known) / len(known):,.0f}" if known else "-"
