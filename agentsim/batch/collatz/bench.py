"""`agentsim bench collatz`: windows a second on one core, with Python's own integers as the yardstick."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from rich.console import Console

from agentsim.batch.collatz.arithmetic import to_limbs, windows
from agentsim.batch.collatz.draws import evaluation_set
from agentsim.studies import timing
from agentsim.studies.report import progress, report, table

LOOKAHEADS = (10, 20, 50, 100, 200)
NUMBERS = 2_000  # a batch: the first of the published test numbers


def in_python(numbers: list[int], steps: int) -> list[tuple[list[float], list[int]]]:
    """The logarithms and halvings of each number's window, by Python's integers."""
    found = []
    for number in numbers:
        n, logs, halvings = number, [math.log(number)], []
        for _ in range(steps):
            n = 3 * n + 1
            k = (n & -n).bit_length() - 1
            n >>= k
            logs.append(math.log(n))
            halvings.append(k)
        found.append((logs, halvings))
    return found


def measure(*, repeats: int = 11, block: float = 0.2) -> dict[str, Any]:
    """Time windows of L + 1 steps, which serve n and T(n), at every L; `block` is about the CPU seconds of a job."""
    numbers = evaluation_set()[:NUMBERS]
    limbs = to_limbs(numbers)
    jobs: list[timing.Job] = []
    for lookahead in LOOKAHEADS:
        jobs.append(lambda count, steps=lookahead + 1: [windows(limbs, steps) for _ in range(count)])  # type: ignore[misc]
        jobs.append(lambda count, steps=lookahead + 1: [in_python(numbers[:100], steps) for _ in range(count)])  # type: ignore[misc]
    bar, task = progress("windows", len(jobs) * (repeats + 1))
    with bar:
        seconds = np.median(timing.interleaved(jobs, repeats, block, lambda: bar.advance(task)), axis=0)
    ours, pythons = NUMBERS / seconds[::2], 100 / seconds[1::2]
    rows = [
        {"lookahead": lookahead, "windows_per_second": float(rate), "python": float(python), "ratio": rate / python}
        for lookahead, rate, python in zip(LOOKAHEADS, ours, pythons, strict=True)
    ]
    return report("collatz", rows=rows, method=timing.METHOD, repeats=repeats)


def show(result: dict[str, Any], console: Console) -> None:
    """The rows as a table."""
    headings = ("lookahead", "windows/s on a core", "Python's integers", "ratio")
    rows = [
        (
            str(row["lookahead"]),
            f"{row['windows_per_second']:,.0f}",
            f"{row['python']:,.0f}",
            f"{row['ratio']:.0f}",
        )
        for row in result["rows"]
    ]
    console.print(table(headings, rows))
    console.print(f"\n{result['method']}; {result['repeats']} repeats", style="dim")
