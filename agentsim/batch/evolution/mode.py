"""What the modes of evolution strategies take besides the options of every mode."""

from __future__ import annotations

from typing import Annotated

import typer

from agentsim.batch.settings import Asked, Study


def regression_es(
    asked: Asked,
    rank: Annotated[list[int] | None, typer.Option(min=1, help="Of the perturbation. Repeatable, a row each.")] = None,
    population: Annotated[list[int] | None, typer.Option(min=2, help="Members. Repeatable, a row each.")] = None,
    fitness: Annotated[str | None, typer.Option(metavar="WHAT", help="loss, or perfect: <E, gradient> itself.")] = None,
    broken: Annotated[
        list[str] | None,
        typer.Option(metavar="MISTAKE", help="aliasing, scale, mismatch, float16 or clip. Repeatable, a row each."),
    ] = None,
) -> Study:
    """Find a matrix from products with it, by an evolution strategy of low rank: the published convergence study.

    Without --config: raw differences at ranks 1, 4 and 16 in populations of 128, 512 and 2,048, and every other shaping
    in one of 512. In the table: the cosine with the true gradient beside the exact formula, that of two halves of the
    population, the correlation of a pair's difference with what the gradient says, noise over signal, ties, the
    generation that is a hundredfold nearer, and how far it ends. Writes regression_es.png, .html and .json.
    Ctrl-C saves; the same command with --out goes on.

    \b
    Examples:
      agentsim train regression_es
      agentsim train regression_es --config raw --rank 1 --population 512 --fitness perfect
      agentsim train regression_es --config raw --broken aliasing --broken float16 --seeds 1
    """
    from agentsim.batch.evolution import regression_study

    return regression_study.run(asked, rank or [], population or [], fitness, broken or [])
