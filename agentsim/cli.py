"""The command line: `agentsim run`, `replay`, `compare`, `adapt`, `bench`, `train`, `list`, `doctor`, `new`.

Everything heavy is imported inside the commands, so that `agentsim --help` answers at once. Bad input ends with
exit status 2 and one message on stderr. Results go to stdout; with --json, one JSON object and nothing else does.
"""

from __future__ import annotations

import enum
import logging
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import agentsim
from agentsim.batch.cli import app as train
from agentsim.bench.cli import app as bench
from agentsim.errors import UserError
from agentsim.options import AsJson, Brains, Import, Jobs, KeptIn
from agentsim.system.output import Console, discard, print_json

logger = logging.getLogger("agentsim")


class _FailureError(Exception):
    """A run that ended in an error, which is no fault of the command line: exit status 1."""


class _Commands(TyperGroup):
    """Shows errors as one message, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (UserError, _FailureError) as error:
            logger.debug("traceback", exc_info=True)
            typer.echo(f"agentsim: {error}", err=True)
            raise typer.Exit(2 if isinstance(error, UserError) else 1) from None
        except OSError as error:  # of a full disk, mostly: what a person can help is a UserError where it happens
            logger.debug("traceback", exc_info=True)
            discard(sys.stdout)
            typer.echo(f"agentsim: {error}", err=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            typer.echo("agentsim: interrupted", err=True)
            raise typer.Exit(130) from None


class Pacing(enum.StrEnum):
    """The choices of --pacing; see ClockConfig."""

    sleep = "sleep"
    hybrid = "hybrid"
    none = "none"


class LogLevel(enum.StrEnum):
    """The choices of --log-level."""

    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


def _positive(value: float | None) -> float | None:
    if value is not None and not 0 < value <= 2**53:
        raise typer.BadParameter("give a number above 0 and at most 2**53")
    return value


Headless = Annotated[bool, typer.Option("--headless", help="No window and no live view.")]
Speed = Annotated[
    float | None, typer.Option(metavar="X", callback=_positive, help="Run at X times the pace of the config.")
]

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


@app.command()
def run(
    config: Annotated[
        str | None, typer.Argument(metavar="CONFIG", help="A name that `agentsim list` shows, or a YAML file.")
    ] = None,
    brain: Annotated[
        str | None, typer.Option(metavar="NAME", help="Swap the brain: a brain config, a kind, or a YAML file.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one key of the config. Repeatable.")
    ] = None,
    headless: Headless = False,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", callback=_positive, help="Stop after S simulated seconds.")
    ] = None,
    ticks: Annotated[int | None, typer.Option(metavar="N", callback=_positive, help="Stop after N ticks.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The seed of everything random.")] = None,
    pacing: Annotated[Pacing | None, typer.Option(help="How to wait for a tick; none: run flat out.")] = None,
    speed: Speed = None,
    modules: Import = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The run directory; by default a new one under runs/.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with the run in this directory, exactly.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let a brain live in a world: arena at 60 ticks a second, in a window where there is a display.

    With --resume, --seconds and --ticks count from the start of the original run.

    \b
    Examples:
      agentsim run
      agentsim run arena --brain random --headless --seconds 10
      agentsim run mine.yaml --set brain.learning_rate=0.05 --set clock.tick_hz=240
      agentsim run --headless --pacing none --ticks 36000 --seed 1 --json
      agentsim run --resume runs/20260101-120000-arena-1 --seconds 120
    """
    from agentsim import running

    if seconds is not None and ticks is not None:
        raise UserError("--seconds and --ticks contradict each other; give one of them")
    if speed is not None and pacing is Pacing.none:
        raise UserError("--speed and --pacing none contradict each other: flat out has no pace; leave out one of them")
    if resume is not None:
        fixed = {"CONFIG": config, "--brain": brain, "--set": set_ or None, "--seed": seed, "--out": out}
        given = [name for name, value in fixed.items() if value is not None]
        if given:
            raise UserError(f"--resume goes on with the run as it was configured; leave out {', '.join(given)}")
        simulation = running.resume(resume, pacing and pacing.value, speed, seconds=seconds, ticks=ticks)
    else:
        overrides = list(set_ or [])
        overrides += [f"run.seed={seed}"] if seed is not None else []
        overrides += [f"clock.pacing={pacing.value}"] if pacing is not None else []
        overrides += [f"clock.speed={speed}"] if speed is not None else []
        simulation = running.start(
            "arena" if config is None else config, brain, overrides, out, seconds=seconds, ticks=ticks
        )
    result = running.live(simulation, headless=headless, quiet=as_json)
    _show_result(result, as_json)
    directory, tick, end = result["run_directory"], simulation.tick_index, simulation.end_tick
    typer.echo(f"run directory: {directory}", err=True)
    failed = simulation.error or simulation.problem
    if failed is not None:
        raise _FailureError(str(failed))
    if end is None or tick < end:
        typer.echo(f"stopped and saved at tick {tick}; go on: agentsim run --resume {directory}", err=True)
    if simulation.interrupted is not None:
        raise typer.Exit(128 + simulation.interrupted)


@app.command()
def replay(
    directory: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    headless: Headless = False,
    speed: Speed = None,
    modules: Import = None,
    as_json: AsJson = False,
) -> None:
    """Run a recorded run again, and say where it first differs from the recording.

    Exit status 1 if a state hash differs.

    \b
    Examples:
      agentsim replay runs/20260101-120000-arena-1
      agentsim replay runs/20260101-120000-arena-1 --headless --json
    """
    from agentsim import running

    simulation = running.replay(directory, headless=headless, speed=speed)
    result = running.live(simulation, headless=headless, quiet=as_json)
    difference = simulation.first_difference
    _show_result(result | {"first_difference": difference}, as_json)
    if simulation.error is not None:
        raise _FailureError(str(simulation.error))
    if simulation.interrupted is not None:
        raise typer.Exit(128 + simulation.interrupted)
    if difference is not None:
        raise _FailureError(f"replay differs from the recording: another state hash after {difference} ticks")
    typer.echo(f"replay equals the recording: {simulation.tick_index} ticks, the same state hashes", err=True)


@app.command()
def compare(
    directories: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run directories.")],
    out: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Write the curves of all runs into this file.")
    ] = None,
    modules: Import = None,
    as_json: AsJson = False,
) -> None:
    """Put several runs side by side: a table, and with --out their curves over simulated time.

    \b
    Examples:
      agentsim compare runs/*
      agentsim compare runs/a runs/b --out curves.png
    """
    from agentsim.studies import compare as comparison

    runs = [comparison.read_run(directory) for directory in directories]
    if out is not None:
        comparison.plot(runs, out)
    if as_json:
        print_json({"runs": [comparison.summary(run) for run in runs]})
    else:
        comparison.print_table(runs)
        if out is not None:
            typer.echo(f"curves: {out}", err=True)


class Suite(enum.StrEnum):
    """The choices of --suite."""

    classic17 = "classic17"
    classic18 = "classic18"
    static16 = "static16"


@app.command()
def adapt(
    world: Annotated[
        str | None, typer.Argument(metavar="WORLD", help="A config's name, a YAML file, or a world's id.")
    ] = None,
    suite: Annotated[Suite | None, typer.Option(help="The published tests in place of a world of your own.")] = None,
    brain: Brains = None,
    phases: Annotated[
        str | None, typer.Option(metavar="TASK:SECONDS,...", help="The timetable; by default the config's.")
    ] = None,
    budget: Annotated[
        int | None, typer.Option(min=0, metavar="STEPS", help="Learning steps a tick, equal for all brains.")
    ] = None,
    teacher_every: Annotated[
        int | None, typer.Option(min=0, metavar="K", help="The teacher speaks on every K-th tick; 0: never.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, metavar="N", help="Runs of each row.", show_default=False)] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Of static16: rounds through its samples; by default 40.")
    ] = None,
    jobs: Jobs = None,
    out: KeptIn = None,
    modules: Import = None,
    as_json: AsJson = False,
) -> None:
    """Does a brain adapt when the task changes, and what does it still know; over seeds, beside every control.

    Accuracy and score of every phase, the first and the lowest second after each switch, recovery, and probes of what a
    frozen copy knows of each task; mean and 95 % interval. Writes adapt.png, adapt.html and adapt.json into --out.
    Ctrl-C shows what is finished; the same command with --out goes on from there. Seeds: 10, 3 of classic18, 5 of
    static16.

    \b
    Examples:
      agentsim adapt --seeds 10
      agentsim adapt arena --brain arena --brain step-tween-chain --budget 1 --phases chase:20,avoid:20
      agentsim adapt --teacher-every 10 --out runs/sparse
      agentsim adapt --suite classic17 --json
      agentsim adapt --suite static16 --epochs 20
    """
    from agentsim.adaptation import commands
    from agentsim.studies.report import conclude

    options = {"brain": brain, "phases": phases, "budget": budget, "teacher_every": teacher_every, "epochs": epochs}
    result, show = commands.run(
        world, suite and suite.value, options, seeds=seeds, jobs=jobs, out=out, modules=modules or ()
    )
    conclude(result, show, as_json)


app.add_typer(bench, name="bench")
app.add_typer(train, name="train")


@app.command("list")
def list_(modules: Import = None, as_json: AsJson = False) -> None:
    """Show the configs, brains and worlds that there are.

    \b
    Examples:
      agentsim list
      agentsim list --import my_module --json
    """
    from agentsim import listing

    there = listing.everything()
    if as_json:
        print_json(there)
    else:
        listing.show(there)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Show versions, CPU, GPU, backends and display, and what is missing and what to do about it.

    Exit status 1 if something that agentsim needs is missing.

    \b
    Examples:
      agentsim doctor
      agentsim doctor --json
    """
    from agentsim import doctor as checks

    findings = checks.examine()
    if as_json:
        print_json(checks.as_dict(findings))
    else:
        checks.show(findings)
    if any(finding.state == "missing" for finding in findings):
        raise typer.Exit(1)


class What(enum.StrEnum):
    """What `agentsim new` can write."""

    brain = "brain"
    world = "world"


@app.command()
def new(
    what: Annotated[What, typer.Argument(help="What to write.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="A Python module name, such as my_brain.")],
) -> None:
    """Write a small working brain or world of your own, with its test and a config, into the current directory.

    \b
    Examples:
      agentsim new brain my_brain
      agentsim run --import my_brain --brain my_brain --headless --seconds 5
      agentsim new world my_world
      agentsim run my_world.yaml --import my_world
    """
    from agentsim import scaffold

    for line in scaffold.write(what.value, name):
        typer.echo(line)


def _show_result(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    from agentsim.terminal import show_result

    show_result(result, Console(highlight=False, markup=False))


def main() -> None:
    """Entry point of the `agentsim` command."""
    try:
        app(prog_name="agentsim")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is said: another Ctrl-C must not change the exit status
