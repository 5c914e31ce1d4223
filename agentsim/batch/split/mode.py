"""What `agentsim train split_mnist` takes besides the options of every mode."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentsim.batch.settings import Asked, Study


def split_mnist(
    asked: Asked,
    replay: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT",
            help="Stands in for old images: none, dream, gaussian, mean or real. Repeatable, a row each.",
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the data are; else AGENTSIM_DATA, then the cache of `agentsim data`."),
    ] = None,
) -> Study:
    """Learn MNIST two digits at a time, and keep the old ones by dreaming of them.

    Without --replay: dream, gaussian and none. In the table: the test set after the last task, the worst label, what
    was forgotten of earlier tasks, and bytes kept from task to task; beside them what needs no net and forgets nothing.
    --config digits needs no data fetched. Writes split_mnist.png, .html and .json and the weights.
    Ctrl-C saves; the same command with --out goes on.

    \b
    Examples:
      agentsim train split_mnist --replay dream --replay gaussian
      agentsim train split_mnist --set old_pools=fixed --out runs/split
      agentsim train split_mnist --config digits --replay dream --replay mean --replay real --replay none --json
    """
    from agentsim.batch.split import study

    return study.run(asked, replay or study.DEFAULT_REPLAYS, data_dir)
