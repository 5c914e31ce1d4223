"""`agentsim adapt`: the runs of some tables, made where they are missing, and what is written about them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from agentsim.adaptation import protocol, table
from agentsim.adaptation.picture import picture
from agentsim.adaptation.suites import Table
from agentsim.studies.entries import over_seeds
from agentsim.studies.pages import page, write
from agentsim.studies.report import print_table, report
from agentsim.studies.sweep import by_entry, study_directory, sweep


def measure(
    tables: Sequence[Table], *, command: str, seeds: int, jobs: int, out: Path | None, modules: Sequence[str] = ()
) -> dict[str, Any]:
    """Run what is missing in `out` (else everything, in a new directory under runs/) and put the tables together.

    Writes adapt.png, adapt.html and adapt.json there. After Ctrl-C: what is there, `interrupted` being true. Raises
    UserError.
    """
    out = study_directory(out, "adapt")
    entries = list(dict.fromkeys(entry for each in tables for entry in each.entries))
    chosen = over_seeds(entries, seeds, protocol.VERSION)
    swept = sweep("runs", chosen, protocol.run_once, protocol.FIGURES, jobs=jobs, out=out, modules=modules)
    found = [table.summary(each.title, by_entry(swept, each.entries), each.published) for each in tables]
    found = [each for each in found if each["rows"]]
    result = report(
        "adapt",
        command=command,
        out=str(out),
        seeds=seeds,
        interrupted=swept.interrupted,
        failed=swept.failed,
        tables=found,
    )
    drawn = picture(found)
    sections = [(_title(each, seeds), *_lines(each, len(found))) for each in found]
    if len(found) > 1:
        sections.insert(0, ("All nets", *table.matrix(found)))
    windows = [(f"{each['config']}: accuracy of every window, %", *_windows(each)) for each in found]
    write(out, "adapt", result, drawn, page("agentsim adapt", result, drawn, sections, windows))
    return result


def _title(found: dict[str, Any], seeds: int) -> str:
    options = "".join(f", {name}: {value}" for name, value in found["options"].items())
    options += f", {100 * found['label_noise']:g} % of labels random" if found["label_noise"] else ""
    what = f"{found['config']}: {found['world']}{options}, {found['ticks']:,} ticks, {found['tick_hz']:g} a second"
    budget = max(row["steps_per_tick"] for row in found["rows"])
    return (
        f"{what}, {seeds} seeds, mean ± 95 %, at most {budget} learning steps a tick; late and recovery in ticks; "
        "updates and samples a tick; controls below the brains"
    )


def _lines(found: dict[str, Any], tables: int, brief: bool = False) -> tuple[list[str], list[list[str]]]:
    return table.by_phase(found, brief=brief) if tables == 1 else table.by_row(found)


def _windows(found: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """A line a brain, a column a window: its mean accuracy, per cent, headed by the second it ends with."""
    ends = [(window["start"] + window["ticks"]) / found["tick_hz"] for window in found["rows"][0]["windows"]]
    lines = [
        [row["name"], *(f"{100 * window['accuracy']['mean']:.0f}" for window in row["windows"])]
        for row in found["rows"]
    ]
    return ["to second", *(f"{end:.4g}" for end in ends)], lines


def show(result: dict[str, Any], console: Console) -> None:
    """The tables; with several nets, first what they come to side by side."""
    tables, seeds = result["tables"], result["seeds"]
    if len(tables) > 1:
        print_table(console, *table.matrix(tables), "mean accuracy by net; * the best brain of a net")
    for found in tables:
        print_table(console, *_lines(found, len(tables), brief=True), _title(found, seeds))
    typer.echo(f"runs, adapt.png, adapt.html and adapt.json: {result['out']}", err=True)
