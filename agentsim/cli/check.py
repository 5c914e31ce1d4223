"""The command line of `agentsim check`: what is claimed of equilibrium propagation, answered."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from agentsim.cli.options import AsJson, Jobs, KeptIn
from agentsim.system.machine import usable_cores

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Seeds = Annotated[int, typer.Option(min=1, metavar="N", help="Networks, or trainings, of each row.")]
Batches = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Batches of each training; else those of configs/digits.")
]


class World(StrEnum):
    """Where it is lived."""

    CARTPOLE = "cartpole"
    PENDULUM = "pendulum"
    ACROBOT = "acrobot"


Worlds = Annotated[list[World] | None, typer.Option(help="Where; all of them by default. Repeatable.")]


@app.callback()
def check() -> None:
    """Answer what is claimed of equilibrium propagation: each check prints its table and its verdict.

    \b
    Examples:
      agentsim check gradient
      agentsim check memory --json
      agentsim check noise --seeds 5
    """


@app.command()
def gradient(seeds: Seeds = 5, as_json: AsJson = False) -> None:
    """Is it the gradient? Cosine with autograd through the settling: units, nudges, beta, depth, feedback gain.

    \b
    Examples:
      agentsim check gradient
      agentsim check gradient --seeds 3 --json
    """
    from agentsim.batch.claims import gradient as claim
    from agentsim.studies.report import conclude

    conclude(claim.measure(seeds), claim.show, as_json)


@app.command()
def memory(as_json: AsJson = False) -> None:
    """What it keeps in memory, against sweeps and depth, beside backprop through the settling.

    \b
    Examples:
      agentsim check memory
      agentsim check memory --json
    """
    from agentsim.batch.claims import memory as claim
    from agentsim.studies.report import conclude

    conclude(claim.measure(), claim.show, as_json)


@app.command()
def speed(seeds: Seeds = 10, as_json: AsJson = False) -> None:
    """CPU seconds and updates until EqProp and backprop are equally good: XOR, 3-bit XOR, the next character of a text.

    \b
    Examples:
      agentsim check speed
      agentsim check speed --seeds 5 --json
    """
    from agentsim.batch.claims import speed as claim
    from agentsim.studies.report import conclude

    conclude(claim.measure(seeds), claim.show, as_json)


@app.command()
def noise(
    seeds: Seeds = 3, batches: Batches = None, jobs: Jobs = None, out: KeptIn = None, as_json: AsJson = False
) -> None:
    """Noise of every unit at every sweep: which nudges learn scikit-learn's digits all the same.

    \b
    Examples:
      agentsim check noise
      agentsim check noise --seeds 5 --out runs/noise
    """
    _trained("noise", seeds, batches, jobs, out, as_json)


@app.command()
def beta(
    seeds: Seeds = 3, batches: Batches = None, jobs: Jobs = None, out: KeptIn = None, as_json: AsJson = False
) -> None:
    """From .01 to .9, fixed or falling, and weights of their own on the way down: which learns scikit-learn's digits.

    \b
    Examples:
      agentsim check beta
      agentsim check beta --seeds 5 --out runs/beta
    """
    _trained("beta", seeds, batches, jobs, out, as_json)


@app.command()
def size(
    seeds: Seeds = 5, batches: Batches = None, jobs: Jobs = None, out: KeptIn = None, as_json: AsJson = False
) -> None:
    """Widths of 32 to 512 on scikit-learn's digits, by EqProp and by backprop.

    \b
    Examples:
      agentsim check size
      agentsim check size --seeds 3 --json
    """
    _trained("size", seeds, batches, jobs, out, as_json)


@app.command()
def models(
    seeds: Seeds = 3, world: Worlds = None, jobs: Jobs = None, out: KeptIn = None, as_json: AsJson = False
) -> None:
    """Does a settling net learn what happens next, while it happens? CartPole, Pendulum, Acrobot, by random actions.

    \b
    Examples:
      agentsim check models
      agentsim check models --world pendulum --seeds 5 --json
    """
    _lived("models", seeds, world, jobs, out, as_json)


@app.command()
def imagination(
    seeds: Seeds = 5, world: Worlds = None, jobs: Jobs = None, out: KeptIn = None, as_json: AsJson = False
) -> None:
    """Does imagining ahead in what was learned act well? Beside the true physics, least squares, untrained and random.

    \b
    Examples:
      agentsim check imagination --world cartpole
      agentsim check imagination --seeds 5 --out runs/imagination
    """
    _lived("imagination", seeds, world, jobs, out, as_json)


def _lived(
    asked: Literal["models", "imagination"],
    seeds: int,
    worlds: list[World] | None,
    jobs: int | None,
    out: Path | None,
    as_json: bool,
) -> None:
    from agentsim.batch.claims import imagination as claim
    from agentsim.studies.report import conclude

    names = [world.value for world in worlds or World]
    chosen = [world for world in claim.IDS if world in names]
    conclude(claim.measure(asked, chosen, seeds, jobs or usable_cores(), out), claim.show, as_json)


def _trained(name: str, seeds: int, batches: int | None, jobs: int | None, out: Path | None, as_json: bool) -> None:
    from agentsim.batch.claims import variants
    from agentsim.batch.settings import Asked
    from agentsim.studies.report import conclude

    overrides = [] if batches is None else [f"batches={batches}"]
    asked = Asked([], overrides, seeds, jobs or usable_cores(), out)
    conclude(variants.measure(name, asked), variants.show, as_json)
