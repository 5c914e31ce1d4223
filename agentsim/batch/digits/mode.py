"""What `agentsim train digits` and `agentsim train mnist` take besides the options of every mode."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentsim.batch.settings import Asked, Study


def digits(asked: Asked) -> Study:
    """Name scikit-learn's digits, 8 x 8 pixels, by equilibrium propagation and by backprop: nothing to fetch.

    Without --config all shipped ones are trained. The best on a validation split is looked at once on the test set.
    Writes digits.png (curves, settling, confusions), .html and .json and the weights. Ctrl-C saves; the same command
    with --out goes on.

    \b
    Examples:
      agentsim train digits
      agentsim train digits --config eqprop --seeds 5 --set network.beta=0.1
      agentsim train digits --config eqprop --config backprop --minutes 1 --out runs/digits --json
    """
    from agentsim.batch.digits import study
    from agentsim.batch.digits.settings import DigitsConfig

    return study.run(asked, DigitsConfig, None)


def mnist(
    asked: Asked,
    data_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the data are; else AGENTSIM_DATA, then the cache of `agentsim data`."),
    ] = None,
) -> Study:
    """Name MNIST's digits, 28 x 28 pixels, by equilibrium propagation and by backprop.

    Without --config: eqprop and backprop, one CPU minute each. `agentsim data fetch mnist` gets the data. Writes
    mnist.png (curves, settling, confusions), .html and .json and the weights. Ctrl-C saves; the same command with --out
    goes on.

    \b
    Examples:
      agentsim train mnist
      agentsim train mnist --config eqprop-shifts --seeds 3 --out runs/shifts
      agentsim train mnist --set data=fashion-mnist --json
    """
    from agentsim.batch.digits import study
    from agentsim.batch.digits.settings import MnistConfig

    return study.run(asked, MnistConfig, data_dir)
