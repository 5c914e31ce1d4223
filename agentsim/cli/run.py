"""`agentsim run` and `agentsim replay`."""

from __future__ import annotations

import enum
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from agentsim.cli.options import AsJson, Brain, Import, Override, Seed
from agentsim.errors import UserError
from agentsim.system.output import Console, print_json


class FailureError(Exception):
    """A run that ended in an error, which is no fault of the command line: exit status 1."""


class Pacing(enum.StrEnum):
    """The choices of --pacing; see ClockConfig."""

    sleep = "sleep"
    hybrid = "hybrid"
    none = "none"


def _positive(value: float | None) -> float | None:
    if value is not None and not 0 < value <= 2**53:
        raise typer.BadParameter("give a number above 0 and at most 2**53")
    return value


def _size(value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[1-9]\d{1,4}x[1-9]\d{1,4}", value):
        raise typer.BadParameter("give width and height in pixels, for example 1920x1080")
    return value


def _pixels(size: str | None) -> tuple[int, int] | None:
    if size is None:
        return None
    width, height = size.split("x")
    return int(width), int(height)


Size = Annotated[
    str | None, typer.Option(metavar="WxH", callback=_size, help="The window's size in pixels; f is full screen.")
]
Headless = Annotated[bool, typer.Option("--headless", help="No window and no live view.")]
Speed = Annotated[
    float | None, typer.Option(metavar="X", callback=_positive, help="Run at X times the pace of the config.")
]


def run(
    config: Annotated[
        str | None, typer.Argument(metavar="CONFIG", help="A name that `agentsim list` shows, or a YAML file.")
    ] = None,
    brain: Brain = None,
    set_: Override = None,
    headless: Headless = False,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", callback=_positive, help="Stop after S simulated seconds.")
    ] = None,
    ticks: Annotated[int | None, typer.Option(metavar="N", callback=_positive, help="Stop after N ticks.")] = None,
    seed: Seed = None,
    pacing: Annotated[Pacing | None, typer.Option(help="How to wait for a tick; none: run flat out.")] = None,
    speed: Speed = None,
    size: Size = None,
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
    from agentsim.cli import running

    window = _pixels(size)
    if seconds is not None and ticks is not None:
        raise UserError("--seconds and --ticks contradict each other; give one of them")
    if speed is not None and pacing is Pacing.none:
        raise UserError("--speed and --pacing none contradict each other: flat out has no pace; leave out one of them")
    if resume is not None:
        fixed = {"CONFIG": config, "--brain": brain, "--set": set_ or None, "--seed": seed, "--out": out}
        given = [name for name, value in fixed.items() if value is not None]
        if given:
            raise UserError(f"--resume goes on with the run as it was configured; leave out {', '.join(given)}")
        simulation = running.resume(
            resume, pacing and pacing.value, speed, headless=headless, size=window, seconds=seconds, ticks=ticks
        )
    else:
        options = {
            f"--seed {seed}": None if seed is None else f"run.seed={seed}",
            f"--pacing {pacing and pacing.value}": pacing and f"clock.pacing={pacing.value}",
            f"--speed {speed}": None if speed is None else f"clock.speed={speed}",
        }
        added = {option: key for option, key in options.items() if key is not None}
        try:
            simulation = running.start(
                "arena" if config is None else config,
                brain,
                [*(set_ or []), *added.values()],
                out,
                headless=headless,
                size=window,
                seconds=seconds,
                ticks=ticks,
            )
        except UserError as error:
            message = str(error)
            for option, key in added.items():  # which a person did not write
                message = message.replace(f"--set {key}", option)
            raise UserError(message) from error
    result = running.live(simulation, headless=headless, quiet=as_json, size=window)
    _show_result(result, as_json)
    directory, end = result["run_directory"], simulation.end_tick
    tick = result.get("saved_ticks", simulation.tick_index)
    typer.echo(f"run directory: {directory}", err=True)
    failed = simulation.error or simulation.problem
    if failed is not None:
        raise FailureError(str(failed))
    if end is None or tick < end:
        again = "".join(f" --import {module}" for module in modules or ())
        typer.echo(f"stopped and saved at tick {tick}; go on: agentsim run --resume {directory}{again}", err=True)
    if simulation.interrupted is not None:
        raise typer.Exit(128 + simulation.interrupted)


def replay(
    directory: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    headless: Headless = False,
    speed: Speed = None,
    size: Size = None,
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
    from agentsim.cli import running

    window = _pixels(size)
    simulation, check = running.replay(directory, headless=headless, speed=speed, size=window)
    result = running.live(simulation, headless=headless, quiet=as_json, size=window)
    difference = check.first_difference
    _show_result(result | {"first_difference": difference}, as_json)
    if simulation.error is not None:
        raise FailureError(str(simulation.error))
    if simulation.interrupted is not None:
        raise typer.Exit(128 + simulation.interrupted)
    if difference is not None:
        raise FailureError(f"replay differs from the recording: another state hash after {difference} ticks")
    typer.echo(f"replay equals the recording: {simulation.tick_index} ticks, the same state hashes", err=True)


def _show_result(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    from agentsim.cli.results import show_result

    show_result(result, Console(highlight=False, markup=False))
