"""V's compared: closed forms at many lookaheads, and trained ones over seeds, with the closed forms beside them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from agentsim.batch.collatz import evaluation
from agentsim.batch.collatz.arithmetic import LimbOverflowError, to_integers
from agentsim.batch.collatz.closed_forms import CLOSED_FORMS, CONTROLS
from agentsim.batch.collatz.evaluation import Asked, TestSet
from agentsim.batch.collatz.orbits import leak_report
from agentsim.batch.collatz.plots import picture
from agentsim.batch.collatz.tables import Row, sections
from agentsim.bench.pages import page, write
from agentsim.bench.report import print_table, progress, report
from agentsim.errors import UserError
from agentsim.files import write_whole
from agentsim.recording import new_run_directory

LOOKAHEADS = (10, 20, 46, 50, 100, 140, 200)  # of the published table
EDGES = np.linspace(-1, 1, 81)  # of the histogram of margins


def figures(potential: evaluation.Potential, lookahead: int, test: TestSet) -> tuple[dict[str, Any], NDArray[Any]]:
    """`evaluation.examine` as JSON data with a histogram of the margins, and the margins."""
    found = evaluation.examine(potential, lookahead, test)
    margins = found.pop("margins")
    counts, _ = np.histogram(np.clip(margins, EDGES[0], EDGES[-1]), EDGES)
    return {**found, "histogram": counts.tolist()}, margins


def closed_forms(lookaheads: Sequence[int], test: TestSet) -> tuple[list[Row], dict[str, NDArray[Any]]]:
    """The rows of all closed forms, also on the large sets; and their margins by "L name"."""
    asked: dict[str, Asked] = {}
    rows, margins = [], {}
    for lookahead in lookaheads:
        for name, potential in CLOSED_FORMS.items():
            key = f"{lookahead} {name}"
            asked[key] = potential, lookahead
            found, margins[key] = figures(potential, lookahead, test)
            kind = "control" if name in CONTROLS else "closed form"
            rows.append({"lookahead": lookahead, "name": name, "kind": kind, "runs": [found]})
    for name, numbers in large_sets().items():
        bar, task = progress(f"closed forms, {name.replace('_', ' ')}", len(numbers))
        with bar:
            counts = evaluation.violations(asked, numbers, lambda done: bar.advance(task, done))  # noqa: B023
        for row in rows:
            row["runs"][0][name] = counts[f"{row['lookahead']} {row['name']}"]
    return rows, margins
