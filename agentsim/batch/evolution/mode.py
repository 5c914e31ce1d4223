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


def cartpole_es(asked: Asked) -> Study:
    """Balance CartPole-v1 by an evolution strategy of low rank: a measure of speed, for random search does it too.

    In the table: 100 fresh episodes in Gymnasium's own environment, of the mean that was evolved, of the best policy of
    random search in as many steps, and of the best member of generation 0. Writes cartpole_es.png, .html and .json, and
    brain files that `agentsim run cartpole --brain FILE` plays. Ctrl-C saves; the same command with --out goes on.

    \b
    Examples:
      agentsim train cartpole_es --seeds 10
      agentsim train cartpole_es --set evolution.rank=4 --set hidden=[64] --json
    """
    from agentsim.batch.evolution import control_study
    from agentsim.batch.evolution.settings import CartPoleConfig

    return control_study.run(asked, CartPoleConfig)


def acrobot_es(asked: Asked) -> Study:
    """Swing Acrobot-v1 up by an evolution strategy of low rank, from returns alone.

    In the table: 100 fresh episodes in Gymnasium's own environment, of the mean that was evolved, of the best policy of
    random search in as many steps, and of the best member of generation 0. Writes acrobot_es.png, .html and .json, and
    brain files that `agentsim run acrobot --brain FILE` plays. Ctrl-C saves; the same command with --out goes on.

    \b
    Examples:
      agentsim train acrobot_es --seeds 10 --out runs/acrobot
      agentsim train acrobot_es --set evolution.shaping=clt
    """
    from agentsim.batch.evolution import control_study
    from agentsim.batch.evolution.settings import AcrobotConfig

    return control_study.run(asked, AcrobotConfig)


def mountain_car_es(asked: Asked) -> Study:
    """Drive MountainCar-v0 up its hill by an evolution strategy of low rank, from returns alone.

    In the table: 100 fresh episodes in Gymnasium's own environment, of the mean that was evolved, of the best policy of
    random search in as many steps, and of the best member of generation 0. Writes mountain_car_es.png, .html and .json,
    and brain files that `agentsim run mountain-car --brain FILE` plays. Ctrl-C saves; the same command with --out goes
    on.

    \b
    Examples:
      agentsim train mountain_car_es --seeds 10
      agentsim train mountain_car_es --set evolution.population=1024 --json
    """
    from agentsim.batch.evolution import control_study
    from agentsim.batch.evolution.settings import MountainCarConfig

    return control_study.run(asked, MountainCarConfig)
