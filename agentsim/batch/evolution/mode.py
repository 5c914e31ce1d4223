"""What the modes of evolution strategies take besides the options of every mode."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentsim.batch.evolution.settings import Workers
from agentsim.batch.settings import Asked, Study

Many = Annotated[
    int | None, typer.Option("--workers", min=1, metavar="N", help="Judge a generation by so many processes, of Ray.")
]
Where = Annotated[
    str | None, typer.Option("--address", metavar="HOST:PORT", help="Of your own Ray cluster; else this machine alone.")
]


def regression_es(
    asked: Asked,
    rank: Annotated[list[int] | None, typer.Option(min=1, help="Of the perturbation. Repeatable, a row each.")] = None,
    population: Annotated[list[int] | None, typer.Option(min=2, help="Members. Repeatable, a row each.")] = None,
    fitness: Annotated[str | None, typer.Option(metavar="WHAT", help="loss, or perfect: <E, gradient> itself.")] = None,
    broken: Annotated[
        list[str] | None,
        typer.Option(metavar="MISTAKE", help="aliasing, scale, mismatch, float16 or clip. Repeatable, a row each."),
    ] = None,
    workers: Many = None,
    address: Where = None,
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
      agentsim train regression_es --config raw --population 16384 --workers 2
    """
    from agentsim.batch.evolution import regression_study

    return regression_study.run(asked, rank or [], population or [], fitness, broken or [], Workers(workers, address))


def cartpole_es(asked: Asked, workers: Many = None, address: Where = None) -> Study:
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

    return control_study.run(asked, CartPoleConfig, Workers(workers, address))


def acrobot_es(asked: Asked, workers: Many = None, address: Where = None) -> Study:
    """Swing Acrobot-v1 up by an evolution strategy of low rank, from returns alone.

    In the table: 100 fresh episodes in Gymnasium's own environment, of the mean that was evolved, of the best policy of
    random search in as many steps, and of the best member of generation 0. Writes acrobot_es.png, .html and .json, and
    brain files that `agentsim run acrobot --brain FILE` plays. Ctrl-C saves; the same command with --out goes on.

    \b
    Examples:
      agentsim train acrobot_es --seeds 10 --out runs/acrobot
      agentsim train acrobot_es --set evolution.shaping=clt
      agentsim train acrobot_es --set episodes=16 --workers 2
    """
    from agentsim.batch.evolution import control_study
    from agentsim.batch.evolution.settings import AcrobotConfig

    return control_study.run(asked, AcrobotConfig, Workers(workers, address))


def mountain_car_es(asked: Asked, workers: Many = None, address: Where = None) -> Study:
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

    return control_study.run(asked, MountainCarConfig, Workers(workers, address))


def arena_es(asked: Asked, workers: Many = None, address: Where = None) -> Study:
    """Chase and avoid in the arena by an evolution strategy of low rank, from rewards of ten seconds alone.

    In the table: the score of 100 fresh episodes in the arena, half of each task, 0 for the better of random and
    constant actions and 1 for the oracle: of the mean that was evolved, of the best policy of random search in as many
    steps, and of the best member of generation 0. Writes arena_es.png, .html and .json, and brain files that `agentsim
    run arena --brain FILE` plays. Ctrl-C saves; the same command with --out goes on.

    \b
    Examples:
      agentsim train arena_es --seeds 10
      agentsim train arena_es --set evolution.population=128 --set hidden=[32] --json
      agentsim train arena_es --workers 2
    """
    from agentsim.batch.evolution import control_study
    from agentsim.batch.evolution.settings import ArenaConfig

    return control_study.run(asked, ArenaConfig, Workers(workers, address))


def count_es(asked: Asked) -> Study:
    """Count from a random token on, by a GRU and an evolution strategy of low rank: trained on 8 tokens, tested on 31.

    In the table: cross-entropy and accuracy of the unperturbed mean, a uniform guess, frequencies of tokens and of
    pairs, and the same GRU by backprop for as much CPU time. Writes count_es.png, .html and .json. Ctrl-C saves; the
    same command with --out goes on.

    \b
    Examples:
      agentsim train count_es --seeds 10
      agentsim train count_es --set evolution.rank=4 --json
    """
    from agentsim.batch.evolution import sequence_study
    from agentsim.batch.evolution.settings import CountConfig

    return sequence_study.run(asked, CountConfig)


def stride_es(asked: Asked) -> Study:
    """Count by steps of 1, 2 or 3, which only memory tells, by a GRU and an evolution strategy of low rank.

    In the table: cross-entropy and accuracy of the unperturbed mean, a uniform guess, frequencies of tokens and of
    pairs, and the same GRU by backprop for as much CPU time. Writes stride_es.png, .html and .json. Ctrl-C saves; the
    same command with --out goes on.

    \b
    Examples:
      agentsim train stride_es --seeds 10
      agentsim train stride_es --set evolution.population=1024 --out runs/stride
    """
    from agentsim.batch.evolution import sequence_study
    from agentsim.batch.evolution.settings import StrideConfig

    return sequence_study.run(asked, StrideConfig)


def text_es(
    asked: Asked,
    data: Annotated[Path | None, typer.Option(metavar="FILE", help="The text: any file, read byte by byte.")] = None,
    vocab: Annotated[
        int | None, typer.Option(min=2, max=100_000, metavar="N", help="Only time a generation with so many tokens.")
    ] = None,
    hidden: Annotated[int | None, typer.Option(min=1, max=4096, metavar="N", help="Units of the cell.")] = None,
) -> Study:
    """Say the next byte of a file, by a GRU and an evolution strategy of low rank.

    In the table: bits a byte of the file's last tenth, which nothing else looks at, of the unperturbed mean, a uniform
    guess, frequencies of bytes and of pairs, and the same GRU by backprop for as much CPU time. With --vocab nothing is
    learned: one generation on random tokens is timed, and a run of TinyStories estimated. Writes text_es.png, .html and
    .json. Ctrl-C saves; the same command with --out goes on.

    \b
    Examples:
      agentsim train text_es --data book.txt
      agentsim train text_es --data book.txt --minutes 2 --seeds 1 --out runs/book
      agentsim train text_es --vocab 10000 --hidden 256
    """
    from agentsim.batch.evolution import full_size, sequence_study
    from agentsim.batch.evolution.settings import TextConfig

    if vocab is not None:
        return full_size.run(asked, vocab, hidden)
    return sequence_study.run(asked, TextConfig, sequence_study.text_overrides(data, hidden))
