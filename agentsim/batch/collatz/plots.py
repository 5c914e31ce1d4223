"""The picture of a study: V along the five orbits, where it is violated, its margins, lookahead, and ablation."""

from __future__ import annotations

from typing import Any

import numpy as np

from agentsim.batch.collatz.orbits import TEST_SEEDS
from agentsim.studies.figure import png, pyplot

Row = dict[str, Any]
NOTHING = 1e-4  # percent, where an axis of logarithms ends


def picture(result: dict[str, Any]) -> bytes:
    """A PNG. The first seed of a trained V stands for it along orbits, means over the seeds elsewhere."""
    result = result | {"rows": [row | {"name": row["name"].replace("$", r"\$")} for row in result["rows"]]}
    shown = min((row["lookahead"] for row in result["rows"] if row["kind"] == "trained"), default=None)
    shown = shown or min(row["lookahead"] for row in result["rows"])
    variants = [row for row in result["rows"] if row["lookahead"] == shown]
    rows = [row for row in variants if not row.get("without")]
    colors = {row["name"]: f"C{k % 10}" for k, row in enumerate(rows)}
    figure = pyplot().figure(figsize=(17, 12), layout="constrained")
    parts: Any = figure.subfigures(3, 1)
    orbits, middle, bottom = (part.subplots(1, count) for part, count in zip(parts, (5, 2, 3), strict=True))
    for axis, seed in zip(orbits, TEST_SEEDS, strict=True):
        _along(axis, rows, str(seed), colors)
    _positions(middle[0], rows, colors)
    _margins(middle[1], rows, result["edges"], colors)
    _lookaheads(bottom[0], bottom[1], result["rows"])
    _ablation(bottom[2], variants)
    title = f"V along the five orbits, L = {shown}: its rank among the states of the orbit; dots are violations"
    figure.suptitle(title)
    return png(figure)


def _along(axis: Any, rows: list[Row], seed: str, colors: dict[str, str]) -> None:
    for row in rows:
        orbit = row["runs"][0]["orbits"][seed]
        values = np.array([np.inf if value is None else value for value in orbit["values"]])  # JSON has no infinity
        rank = values.argsort(kind="stable").argsort()
        axis.plot(rank, color=colors[row["name"]], linewidth=0.9)
        axis.plot(orbit["at"], rank[orbit["at"]], ".", color=colors[row["name"]], markersize=5)
    axis.set_title(f"orbit of {seed}", fontsize="medium")
    axis.set_xlabel("step")
    axis.grid(alpha=0.3)


def _positions(axis: Any, rows: list[Row], colors: dict[str, str]) -> None:
    """Share of its orbit at which each violation lies, a line for each V."""
    for k, row in enumerate(rows):
        for orbit in row["runs"][0]["orbits"].values():
            share = np.array(orbit["at"], float) / len(orbit["values"])
            axis.plot(share, np.full(len(share), k), "|", color=colors[row["name"]], markersize=9)
    axis.set_yticks(range(len(rows)), [f"{row['name']} ({_violations(row):.4g})" for row in rows], fontsize="small")
    axis.set_xlim(0, 1)
    axis.set_xlabel("position on the orbit, 0 its start and 1 its end; all five orbits, violations in brackets")
    axis.grid(axis="x", alpha=0.3)


def _margins(axis: Any, rows: list[Row], edges: list[float], colors: dict[str, str]) -> None:
    for row in rows:
        counts = np.mean([run["histogram"] for run in row["runs"]], axis=0)
        axis.stairs(counts, edges, color=colors[row["name"]], label=row["name"])
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_yscale("log")
    axis.set_xlabel("margin V(n) - V(T n) on the test numbers (what lies outside is in the last bins)")
    axis.set_ylabel("numbers")
    axis.legend(fontsize="small")


def _lookaheads(counts: Any, failures: Any, rows: list[Row]) -> None:
    names = list(dict.fromkeys(row["name"] for row in rows if not row.get("without")))
    for k, name in enumerate(names):
        of_name = sorted((row for row in rows if row["name"] == name), key=lambda row: int(row["lookahead"]))
        lookahead = [row["lookahead"] for row in of_name]
        style = {"color": f"C{k % 10}", "marker": "o" if of_name[0]["kind"] == "trained" else "."}
        counts.plot(lookahead, [_violations(row) for row in of_name], label=name, **style)
        failures.plot(lookahead, [max(NOTHING, 100 - _passed(row)) for row in of_name], label=name, **style)
    counts.set_ylabel("violations on the five orbits")
    counts.set_yscale("symlog")
    failures.set_ylabel(f"failures on the test numbers, % (none: {NOTHING:g})")
    failures.set_yscale("log")
    counts.legend(fontsize="small")
    for axis in (counts, failures):
        axis.set_xlabel("lookahead L")
        axis.grid(alpha=0.3)


def _ablation(axis: Any, rows: list[Row]) -> None:
    parts = [row for row in rows if row.get("without")]
    axis.set_title("trained again without a group of features", fontsize="medium")
    if not parts:
        axis.text(0.5, 0.5, "agentsim train collatz --ablation", ha="center", family="monospace")
        axis.axis("off")
        return
    whole = {row["of"] for row in parts}
    bars = [row for row in rows if row["name"] in whole] + parts
    axis.barh([row["name"] for row in bars], [max(NOTHING, 100 - _passed(row)) for row in bars])
    for k, row in enumerate(bars):
        axis.text(NOTHING, k, f"  {_violations(row):.4g} violations", va="center", fontsize="small")
    axis.set_xscale("log")
    axis.set_xlim(NOTHING, 100)
    axis.invert_yaxis()
    axis.set_xlabel("failures on the test numbers, %")


def _violations(row: Row) -> float:
    return float(np.mean([run["violations"] for run in row["runs"]]))


def _passed(row: Row) -> float:
    return float(100 * np.mean([run["passed"] for run in row["runs"]]))
