"""What `agentsim train dream` takes besides the options of every mode."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentsim.batch.settings import Asked, Study


def dream(
    asked: Asked,
    data_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the data are; else AGENTSIM_DATA, then the cache of `agentsim data`."),
    ] = None,
) -> Study:
    """Train one net that recognises digits and dreams them, without backprop; `agentsim dream` shows what it dreams.

    Without --config: scikit-learn's digits, nothing to fetch; --config mnist needs `agentsim data fetch mnist`. In the
    table: recognition of the test set; what a judge says of the dreams, which learned other images; how different they
    are from each other and from what was learned; and how a classifier that has seen dreams alone names the test set.
    The same of Gaussians and of real images. Writes dream.png, .html and .json and the nets. Ctrl-C saves; the same
    command with --out goes on.

    \b
    Examples:
      agentsim train dream
      agentsim train dream --config mnist --seeds 1 --out runs/mnist-dream
      agentsim train dream --set temperature=1.5 --set steps=400 --json
    """
    from agentsim.batch.dream import study

    return study.run(asked, data_dir)
