"""The command line of `agentsim train`. Everything heavy is imported inside the commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentsim.cli.options import AsJson, Jobs, KeptIn

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def train() -> None:
    """Train on data that stands still, without a world and without a clock.

    \b
    Examples:
      agentsim train collatz
      agentsim train collatz --table
    """


@app.command()
def collatz(
    config: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="What to train: a name from configs/collatz, or a YAML file. Repeatable."),
    ] = None,
    lookahead: Annotated[
        list[int] | None, typer.Option(min=1, metavar="L", help="Steps that V looks ahead. Repeatable.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.001, metavar="M", help="CPU minutes of each training; else the config's.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="Trainings of each config.")] = 3,
    seed: Annotated[int | None, typer.Option(min=0, metavar="S", help="The first seed; else the config's.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of every config. Repeatable.")
    ] = None,
    table: Annotated[bool, typer.Option("--table", help="Train nothing: the closed forms at every L.")] = False,
    ablation: Annotated[bool, typer.Option("--ablation", help="Train again without each group of features.")] = False,
    numbers: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Test on its column n in place of the 50,000 published numbers."),
    ] = None,
    jobs: Jobs = None,
    out: KeptIn = None,
    as_json: AsJson = False,
) -> None:
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
    from agentsim.studies.report import conclude

    changes = list(set_ or [])
    changes += [] if minutes is None else [f"minutes={minutes:g}"]
    changes += [] if seed is None else [f"seed={seed}"]
    result, show = commands.run(
        config or [],
        lookaheads=lookahead or [],
        seeds=seeds,
        overrides=changes,
        table=table,
        ablation=ablation,
        numbers=numbers,
        jobs=jobs,
        out=out,
    )
    conclude(result, show, as_json)
