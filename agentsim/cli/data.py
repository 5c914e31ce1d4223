"""`agentsim data`: data sets that stand still, fetched and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from agentsim.cli.options import AsJson
from agentsim.errors import UserError
from agentsim.system.output import print_json

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", metavar="DIR", help="Where data sets lie; else the folder AGENTSIM_DATA, else the user's cache."
    ),
]


@app.callback()
def data() -> None:
    """Data sets for training without a world: MNIST and Fashion-MNIST.

    DIR may have a set in DIR/mnist, in DIR/MNIST/raw (torchvision's) or in DIR itself, each file gzipped or unpacked.
    Without DIR and AGENTSIM_DATA, ./data is looked in after the cache.

    \b
    Examples:
      agentsim data fetch mnist
      agentsim data check
    """


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="mnist or fashion-mnist.")],
    data_dir: DataDir = None,
) -> None:
    """Download a data set where it is not here and whole; what is downloaded is verified before it is kept.

    \b
    Examples:
      agentsim data fetch mnist
      agentsim data fetch fashion-mnist --data-dir ~/data
    """
    from agentsim.batch.data.catalogue import entry_of
    from agentsim.batch.data.fetch import fetch as fetched

    entry = entry_of(name)
    typer.echo(f"{entry.title} is in {fetched(entry, data_dir)}")


@app.command()
def check(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="mnist or fashion-mnist; else both.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show where data sets are and whether their files are whole. Exit status 2 if the one that is named is not.

    \b
    Examples:
      agentsim data check
      agentsim data check mnist --data-dir ~/data
      agentsim data check mnist --json
    """
    from agentsim.batch.data.catalogue import CATALOGUE, entry_of
    from agentsim.batch.data.check import check as checked
    from agentsim.batch.data.check import problem

    entries = [entry_of(name)] if name else [*CATALOGUE.values()]
    found = {entry.name: checked(entry, data_dir) for entry in entries}
    result = {each: _as_dict(files) for each, files in found.items()}
    if as_json:
        print_json(result)
    else:
        _show(result)
    if name and (wrong := problem(entries[0], found[name], data_dir)):
        raise UserError(wrong)


def _as_dict(files: list[Any]) -> dict[str, Any]:
    """{verdict, folder, images, files: {name: {path, whole, state}}} of a data set."""
    paths = [each.path for each in files if each.path]
    whole = all(each.array is not None for each in files)
    return {
        "verdict": "whole" if whole else "not whole" if paths else "not here",
        "folder": str(paths[0].parent) if paths else None,
        "images": sum(len(each.array) for each in files if each.array is not None and each.array.ndim == 3),
        "files": {
            each.file.name: {
                "path": str(each.path) if each.path else None,
                "whole": each.array is not None,
                "state": each.words,
            }
            for each in files
        },
    }


def _show(result: dict[str, Any]) -> None:
    """A line a data set, and below it one for each of its files."""
    from agentsim.studies.report import print_table, stdout

    rows = []
    for name, about in result.items():
        rows.append([name, about["folder"] or "-", about["verdict"], f"{about['images']:,}"])
        for file, state in about["files"].items():
            if about["folder"]:
                rows.append(["", Path(state["path"] or file).name, state["state"], ""])
    print_table(stdout(), ["data set", "where", "state", "images"], rows, words=3)
