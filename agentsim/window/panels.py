"""One function a panel: values in, pixels out. None of them knows the simulation, so each is easy to try alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from typing import Any

import numpy as np
import pygame
from numpy.typing import NDArray
from pygame import Rect, Surface

from agentsim.window.canvas import BLUE, DIM, GROUND, INK, LINE, ORANGE, RED, WELL, Canvas, Colour
from agentsim.window.layout import fit, strips


@dataclass(frozen=True)
class Curve:
    """What is known of one quantity, `values` at the simulated seconds `at`, with the range of its axis."""

    name: str
    at: NDArray[np.float64]
    values: NDArray[np.float64]
    colour: Colour
    low: float = 0.0
    high: float = 1.0
    percent: bool = False

    def label(self, value: float) -> str:
        """A value as this curve's axis and legend write it."""
        return f"{100 * value:.0f} %" if self.percent else f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"


def draw_header(
    canvas: Canvas, rect: Rect, run: str, details: Sequence[str], pills: Sequence[tuple[str, Colour]]
) -> None:
    """The name of the run, what it is made of, and its state as pills at the right."""
    canvas.surface.fill(GROUND, rect)
    right = rect.right
    for text, colour in reversed(pills):
        width = canvas.width(text, 11, bold=True) + canvas.px(18)
        pill = Rect(right - width, 0, width, canvas.px(22))
        pill.centery = rect.centery
        canvas.fill(pill, WELL, radius=11)
        canvas.text(text, pill.center, size=11, colour=colour, bold=True, anchor="center")
        right = pill.left - canvas.px(6)
    title = canvas.text(run, rect.midleft, size=15, bold=True, anchor="midleft", width=(right - rect.left) // 2)
    canvas.text(
        "  ·  ".join(details),
        (title.right + canvas.px(14), title.centery + canvas.px(1)),
        size=12,
        colour=DIM,
        anchor="midleft",
        width=right - title.right - canvas.px(24),
    )


def draw_footer(canvas: Canvas, rect: Rect, text: str) -> None:
    """The keys worth knowing, in one line."""
    canvas.surface.fill(GROUND, rect)
    canvas.text(text, rect.midleft, size=11, colour=DIM, anchor="midleft", width=rect.width)


def draw_world(canvas: Canvas, rect: Rect, picture: Surface | None, note: str) -> Rect:
    """The world's own picture, of the display's format, as large as it fits; where it lies (there the mouse drags)."""
    inner = canvas.panel(rect, "World")
    head = (rect.right - canvas.px(10), rect.top + canvas.px(14))
    canvas.text(note, head, size=11, colour=DIM, anchor="midright", width=rect.width - canvas.px(80))
    if picture is None:
        canvas.text("this world has no picture", inner.center, colour=DIM, anchor="center", width=inner.width)
        return inner
    place = fit(picture.get_size(), inner)
    scale = pygame.transform.smoothscale if place.width < picture.get_width() else pygame.transform.scale
    scale(picture, place.size, canvas.surface.subsurface(place))
    return place


def draw_brain(
    canvas: Canvas,
    rect: Rect,
    activity: dict[str, NDArray[Any]],
    peaks: dict[str, float],
    chosen: dict[str, int],
    note: str,
) -> None:
    """Every layer's activity as a strip of cells, input on top: blue below zero, orange above.

    `activity` name -> (units,); `peaks` name -> the magnitude that gets the full colour; `chosen`: layer ->
    the cell of it that is outlined, the action taken.
    """
    inner = canvas.panel(rect, "Brain")
    head = (rect.right - canvas.px(10), rect.top + canvas.px(14))
    canvas.text(note, head, size=11, colour=DIM, anchor="midright", width=rect.width - canvas.px(80))
    gutter = canvas.px(96)
    cells = Rect(inner.left + gutter, inner.top, inner.width - gutter, inner.height)
    units = [layer.size for layer in activity.values()]
    line, gap = canvas.line_height(11), canvas.px(1)
    for (name, layer), (strip, rows, columns) in zip(
        activity.items(), strips(units, cells, canvas.scale), strict=False
    ):
        xs, ys = canvas.cells(strip, rows, columns, layer / peaks[name])
        if name in chosen:
            row, column = divmod(chosen[name], columns)
            edge = Rect(xs[column], ys[row], xs[column + 1] - xs[column] - gap, ys[row + 1] - ys[row] - gap)
            pygame.draw.rect(canvas.surface, INK, edge, canvas.px(2))
        size = f"{layer.size}"
        if strip.height >= 2 * line:
            top = strip.centery - line
            canvas.text(name, (inner.left, top), size=11, width=gutter - canvas.px(8))
            size = f"{layer.size}  ±{peaks[name]:.2g}"
            canvas.text(size, (inner.left, top + line), size=10, colour=DIM, width=gutter - canvas.px(8))
        else:
            taken = canvas.text(
                size, (cells.left - canvas.px(8), strip.centery), size=10, colour=DIM, anchor="midright"
            )
            canvas.text(name, (inner.left, strip.centery), size=11, anchor="midleft", width=taken.left - inner.left)


def draw_curves(
    canvas: Canvas, rect: Rect, curves: Sequence[Curve], switches: Sequence[tuple[float, str]], since: float
) -> None:
    """Up to two curves over the simulated seconds; the first has its axis at the left, the second at the right.

    `switches` are (second, task), the first task included; each later one gets a line. `since`: second at the left.
    """
    inner = canvas.panel(rect, "Learning")
    right = rect.right - canvas.px(10)
    for curve in reversed(curves):
        text = f"{curve.name} {curve.label(float(curve.values[-1])) if curve.values.size else '-'}"
        head = (right, rect.top + canvas.px(14))
        taken = canvas.text(text, head, size=11, bold=True, colour=curve.colour, anchor="midright")
        right = taken.left - canvas.px(14)

    line = canvas.line_height(10)
    plot = Rect(inner.left, inner.top + line, inner.width, inner.height - 2 * line - canvas.px(2))
    axes = [max(canvas.width(c.label(v), 10) for v in (c.low, c.high)) + canvas.px(6) for c in curves]
    plot.left += axes[0] if axes else 0
    plot.width = inner.right - plot.left - (axes[1] if len(axes) > 1 else 0)
    canvas.fill(plot, WELL)
    for quarter in range(5):
        y = plot.bottom - 1 - quarter * (plot.height - 1) // 4
        canvas.surface.fill(LINE, (plot.left, y, plot.width, 1))
        for side, curve in enumerate(curves if quarter % 2 == 0 else ()):
            value = curve.low + quarter / 4 * (curve.high - curve.low)
            if side == 0:
                left = (plot.left - canvas.px(5), y)
                canvas.text(curve.label(value), left, size=10, colour=curve.colour, anchor="midright")
            else:
                canvas.text(
                    curve.label(value), (plot.right + canvas.px(5), y), size=10, colour=curve.colour, anchor="midleft"
                )

    until = max([float(curve.at[-1]) for curve in curves if curve.at.size] + [since + 10])

    def across(second: float) -> int:
        return plot.left + round((max(second, since) - since) / (until - since) * plot.width)

    for index, (second, task) in enumerate(switches):
        x = across(second)
        end = switches[index + 1][0] if index + 1 < len(switches) else until
        if since < second < until:
            canvas.surface.fill(DIM, (x, plot.top, canvas.px(1), plot.height))
        if across(end) - x > canvas.width(task, 10) + canvas.px(6):
            canvas.text(task, (x + canvas.px(3), plot.top - line), size=10, colour=DIM)
    below = plot.bottom + canvas.px(2)
    canvas.text(f"{since:.0f} s", (plot.left, below), size=10, colour=DIM)
    canvas.text(f"{until:.0f} s", (plot.right, below), size=10, colour=DIM, anchor="topright")
    for curve in curves:
        at, values = decimate(curve.at, curve.values, max(2, plot.width // canvas.px(2)))
        level = np.clip((values - curve.low) / max(1e-12, curve.high - curve.low), 0, 1)
        x_of = plot.left + (at - since) / (until - since) * (plot.width - 1)
        xy = np.stack([x_of, plot.bottom - 1 - level * (plot.height - 1)], axis=1).tolist()
        if len(xy) > 1:
            pygame.draw.lines(canvas.surface, curve.colour, False, xy, canvas.px(1.6))
        elif xy:
            pygame.draw.circle(canvas.surface, curve.colour, xy[0], canvas.px(2))


def decimate(
    at: NDArray[np.float64], values: NDArray[np.float64], most: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most `most` points, each the mean of a stretch of equally many."""
    starts = np.arange(0, len(at), max(1, -(-len(at) // most)))
    if len(starts) == len(at):
        return at, values
    count = np.diff(np.append(starts, len(at)))
    return np.add.reduceat(at, starts) / count, np.add.reduceat(values, starts) / count


def draw_ticks(
    canvas: Canvas, rect: Rect, execution: NDArray[np.float64], missed: NDArray[np.bool_], period: float
) -> None:
    """The last ticks' execution times in ms as bars on a logarithmic scale, under the line of the deadline.

    Missed ticks are red. `period` in ms is 0 where the run has no deadline.
    """
    inner = canvas.panel(rect, "Tick time")
    note = f"last {len(execution)}, ms" if len(execution) else "ms"
    canvas.text(note, (rect.right - canvas.px(10), rect.top + canvas.px(14)), size=11, colour=DIM, anchor="midright")
    plot = inner.copy()
    plot.left += canvas.width("0.01", 10) + canvas.px(6)
    plot.width = inner.right - plot.left
    plot.top += canvas.line_height(10) // 2
    plot.height = inner.bottom - plot.top
    canvas.fill(plot, WELL)
    top = max(period * 2, float(execution.max(initial=0.0)) * 1.2, 1.0)
    bottom = min(0.01, top / 1000)

    def height(milliseconds: float) -> int:
        level = log10(max(milliseconds, bottom) / bottom) / log10(top / bottom)
        return round(min(1.0, level) * (plot.height - 1))

    decade = 10.0 ** round(log10(bottom) + 0.5)
    while decade < top:
        y = plot.bottom - 1 - height(decade)
        clear = abs(y - (plot.bottom - 1 - height(period))) > canvas.line_height(10) if period else True
        canvas.surface.fill(LINE, (plot.left, y, plot.width, 1))
        if clear:
            canvas.text(f"{decade:g}", (plot.left - canvas.px(5), y), size=10, colour=DIM, anchor="midright")
        decade *= 10
    slots = max(200, len(execution))
    for slot, (value, miss) in enumerate(zip(execution.tolist(), missed.tolist(), strict=True)):
        x = plot.left + slot * plot.width // slots
        width = plot.left + (slot + 1) * plot.width // slots - x
        tall = max(1, height(value))
        canvas.surface.fill(RED if miss else BLUE, (x, plot.bottom - tall, max(1, width), tall))
    if period:
        y = plot.bottom - 1 - height(period)
        canvas.surface.fill(ORANGE, (plot.left, y, plot.width, canvas.px(1)))
        canvas.text(f"{period:.3g}", (plot.left - canvas.px(5), y), size=10, colour=ORANGE, anchor="midright")
        canvas.text("deadline", (plot.right - canvas.px(3), y), size=10, colour=ORANGE, anchor="topright")


def draw_pace(
    canvas: Canvas, rect: Rect, rates: Sequence[tuple[str, str]], rows: Sequence[tuple[str, str, Colour]]
) -> None:
    """Target and achieved rate side by side, and the other figures of the pace below, one a line."""
    inner = canvas.panel(rect, "Pace")
    gap = canvas.px(6)
    width = (inner.width - gap * (len(rates) - 1)) // len(rates)
    tile = Rect(inner.left, inner.top, width, canvas.px(42))
    for label, value in rates:
        canvas.fill(tile, WELL, radius=5)
        left = tile.left + canvas.px(8)
        canvas.text(label, (left, tile.top + canvas.px(4)), size=10, colour=DIM, width=width - canvas.px(12))
        canvas.text(value, (left, tile.top + canvas.px(18)), size=15, bold=True, width=width - canvas.px(12))
        tile = tile.move(width + gap, 0)
    height = (inner.bottom - tile.bottom - gap) / max(1, len(rows))
    for index, (label, value, colour) in enumerate(rows):
        y = round(tile.bottom + gap + (index + 0.5) * height)
        taken = canvas.text(label, (inner.left, y), size=11, colour=DIM, anchor="midleft")
        room = inner.right - taken.right - canvas.px(8)
        canvas.text(value, (inner.right, y), size=11, colour=colour, anchor="midright", width=room)
