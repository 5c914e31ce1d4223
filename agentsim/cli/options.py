"""Options that several commands have, as typer annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentsim.system.output import results_alone


def _import(modules: list[str] | None) -> list[str]:
    if modules:
        from agentsim.registry import import_module

        for module in modules:
            import_module(module)
    return modules or []


Import = Annotated[
    list[str] | None,
    typer.Option(
        "--import",
        metavar="MODULE",
        callback=_import,
        help="First import a module that registers brains, worlds, layers or rules. Repeatable.",
    ),
]
Brain = Annotated[
    str | None, typer.Option(metavar="NAME", help="Swap the brain: a brain config, a kind, or a YAML file.")
]
Override = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the config; KEY= takes it out. Repeatable."),
]
Seed = Annotated[int | None, typer.Option(min=0, help="The seed of everything random.")]


def _json(context: typer.Context, asked: bool) -> bool:
    if asked:
        context.with_resource(results_alone())
    return asked


AsJson = Annotated[
    bool, typer.Option("--json", callback=_json, help="Print one JSON object on stdout, everything else on stderr.")
]
Brains = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="A brain to run instead of the config's own. Repeatable.")
]
Jobs = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Runs at a time, in as many processes; by default the cores.")
]
KeptIn = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Keep each run here, and skip the ones that are there; else under runs/."),
]
