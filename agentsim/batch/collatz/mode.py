"""What `agentsim train collatz` takes besides the options of every mode."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentsim.batch.settings import Asked, Study


def collatz(
    asked: Asked,
    lookahead: Annotated[
        list[int] | None, typer.Option(min=1, metavar="L", help="Steps that V looks ahead. Repeatable.")
    ] = None,
    table: Annotated[bool, typer.Option("--table", help="Train nothing: the closed forms at every L.")] = False,
    ablation: Annotated[bool, typer.Option("--ablation", help="Train again without each group of features.")] = False,
    numbers: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Test on its column n in place of the 50,000 published numbers."),
    ] = None,
) -> Study:
    """Search V with V(T(n)) < V(n) for the Syracuse map T, from the next L steps of n alone.

    Some V's also look at n modulo powers of 3, which says what can come before n. Trains a V, without the test orbits,
    and shows its violations on five orbits and 50,000 numbers beside closed forms. Writes collatz.png, .html and .json,
    margins.csv and the weights. Ctrl-C saves; the same command with --out goes on.

    \b
    Examples:
      agentsim train collatz
      agentsim train collatz --table
      agentsim train collatz --config prefix --lookahead 50 --lookahead 100 --minutes 5 --out runs/prefix
      agentsim train collatz --config published --set network.k_only=true --seeds 1 --json
    """
    from agentsim.batch.collatz import commands

    return commands.run(asked, lookaheads=lookahead or [], table=table, ablation=ablation, numbers=numbers)
