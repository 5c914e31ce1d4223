"""The command line of `agentsim train`: a command for each offline mode, with the options that all have and its own."""

# Annotations are evaluated as they are written: they name the mode.

import inspect
import pkgutil
from collections.abc import Callable
from typing import Annotated, Any

import typer

from agentsim.batch import MODES
from agentsim.batch.settings import Asked, Study
from agentsim.cli.options import AsJson, Jobs, KeptIn
from agentsim.system.machine import usable_cores

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def train() -> None:
    """Train on data that stands still, without a world and without a clock.

    \b
    Examples:
      agentsim train collatz
      agentsim train collatz --table
    """


def command(name: str, mode: Callable[..., Study]) -> Callable[..., None]:
    """A mode as a function that typer makes a command of: its own options, and around them those of every mode."""

    folder = f"configs/{name}"

    def run(
        config: Annotated[
            list[str] | None,
            typer.Option(metavar="NAME", help=f"What to train: a name from {folder}, or a YAML file. Repeatable."),
        ] = None,
        minutes: Annotated[
            float | None, typer.Option(min=0.001, metavar="M", help="CPU minutes of each training; else the config's.")
        ] = None,
        seeds: Annotated[int, typer.Option(min=1, metavar="N", help="Trainings of each config.")] = 3,
        seed: Annotated[int | None, typer.Option(min=0, metavar="S", help="The first seed; else the config's.")] = None,
        set_: Annotated[
            list[str] | None,
            typer.Option("--set", metavar="KEY=VALUE", help="Change a key of every config. Repeatable."),
        ] = None,
        *,
        jobs: Jobs = None,
        out: KeptIn = None,
        as_json: AsJson = False,
        **own: Any,
    ) -> None:
        from agentsim.studies.report import conclude

        changes = list(set_ or [])
        changes += [] if minutes is None else [f"minutes={minutes:g}"]
        changes += [] if seed is None else [f"seed={seed}"]
        asked = Asked(config or [], changes, seeds, jobs or usable_cores(), out)
        conclude(*mode(asked, **own), as_json)

    everyones = [parameter for parameter in inspect.signature(run).parameters.values() if parameter.name != "own"]
    _asked, *own = inspect.signature(mode, eval_str=True).parameters.values()
    run.__doc__ = mode.__doc__
    run.__signature__ = inspect.Signature(sorted([*everyones, *own], key=lambda one: one.kind))  # type: ignore[attr-defined]
    return run


for _name, _where in MODES.items():
    app.command(_name)(command(_name, pkgutil.resolve_name(_where)))
