"""What `agentsim run` and `agentsim replay` do: make a simulation, show it while it lives, hand back its figures."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pydantic

from agentsim.cli import terminal
from agentsim.compiled.waiting import meanwhile
from agentsim.config.load import load_config, ticks_asked
from agentsim.config.sections import ClockConfig, Pacing
from agentsim.config.validation import first_problem
from agentsim.errors import UserError, said
from agentsim.loop.listener import Listener
from agentsim.loop.simulation import Simulation
from agentsim.runs import recorded
from agentsim.runs.directory import new_run_directory
from agentsim.runs.origin import changes_since, missing_modules
from agentsim.system.output import Console
from agentsim.window.display import display_problem, no_window, open_window, starting

logger = logging.getLogger("agentsim")


def start(
    source: str,
    brain: str | None = None,
    overrides: list[str] | None = None,
    out: Path | None = None,
    *,
    headless: bool,
    size: tuple[int, int] | None = None,
    seconds: float | None = None,
    ticks: int | None = None,
) -> Simulation:
    """A new recorded simulation, `out` or a fresh directory under runs/ being its run directory. Raises UserError."""
    config = load_config(source, brain, overrides or [])
    length = ticks_asked(config.clock.tick_hz, seconds, ticks)
    if length is not None:
        run = config.run.model_copy(update={"seconds": length / config.clock.tick_hz})
        config = config.model_copy(update={"run": run})
    brain_name = re.sub(r"[^\w.-]+", "-", config.name_of_brain)[:60]
    directory = new_run_directory(f"{Path(source).stem}-{brain_name}-seed-{config.run.seed}", out)
    try:
        with _window_first(headless, size):
            return recorded.record(config, directory, drawn=not headless)
    except BaseException as error:
        with contextlib.suppress(OSError):
            directory.rmdir()  # only if nothing was written
        if not isinstance(error, Exception):
            raise
        if isinstance(error, UserError):
            raise UserError(config.located(str(error))) from error
        logger.debug("building the simulation", exc_info=True)
        what = f"{config.world.id} with {config.name_of_brain}"
        raise UserError(f"{what} cannot be built: {said(error)}") from error


def resume(
    directory: Path,
    pacing: str | None = None,
    speed: float | None = None,
    *,
    headless: bool,
    size: tuple[int, int] | None = None,
    seconds: float | None = None,
    ticks: int | None = None,
) -> Simulation:
    """Go on with a run; `seconds` and `ticks` count from its beginning. Raises UserError."""
    _check_speed(speed)
    with _window_first(headless, size), _with_its_modules(directory):
        simulation = recorded.restored(directory, drawn=not headless)
    if pacing == "none" and simulation.config.learn.slack:
        raise UserError("--pacing none: this run learns in the slack of its ticks; flat out there is none")
    _set_pace(simulation, pacing, speed)
    length = ticks_asked(simulation.config.clock.tick_hz, seconds, ticks)
    if length is not None:
        simulation.end_at(length)
    if simulation.end_tick is not None and simulation.end_tick <= simulation.tick_index:
        raise UserError(
            f"{directory}: already at tick {simulation.tick_index}, and would end at {simulation.end_tick}; "
            "give --ticks or --seconds, counted from the start of the run, that lie beyond"
        )
    recorded.go_on_recording(simulation, directory)
    return simulation


def replay(
    directory: Path, *, headless: bool, speed: float | None = None, size: tuple[int, int] | None = None
) -> tuple[Simulation, recorded.Check]:
    """A simulation that does again what was recorded, headless flat out unless a speed is given, and the comparison."""
    _check_speed(speed)
    with _window_first(headless, size), _with_its_modules(directory):
        simulation, check = recorded.replay(directory, drawn=not headless)
    if not simulation.end_tick:
        raise UserError(f"{directory}: nothing was recorded yet: no state hash, and no result")
    _set_pace(simulation, "none" if headless and speed is None else None, speed)
    return simulation, check


def _check_speed(speed: float | None) -> None:
    """Refuse what a config may not hold, before anything in the run directory is touched."""
    try:
        ClockConfig(speed=1.0 if speed is None else speed)
    except pydantic.ValidationError as error:
        raise UserError(f"--speed {speed:g}: {first_problem(error)}") from None


def _set_pace(simulation: Simulation, pacing: str | None, speed: float | None) -> None:
    if pacing is not None:
        simulation.clock.set_pacing(cast(Pacing, pacing))
    if speed is not None:
        simulation.clock.set_speed(speed)


@contextlib.contextmanager
def _with_its_modules(directory: Path) -> Iterator[None]:
    """Say what is not as it was when the run in the directory began; if it cannot be read, which modules it had."""
    for line in changes_since(directory):
        sys.stderr.write(f"agentsim: {line}\n")
    try:
        yield
    except UserError as error:
        if missing := missing_modules(directory):
            again = " ".join(f"--import {name}" for name in missing)
            raise UserError(f"{error}\nthis run was started with {again}: give that again") from error
        raise


@contextlib.contextmanager
def _window_first(headless: bool, size: tuple[int, int] | None) -> Iterator[None]:
    """Open the window, where there will be one: what it is going to show may take seconds to import and to build."""
    if headless or display_problem() is not None:
        yield
        return
    open_window(size)
    with meanwhile(starting):
        yield


class _Notices(Listener):
    """Says on stderr what a person should know."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def notice(self, text: str) -> None:
        """Print it."""
        self._console.print(text, markup=False, soft_wrap=True)


def live(simulation: Simulation, *, headless: bool, quiet: bool, size: tuple[int, int] | None = None) -> dict[str, Any]:
    """Run to the end in a window, in the terminal where there is no display, or headless; returns the figures.

    With `quiet`, stdout is left alone. `size`: of the window, in pixels.
    """
    console, aside = (Console(stderr=stderr, highlight=False) for stderr in (headless or quiet, True))
    simulation.listen(_Notices(aside))
    try:
        if headless:
            no_window()
            terminal.run_with_progress(simulation, console)
        elif (problem := display_problem()) is not None:
            aside.print(f"no window: {problem}; showing the run here instead", markup=False)
            no_window()
            terminal.run(simulation, console)
        else:
            from agentsim import window

            window.run(simulation, size=size, stay=sys.stdin.isatty())
    finally:
        result = simulation.close()
    return result
