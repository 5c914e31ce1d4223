"""The command line: what `agentsim COMMAND` does.

A file a command, or a group of them; a new one is such a file and a line here. Everything heavy is imported inside the
commands, so that `agentsim --help` answers at once. Bad input ends with exit status 2 and one message on stderr.
Results go to stdout; with --json, one JSON object and nothing else does.
"""

from __future__ import annotations

import enum
import io
import logging
import signal
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import agentsim
from agentsim.cli.adapt import adapt
from agentsim.cli.bench import app as bench
from agentsim.cli.brain import app as brain
from agentsim.cli.check import app as check
from agentsim.cli.compare import compare
from agentsim.cli.data import app as data
from agentsim.cli.doctor import doctor
from agentsim.cli.dream import dream
from agentsim.cli.list import list_
from agentsim.cli.new import new
from agentsim.cli.run import FailureError, replay, run
from agentsim.cli.schema import schema
from agentsim.cli.show import show
from agentsim.cli.train import app as train
from agentsim.compiled.waiting import Show, meanwhile
from agentsim.errors import UserError
from agentsim.system.output import discard
from agentsim.system.process import interrupts_are_heard

logger = logging.getLogger("agentsim")


class _Commands(TyperGroup):
    """Shows errors as one message, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            interrupts_are_heard()
            with meanwhile(_announcement()):
                return super().invoke(ctx)
        except (UserError, FailureError) as error:
            logger.debug("traceback", exc_info=True)
            typer.echo(f"agentsim: {error}", err=True)
            raise typer.Exit(2 if isinstance(error, UserError) else 1) from None
        except BrokenPipeError:  # whoever read has seen enough
            discard(sys.stdout)
            raise typer.Exit(0) from None
        except OSError as error:  # of a full disk, mostly: what a person can help is a UserError where it happens
            logger.debug("traceback", exc_info=True)
            discard(sys.stdout)
            typer.echo(f"agentsim: {error}", err=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            typer.echo("agentsim: interrupted", err=True)
            raise typer.Exit(130) from None


def _announcement() -> Show:
    """Says on stderr that kernels are compiled, one line whenever it begins, so that nothing looks hung."""
    last = (-1, 0)

    def show(done: int, total: int) -> None:
        nonlocal last
        if done == 0 and last != (0, total):
            typer.echo(f"compiling {total} kernels ...", err=True)
        last = (done, total)

    return show


class LogLevel(enum.StrEnum):
    """The choices of --log-level."""

    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


app = typer.Typer(
    cls=_Commands,
    help="A small brain lives in a world, ticks with it and learns while it acts.",
    epilog="Start with `agentsim run`; `agentsim COMMAND --help` shows examples.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"agentsim {agentsim.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    log_level: Annotated[LogLevel, typer.Option(help="What to report on stderr.")] = LogLevel.warning,
) -> None:
    logging.basicConfig(level=log_level.value.upper(), format="%(levelname)s %(name)s: %(message)s", force=True)


for command in (run, replay, compare, adapt, list_, show, schema, dream, doctor, new):
    app.command(command.__name__.removesuffix("_"))(command)
app.add_typer(brain, name="brain")
app.add_typer(bench, name="bench")
app.add_typer(train, name="train")
app.add_typer(data, name="data")
app.add_typer(check, name="check")


def main() -> None:
    """Entry point of the `agentsim` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without our signs
    try:
        app(prog_name="agentsim")
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read has seen enough
        discard(sys.stdout)
    except OSError as error:  # --help and --version into a full disk
        discard(sys.stdout)
        sys.stderr.write(f"agentsim: {error}\n")
        sys.exit(1)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is said: another Ctrl-C must not change the exit status
