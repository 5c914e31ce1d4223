"""The terminal front end: the figures of the window as text, where there is no display; and the table at the end.

The simulation never waits for drawing: a frame is drawn in the time left before the next tick, at most ten a second,
and shed (and counted) where it does not fit.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.console import Console, Group
from rich.live import Live
from rich.style import Style
from rich.table import Table
from rich.text import Text

from agentsim.compiled.waiting import meanwhile
from agentsim.loop.listener import Listener
from agentsim.loop.simulation import Simulation
from agentsim.loop.timings import SECOND
from agentsim.system.output import as_number, as_percent

BLOCKS = " ▁▂▃▄▅▆▇█"
SHADES = " .:-=+*#%@"
WORLD_ROWS, WORLD_COLUMNS = 15, 30  # characters; each holds two pixels above one another
MAX_LAYERS = 10  # strips shown


class Painter(Listener):
    """Calls `draw` after a tick if a frame is due and fits before the next tick; one a second is drawn regardless.

    `frames`: how many were drawn, and how many shed.
    """

    def __init__(self, draw: Callable[[Simulation], None], per_second: int = 10) -> None:
        self.frames = {"drawn": 0, "shed": 0}
        self._draw, self._interval = draw, SECOND // per_second
        self._due = self._last = time.perf_counter_ns()
        self._cost = 0  # ns, of a frame: the highest lately

    def figures(self) -> dict[str, Any]:
        """The frames."""
        return {"frames": self.frames}

    def __call__(self, simulation: Simulation) -> None:
        """Draw, shed, or do nothing yet."""
        now = time.perf_counter_ns()
        if now < self._due:
            return
        paced = simulation.clock.pacing != "none" and not simulation.paused
        if paced and simulation.clock.slack() < self._cost + SECOND // 1000 and now - self._last < SECOND:
            if now >= self._due + self._interval:  # its time has passed, the next one is due
                self.frames["shed"] += 1
                self._due += self._interval
            return
        self._draw(simulation)
        self.frames["drawn"] += 1
        end = time.perf_counter_ns()
        self._cost = max(end - now, self._cost * 7 // 8)
        self._last, self._due = end, max(now + self._interval, end + 4 * (end - now))


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

        def draw(simulation: Simulation) -> None:
            rate = _rate(simulation.clock.statistics.recent_hz)
            progress.update(ticks, completed=simulation.tick_index, description=f"ticks, {rate}")
            progress.refresh()

        with meanwhile(compiling):
            _run(simulation, Painter(draw))


def run(simulation: Simulation, console: Console) -> None:
    """Run to the end, showing world, layers, curves and tick times as text."""
    if not console.is_terminal:
        simulation.run()
        console.print(picture(simulation, console))
        return
    with Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:

        def draw(simulation: Simulation) -> None:
            live.update(picture(simulation, console, painter.frames), refresh=True)

        def compiling(done: int, total: int) -> None:
            live.update(Text(f"compiling {done} of {total}"), refresh=True)

        painter = Painter(draw)
        with meanwhile(compiling):
            _run(simulation, painter)
        draw(simulation)


def _run(simulation: Simulation, painter: Painter) -> None:
    simulation.listen(painter)
    simulation.run(on_tick=painter)


def picture(simulation: Simulation, console: Console, frames: Mapping[str, int] | None = None) -> Group:
    """Everything there is to see, about 24 lines of text. `frames`: how many of them were `drawn` and `shed` so far."""
    width = max(60, min(console.width, 120)) - 1
    beside = Table.grid(padding=(0, 2))
    beside.add_row(_world(simulation, console.color_system is not None), _layers(simulation, width - WORLD_COLUMNS - 3))
    return Group(_header(simulation), beside, _curves(simulation, width), _timing(simulation, width, frames))


def _header(simulation: Simulation) -> Text:
    seconds = simulation.tick_index / simulation.config.clock.tick_hz
    parts = [simulation.config.world.id, simulation.brain_name, f"tick {simulation.tick_index:,} ({seconds:.1f} s)"]
    task = simulation.telemetry.task_name(simulation.environment.task)
    parts += [task] if task else []
    parts += [] if simulation.learning else ["learning off"]
    return Text("  ".join(parts) + "   Ctrl-C saves and stops", style="bold", no_wrap=True, overflow="ellipsis")


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


def _timing(simulation: Simulation, width: int, frames: Mapping[str, int] | None) -> Text:
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
    frames = frames or {"drawn": 0, "shed": 0}
    text.append(
        f"{'rate':<15}asked {_rate(statistics.asked_hz, 'flat out')}, achieved {_rate(statistics.recent_hz)}; "
        f"frames drawn {frames['drawn']:,}, shed {frames['shed']:,}"
    )
    return text


def _rate(hz: float | None, otherwise: str = "-") -> str:
    return otherwise if hz is None else f"{hz:,.1f} Hz"


def _milliseconds(nanoseconds: float | None) -> str:
    return "-" if nanoseconds is None else f"{nanoseconds / 1e6:.2f} ms"


def show_result(result: dict[str, Any], console: Console) -> None:
    """The figures of a run as tables."""
    head = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    asked, episodes = _rate(result["asked_hz"], "flat out"), result["episodes"]
    rows = {
        "world": result["world"],
        "brain": f"{result['brain']}{' on ' + result['backend'] if result['backend'] else ''}",
        "ticks": f"{result['ticks']:,}",
        "accuracy": as_percent(result["accuracy"]),
        "score": as_number(result["score"]),
        "probe": ", ".join(f"{task} {as_percent(value)}" for task, value in (result["probe"] or {}).items()) or "-",
        "reward": as_number(result["reward"]),
        "episodes": f"{episodes['count']}, mean return of the last 20 {as_number(episodes['last_20_mean'])}",
        "rate": f"asked {asked}, achieved {_rate(result['achieved_hz'])}",
        "execution": _percentiles(result["execution_ms"]),
        "response": _percentiles(result["response_ms"]),
        "missed": f"{result['misses']:,} of {result['n']:,} deadlines",
        "hash": result["hash"],
    }
    if not episodes["count"]:
        del rows["episodes"]
    if result["agents"]:
        del rows["score"]
    for name, value in rows.items():
        head.add_row(name, str(value))
    console.print(head)
    if result["agents"]:
        agents = Table(box=None, padding=(0, 2, 0, 0))
        for heading in ("agent", "accuracy", "score", "last 10 s", "reward", "events"):
            agents.add_column(heading, justify="left" if heading in ("agent", "events") else "right")
        for name, own in result["agents"].items():
            agents.add_row(
                name,
                as_percent(own["accuracy"]),
                as_number(own["score"]),
                as_number(own.get("score_last_10s")),
                as_number(own["reward"]),
                ", ".join(f"{event} {count}" for event, count in own["events"].items()),
            )
        console.print()
        console.print(agents)
    if result["phases"] and result["phases"][0]["task"] is not None:
        phases = Table(box=None, padding=(0, 2, 0, 0))
        for heading in ("phase", "from tick", "ticks", "accuracy", "score", "events"):
            phases.add_column(heading, justify="left" if heading in ("phase", "events") else "right")
        for phase in result["phases"]:
            events = ", ".join(f"{name} {count}" for name, count in phase["events"].items())
            phases.add_row(
                phase["task"],
                f"{phase['start']:,}",
                f"{phase['ticks']:,}",
                as_percent(phase["accuracy"]),
                as_number(phase["score"]),
                events,
            )
        console.print()
        console.print(phases)


def _percentiles(milliseconds: dict[str, float | None]) -> str:
    return ", ".join(f"{name} {as_number(value, 3)} ms" for name, value in milliseconds.items() if value is not None)
