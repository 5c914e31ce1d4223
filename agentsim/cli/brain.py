"""`agentsim brain`: trained brains out of runs into files, and what is in such a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentsim.cli.options import AsJson, Import
from agentsim.errors import UserError
from agentsim.system.output import Console, print_json

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def brain() -> None:
    """Trained brains as files: out of a run, and into another one with --brain my.brain.

    \b
    Examples:
      agentsim brain save runs/20260101-120000-arena --out my.brain
      agentsim brain show my.brain
      agentsim run arena --brain my.brain
    """


@app.command()
def save(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The brain file to write, NAME.brain.")],
    whose: Annotated[str | None, typer.Option(metavar="NAME", help="Which brain, of several.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    modules: Import = None,
) -> None:
    """Write the brain at a run's last checkpoint to a file.

    \b
    Examples:
      agentsim brain save runs/20260101-120000-arena --out my.brain
      agentsim brain save runs/20260101-120000-duel --whose chaser --out chaser.brain
    """
    from agentsim.config.brain_file import SUFFIX
    from agentsim.runs.brains import save_brain_of_run

    if out.suffix != SUFFIX:
        raise UserError(f"--out {out}: name it NAME{SUFFIX}")
    if out.exists() and not force:
        raise UserError(f"--out {out}: is there already; give another name, or --force to write over it")
    header = save_brain_of_run(run, out, whose)
    typer.echo(f"{out}: {header.name}, {header.tick:,} ticks old; agentsim run CONFIG --brain {out}", err=True)


@app.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A brain file.")],
    as_json: AsJson = False,
) -> None:
    """Show what a brain file holds: the brain's config, its body, and what it was trained on.

    \b
    Examples:
      agentsim brain show my.brain
      agentsim brain show my.brain --json
    """
    from agentsim.config import located_yaml
    from agentsim.config.brain_file import read_brain_file

    header, arrays = read_brain_file(file)
    sizes = {name: list(array.shape) for name, array in arrays.items()}
    if as_json:
        print_json(header.model_dump(mode="json") | {"arrays": sizes})
        return
    console = Console(highlight=False, markup=False)
    console.print(f"{header.name}, {header.tick:,} ticks old, in a body of {header.body}\n")
    console.print(located_yaml.dump({"trained": header.trained, "brain": header.brain, "arrays": sizes}))
