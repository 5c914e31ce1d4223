"""`agentsim compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentsim.cli.options import AsJson, Import
from agentsim.system.output import print_json


def compare(
    directories: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run directories.")],
    out: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Write the curves of all runs into this file.")
    ] = None,
    modules: Import = None,
    as_json: AsJson = False,
) -> None:
    """Put several runs side by side: a table, and with --out their curves over simulated time.

    \b
    Examples:
      agentsim compare runs/*
      agentsim compare runs/a runs/b --out curves.png
    """
    from agentsim.studies import compare as comparison

    runs, others = comparison.read_runs(directories)
    if others:
        typer.echo(f"left out, no runs: {', '.join(map(str, others))}", err=True)
    if out is not None:
        comparison.plot(runs, out)
    if as_json:
        print_json({"runs": [comparison.summary(run) for run in runs]})
    else:
        comparison.print_table(runs)
        if out is not None:
            typer.echo(f"curves: {out}", err=True)
