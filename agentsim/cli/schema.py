"""`agentsim schema`: the JSON Schemas of what agentsim reads, for editors and validators."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Annotated, Any

import typer

import worlds
from agentsim.batch import MODES
from agentsim.cli.options import Import
from agentsim.config.validation import suggest
from agentsim.errors import UserError


def schema(
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help=f"config, brain, or an offline mode: {', '.join(MODES)}.")
    ] = "config",
    modules: Import = None,
) -> None:
    """Print the JSON Schema of a config, as an editor needs it to complete and check keys.

    The shipped ones are in configs/schema; a file names its own in a comment: # yaml-language-server: $schema=PATH.
    With --import, brains, layers and rules from outside are in it. It does not know the tasks of a world, nor which
    brain fits which world: what lies between keys, `agentsim show` says.

    \b
    Examples:
      agentsim schema > config.json
      agentsim schema brain --import my_brain > my_brain.json
      agentsim schema collatz
    """
    typer.echo(json.dumps(schema_of(what), indent=1))


def schema_of(what: str) -> dict[str, Any]:
    """The schema by the name of its file in configs/schema. Raises UserError if there is none of that name."""
    from agentsim.batch import settings
    from agentsim.config.schema import brain_schema, config_schema, training_schema

    match what:
        case "config":
            return config_schema([*worlds.WORLDS])
        case "brain":
            return brain_schema()
        case _ if what in MODES:
            found = import_module(MODES[what].partition(":")[0].rpartition(".")[0] + ".settings")
            model = next(value for value in vars(found).values() if getattr(value, "mode", None) == what)
            return training_schema(model, what, settings.names(what))
    raise UserError(f"{what}: no such schema, {suggest(what, ['config', 'brain', *MODES], 'schemas')}")
