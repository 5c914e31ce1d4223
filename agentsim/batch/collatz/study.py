"""V's compared: closed forms at many lookaheads, with the trivial control beside them, and what is written about them.

`agentsim train collatz --table` is this alone; trained V's (trials.py) come as rows of the same table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from agentsim.batch.collatz import evaluation
from agentsim.batch.collatz.arithmetic import Limbs
from agentsim.batch.collatz.closed_forms import CLOSED_FORMS, CONTROLS
from agentsim.batch.collatz.evaluation import Asked, Potential, TestSet
from agentsim.batch.collatz.orbits import leak_report
from agentsim.batch.collatz.plots import picture
from agentsim.batch.collatz.spreadsheet import write_margins
from agentsim.batch.collatz.tables import Row, sections
from agentsim.studies.pages import page, write
from agentsim.studies.report import print_table, progress, report

LOOKAHEADS = (1, 10, 20, 46, 50, 100, 140, 200)  # of the published table, and 1
EDGES = np.linspace(-1, 1, 81)  # of the histogram of margins
LARGE_SETS: dict[str, Callable[[], Limbs]] = {
    "fresh": evaluation.fresh_numbers,
    "interior": evaluation.interior_states,
    "all_odd": evaluation.all_odd,
}

Margins = dict[str, NDArray[np.float64]]  # "L name" -> (N,), of the test numbers


def figures(potential: Potential, lookahead: int, test: TestSet) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """`evaluation.examine` as JSON data, with a histogram of the margins; and the margins."""
    found = evaluation.examine(potential, lookahead, test)
    margins = found.pop("margins")
    counts, _ = np.histogram(np.clip(margins, EDGES[0], EDGES[-1]), EDGES)
    return {**found, "histogram": counts.tolist()}, margins


def closed_forms(lookaheads: Sequence[int], test: TestSet, *, large: bool = True) -> tuple[list[Row], Margins]:
    """The rows of all closed forms, measured on the large sets too where `large`, and their margins."""
    asked: dict[str, Asked] = {}
    rows: list[Row] = []
    margins: Margins = {}
    for lookahead in lookaheads:
        for name, potential in CLOSED_FORMS.items():
            key = f"{lookahead} {name}"
            asked[key] = potential, lookahead
            found, margins[key] = figures(potential, lookahead, test)
            kind = "control" if name in CONTROLS else "closed form"
            rows.append({"lookahead": lookahead, "name": name, "kind": kind, "runs": [found]})
    for name, counts in on_large_sets(asked).items() if large else ():
        for row in rows:
            row["runs"][0][name] = counts[f"{row['lookahead']} {row['name']}"]
    return rows, margins


def on_large_sets(asked: dict[str, Asked]) -> dict[str, dict[str, int]]:
    """The violations of every V on every large set, with a progress bar."""
    sets = {name: make() for name, make in LARGE_SETS.items()}
    bar, task = progress("numbers", sum(map(len, sets.values())))
    with bar:
        return {
            name: evaluation.violations(asked, numbers, lambda done: bar.advance(task, done))
            for name, numbers in sets.items()
        }


def table(lookaheads: Sequence[int], numbers: tuple[int, ...] | None, command: str, out: Path) -> dict[str, Any]:
    """The closed forms alone. Writes collatz.png, collatz.html, collatz.json and margins.csv. Raises UserError."""
    lookaheads = sorted(set(lookaheads))
    test = evaluation.test_set(lookaheads[-1], numbers)
    rows, margins = closed_forms(lookaheads, test)
    return written(rows, margins, test, numbers, command=command, out=out)


def written(
    rows: list[Row],
    margins: Margins,
    test: TestSet,
    numbers: tuple[int, ...] | None,
    *,
    command: str,
    out: Path,
    interrupted: bool = False,
    failed: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """The result of a study as JSON data, once it lies in `out` as files. Raises UserError."""
    result = report(
        "collatz",
        command=command,
        out=str(out),
        interrupted=interrupted,
        failed=list(failed),
        sizes={
            "steps": len(test.steps),
            "numbers": len(test.numbers),
            "fresh": evaluation.FRESH,
            "interior": evaluation.INTERIOR,
            "all_odd": len(range(3, evaluation.ALL_ODD, 2)),
        },
        edges=EDGES.tolist(),
        own_numbers=numbers is not None,
        leak=leak_report(),
        rows=rows,
    )
    write_margins(out / "margins.csv", numbers, test, margins)
    drawn = picture(result)
    write(out, "collatz", result, drawn, page("agentsim train collatz", result, drawn, sections(result)))
    return result


def show(result: dict[str, Any], console: Console) -> None:
    """The tables, a line about the leak, and where the files are."""
    for title, headings, lines in sections(result):
        print_table(console, headings, lines, title)
    seen = ", ".join(f"{seed} {found['seen']}/{found['steps']}" for seed, found in result["leak"]["seen"].items())
    console.print(f"States of the test orbits that lie on the published training orbits: {seen}.")
    console.print("Nothing here was trained on any of them, nor on a number that goes to one of them.")
    if result["own_numbers"]:
        console.print("The numbers of the CSV file may have been trained on; the published test numbers are not.")
    typer.echo(f"collatz.png, collatz.html, collatz.json and margins.csv: {result['out']}", err=True)
