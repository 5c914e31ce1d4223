"""The terminal front end: the figures of the window as text, where there is no display.

The simulation never waits for drawing: a frame, at most ten a second, is drawn in parts, each in the time left before a
tick, and shed (and counted) where that is too short.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.style import Style
from rich.table import Table
from rich.text import Text

from agentsim.compiled.waiting import meanwhile
from agentsim.loop.listener import Listener
from agentsim.loop.simulation import Simulation
from agentsim.system.output import as_hz
from agentsim.window.frames import Frames, Slice

BLOCKS = " ▁▂▃▄▅▆▇█"
SHADES = " .:-=+*#%@"
WORLD_ROWS, WORLD_COLUMNS = 15, 30  # characters; each holds two pixels above one another
MAX_LAYERS = 10  # strips shown
PER_SECOND = 10  # frames
HINT = "space: pause    q or Ctrl-C: save and stop"


class Painter(Listener):
    """Draws in the time that a tick leaves, slice by slice (see `window.frames`), and obeys keys.

    `frames`: how many were drawn, and how many shed.
    """

    def __init__(self, slices: Callable[[Simulation], list[Slice]], keys: Keys | None = None) -> None:
        self._slices, self._keys = slices, keys
        self._frames = Frames(time.perf_counter_ns, rates=(PER_SECOND, PER_SECOND))
        self._rested = 0  # when, flat out, something may be drawn again

    @property
    def frames(self) -> dict[str, int]:
        """How many were drawn, and how many shed."""
        return {"drawn": self._frames.drawn, "shed": self._frames.shed}

    def figures(self) -> dict[str, Any]:
        """The frames."""
        return {"frames": self.frames}

    def __call__(self, simulation: Simulation) -> None:
        """Listen, then draw what fits before the next tick; flat out, in a fifth of the time at most."""
        if self._keys is not None:
            self._keys.obey(simulation)
        begun = time.perf_counter_ns()
        paced = simulation.clock.pacing != "none" and not simulation.paused
        if not paced and begun < self._rested:
            return
        until = begun + simulation.clock.slack() if paced else None
        self._frames.spend(until, lambda: self._slices(simulation))
        end = time.perf_counter_ns()
        self._rested = end + 4 * (end - begun)


class Keys:
    """A terminal's keys, one by one as they are pressed: space holds still and goes on, q ends the run."""

    def __init__(self) -> None:
        self._before: Any = None

    def __enter__(self) -> Keys:
        with contextlib.suppress(ImportError, OSError, ValueError):  # no terminal, or none that can do that
            import termios
            import tty

            if sys.stdin.isatty():
                self._before = termios.tcgetattr(sys.stdin)
                tty.setcbreak(sys.stdin)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    def obey(self, simulation: Simulation) -> None:
        """Do what the keys say that were pressed since the last time."""
        while self._before is not None and select.select([sys.stdin], [], [], 0)[0]:
            key = os.read(sys.stdin.fileno(), 1)
            if key == b" ":
                simulation.pause(not simulation.paused)
            elif key in (b"q", b"Q"):
                simulation.stop()
            elif not key:
                return


def run_with_progress(simulation: Simulation, console: Console) -> None:
    """Run to the end, with a progress bar if the console is a terminal."""
    if not console.is_terminal:
        simulation.run()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as progress:
        kernels = progress.add_task("kernels compiled", visible=False)
        ticks = progress.add_task("ticks", total=simulation.end_tick, completed=simulation.tick_index)
        progress.refresh()

        def compiling(done: int, total: int) -> None:
            progress.update(kernels, completed=done, total=total, visible=done < total)
            progress.refresh()

        def draw(simulation: Simulation) -> list[Slice]:
            rate = as_hz(simulation.clock.statistics.recent_hz)
            progress.update(ticks, completed=simulation.tick_index, description=f"ticks, {rate}")
            return [("bar", progress.refresh)]

        with meanwhile(compiling):
            _run(simulation, Painter(draw))


def run(simulation: Simulation, console: Console) -> None:
    """Run to the end, showing world, layers, curves and tick times as text."""
    if not console.is_terminal:
        simulation.run()
        console.print(picture(simulation, console))
        return
    with (
        Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live,
        Keys() as keys,
    ):
        parts: dict[str, RenderableType] = {}

        def compiling(done: int, total: int) -> None:
            live.update(Text(f"compiling {done} of {total}"), refresh=True)

        def slices(simulation: Simulation) -> list[Slice]:
            def part(name: str) -> Slice:
                return name, lambda: parts.update({name: PARTS[name](simulation, console, painter.frames)})

            return [*map(part, PARTS), ("show", lambda: live.update(_together(parts), refresh=True))]

        painter = Painter(slices, keys)
        with meanwhile(compiling):
            _run(simulation, painter)
        for _, draw in slices(simulation):
            draw()


def _run(simulation: Simulation, painter: Painter) -> None:
    simulation.listen(painter)
    simulation.run(on_tick=painter)


def picture(simulation: Simulation, console: Console) -> Group:
    """Everything there is to see, about 24 lines of text."""
    return _together({name: draw(simulation, console, {}) for name, draw in PARTS.items()})


def _together(parts: Mapping[str, RenderableType]) -> Group:
    beside = Table.grid(padding=(0, 2))
    beside.add_row(parts["world"], parts["layers"])
    return Group(parts["header"], beside, parts["figures"])


def _width(console: Console) -> int:
    return max(60, min(console.width, 120)) - 1


def _header(simulation: Simulation) -> Text:
    seconds = simulation.tick_index / simulation.config.clock.tick_hz
    parts = [simulation.config.world.id.rpartition("/")[2], simulation.brain_name]
    parts += [f"tick {simulation.tick_index:,} ({seconds:.1f} s)"]
    task = simulation.telemetry.task_name(simulation.environment.task)
    parts += [task] if task else []
    parts += [] if simulation.learning else ["learning off"]
    parts += ["PAUSED"] if simulation.paused else []
    return Text("  ".join(parts), style="bold", no_wrap=True, overflow="ellipsis")


def _world(simulation: Simulation, colours: bool) -> Text:
    image = None
    with contextlib.suppress(Exception):  # a world's own drawing code; the run does not depend on it
        image = simulation.environment.render()
    if image is None:
        observation = np.array2string(simulation.environment.observation[0], precision=2, max_line_width=WORLD_COLUMNS)
        return Text(observation + "\n" * max(0, WORLD_ROWS - 1 - observation.count("\n")))
    return character_picture(image, WORLD_ROWS, WORLD_COLUMNS, colours)


def character_picture(image: NDArray[np.uint8], rows: int, columns: int, colours: bool) -> Text:
    """An image, (height, width, 3), as rows x columns characters, each two pixels above one another.

    Of the pixels that fall on one, that which differs most from the background (the median) is kept, so that small
    things stay visible. Without colours, a shade of grey says how much it differs.
    """
    tall, wide, fine = 2 * rows, columns, 4  # fine: pixels looked at, per half character and direction
    sampled_rows = np.arange(tall * fine) * image.shape[0] // (tall * fine)
    sampled_columns = np.arange(wide * fine) * image.shape[1] // (wide * fine)
    pixels = image[sampled_rows][:, sampled_columns].astype(np.int16)
    difference = np.abs(pixels - np.median(pixels[::fine, ::fine], axis=(0, 1))).sum(2)
    cells = pixels.reshape(tall, fine, wide, fine, 3).swapaxes(1, 2).reshape(tall, wide, fine * fine, 3)
    strengths = difference.reshape(tall, fine, wide, fine).swapaxes(1, 2).reshape(tall, wide, fine * fine)
    kept = strengths.argmax(2)[:, :, None]
    strength = np.take_along_axis(strengths, kept, 2)[:, :, 0]  # (tall, wide), at most 765
    halves = np.take_along_axis(cells, kept[..., None], 2)[:, :, 0] // 16 * 17  # (tall, wide, 3)

    text = Text(no_wrap=True)
    if not colours:
        shades = np.array(list(SHADES))[np.maximum(strength[::2], strength[1::2]).astype(int) * len(SHADES) // 766]
        return Text("\n".join("".join(line) for line in shades), no_wrap=True)
    for row in range(rows):
        both = np.concatenate([halves[2 * row], halves[2 * row + 1]], axis=1).tolist()  # (wide, 6)
        for colour, run in itertools.groupby(both):
            style = Style(color=Color.from_rgb(*colour[:3]), bgcolor=Color.from_rgb(*colour[3:]))
            text.append("▀" * len(list(run)), style)
        text.append("\n" if row < rows - 1 else "")
    return text


def _layers(simulation: Simulation, width: int) -> Text:
    """One strip a layer: the size of each unit's activity beside the layer's largest."""
    text = Text(no_wrap=True)
    activity = list(simulation.brain.activity().items())
    for name, layer in activity[:MAX_LAYERS]:
        values = np.abs(np.asarray(layer, float)[0])
        groups = np.array_split(values, min(len(values), max(8, width - 16)))
        heights = [group.max() for group in groups] if len(values) else []
        text.append(f"{name[:14]:<15}", "dim")
        text.append(sparkline(heights, 0, max(heights, default=0) or 1) + "\n", "cyan")
    if len(activity) > MAX_LAYERS:
        text.append(f"and {len(activity) - MAX_LAYERS} layers more\n", "dim")
    return text


def sparkline(values: Sequence[float | None], low: float, high: float) -> str:
    """One character a value, as high as it lies between `low` and `high`; a blank for None."""
    levels = len(BLOCKS) - 1
    return "".join(
        " " if value is None else BLOCKS[1 + min(levels - 1, max(0, int((value - low) / (high - low) * levels)))]
        for value in values
    )


def _curves(simulation: Simulation, width: int) -> Text:
    telemetry, rows = simulation.telemetry, simulation.telemetry.rows
    room = width - 26
    text = Text(no_wrap=True)
    curves: list[tuple[str, Sequence[float | None], float, float]] = [
        ("accuracy", [row.accuracy for row in rows], 0, 1),
        ("score", [row.score for row in rows], 0, 1),
    ]
    if agents := simulation.environment.agents:
        curves = [
            (f"{name[:6]} {figure}", [getattr(row.agents[name], figure) for row in rows], 0, 1)
            for name in agents
            for figure in ("accuracy", "score")
        ]
    elif all(row.accuracy is None for row in rows):
        returns = [value for _, value in telemetry.returns]
        curves = [("return", returns, min(returns[-room:], default=0), max(returns[-room:], default=1) + 1e-9)]
    for name, values, low, high in curves:
        latest = next((value for value in reversed(values) if value is not None), None)
        text.append(f"{name:<15}", "dim")
        text.append(f"{'-' if latest is None else f'{latest:.2f}':>8}  ")
        text.append(sparkline(values[-room:], low, high) + "\n", "green")
    switched = {tick for tick, _ in telemetry.switches}
    marks = "".join("|" if row.tick in switched else " " for row in rows[-room:])
    text.append(f"{'task switches':<25}{marks}\n", "dim")
    return text


def _timing(simulation: Simulation, width: int, frames: Mapping[str, int]) -> Text:
    statistics, period = simulation.clock.statistics, simulation.clock.period
    recent = statistics.last(width - 26)
    response = (statistics.end - statistics.due)[recent]
    text = Text(no_wrap=True)
    text.append(f"{'tick time':<15}", "dim")
    text.append(f"{_milliseconds(statistics.execution.percentile(50)):>8}  ")
    for late, durations in itertools.groupby(response.tolist(), lambda duration: duration > period):
        text.append(sparkline(list(durations), 0, period), "red" if late else "blue")
    text.append(f"\n{'':<15}{f'p99 {_milliseconds(statistics.response.percentile(99))}':<20}", "dim")
    text.append(
        f"deadline {_milliseconds(period)} (full height), missed {statistics.misses:,} of {statistics.n:,}\n", "dim"
    )
    text.append(
        f"{'rate':<15}asked {as_hz(statistics.asked_hz, 'flat out')}, achieved {as_hz(statistics.recent_hz)}; "
        f"frames drawn {frames.get('drawn', 0):,}, shed {frames.get('shed', 0):,}"
    )
    return text


def _milliseconds(nanoseconds: float | None) -> str:
    return "-" if nanoseconds is None else f"{nanoseconds / 1e6:.2f} ms"


Part = Callable[[Simulation, Console, Mapping[str, int]], RenderableType]
PARTS: dict[str, Part] = {
    "header": lambda simulation, console, frames: _header(simulation),
    "world": lambda simulation, console, frames: _world(simulation, console.color_system is not None),
    "layers": lambda simulation, console, frames: _layers(simulation, _width(console) - WORLD_COLUMNS - 3),
    "figures": lambda simulation, console, frames: Group(
        _curves(simulation, _width(console)), _timing(simulation, _width(console), frames), Text(HINT, style="dim")
    ),
}
