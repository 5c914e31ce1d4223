"""Learning curves over simulated time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pygame
from numpy.typing import NDArray
from pygame import Rect

from agentsim.window.canvas import DIM, LINE, ORANGE, WELL, Canvas, Colour
from agentsim.window.shown import Curve

Moments = Sequence[tuple[float, str]]  # (simulated second, what began then)


def draw_curves(
    canvas: Canvas,
    rect: Rect,
    curves: Sequence[Curve],
    colours: tuple[Colour, Colour],
    switches: Moments,
    marks: Moments,
    since: float,
    note: str = "",
) -> None:
    """Curves over the simulated seconds from `since` on, in the colours of their axes, the left and the right one.

    `switches`: the tasks, the first one included; each later one gets a line. `marks`: what a person did.
    """
    inner = canvas.panel(rect, f"Learning{note}")
    _draw_legend(canvas, rect, curves, colours)
    line = canvas.line_height(10)
    plot = Rect(inner.left, inner.top + line, inner.width, inner.height - 2 * line - canvas.px(2))
    axes = [next((curve for curve in curves if curve.axis == side), None) for side in (0, 1)]
    room = [
        max((canvas.width(a.label(v), 10) for v in (a.low, (a.low + a.high) / 2, a.high)), default=0) + canvas.px(6)
        if a
        else 0
        for a in axes
    ]
    plot.left += room[0]
    plot.width = inner.right - plot.left - room[1]
    canvas.fill(plot, WELL)
    for quarter in range(5):
        y = plot.bottom - 1 - quarter * (plot.height - 1) // 4
        canvas.surface.fill(LINE, (plot.left, y, plot.width, 1))
        for side, axis in enumerate(axes if quarter % 2 == 0 else ()):
            if axis is not None:
                value = axis.label(axis.low + quarter / 4 * (axis.high - axis.low))
                edge = (plot.right + canvas.px(5), y) if side else (plot.left - canvas.px(5), y)
                canvas.text(value, edge, size=10, colour=colours[side], anchor="midleft" if side else "midright")

    until = max([float(curve.at[-1]) for curve in curves if curve.at.size] + [since + 10])

    def across(second: float) -> int:
        return plot.left + round((max(second, since) - since) / (until - since) * plot.width)

    _draw_moments(canvas, plot, across, [(s, t) for s, t in switches if s < until], since, until)
    _draw_marks(canvas, plot, across, [(s, t) for s, t in marks if since < s < until])
    below = plot.bottom + canvas.px(2)
    canvas.text(f"{since:.0f} s", (plot.left, below), size=10, colour=DIM)
    canvas.text(f"{until:.0f} s", (plot.right, below), size=10, colour=DIM, anchor="topright")
    for curve in curves:
        most = max(2, plot.width // canvas.px(2))
        at, values = (curve.at, curve.values) if curve.dots else decimate(curve.at, curve.values, most)
        if curve.dots and len(at) > most:
            at, values = at[-most:], values[-most:]
        level = np.clip((values - curve.low) / max(1e-12, curve.high - curve.low), 0, 1)
        x_of = plot.left + (at - since) / (until - since) * (plot.width - 1)
        xy = np.stack([x_of, plot.bottom - 1 - level * (plot.height - 1)], axis=1).tolist()
        colour = colours[curve.axis]
        if curve.dots:
            for x, y in xy:
                canvas.surface.fill(DIM, (x - 1, y - 1, canvas.px(2.2), canvas.px(2.2)))
        elif len(xy) > 1:
            pygame.draw.lines(canvas.surface, colour, False, xy, canvas.px(1.6))
        elif xy:
            pygame.draw.circle(canvas.surface, colour, xy[0], canvas.px(2))


def _draw_legend(canvas: Canvas, rect: Rect, curves: Sequence[Curve], colours: tuple[Colour, Colour]) -> None:
    """Every curve's name and last value, the last one at the right."""
    right = rect.right - canvas.px(10)
    for curve in reversed([curve for curve in curves if not curve.dots]):
        value = curve.label(float(curve.values[-1])) if curve.values.size else "-"
        text = f"{curve.name}{':' if curve.name[-1:].isdigit() else ''} {value}"
        head = (right, rect.top + canvas.px(14))
        taken = canvas.text(text, head, size=11, bold=True, colour=colours[curve.axis], anchor="midright")
        right = taken.left - canvas.px(14)


def _draw_moments(
    canvas: Canvas, plot: Rect, across: Callable[[float], int], switches: Moments, since: float, until: float
) -> None:
    """A line where each task begins, unless that is where the last one was drawn, and its name where there is room."""
    last = plot.left - canvas.px(4)
    for index, (second, task) in enumerate(switches):
        x = across(second)
        end = switches[index + 1][0] if index + 1 < len(switches) else until
        if since < second and x - last >= canvas.px(3):
            canvas.surface.fill(DIM, (x, plot.top, canvas.px(1), plot.height))
            last = x
        if across(end) - x > canvas.width(task, 10) + canvas.px(6):
            canvas.text(task, (x + canvas.px(3), plot.top - canvas.line_height(10)), size=10, colour=DIM)


def _draw_marks(canvas: Canvas, plot: Rect, across: Callable[[float], int], marks: Moments) -> None:
    """A short line at the foot for what a person did; of those that lie together the last one says what."""
    line, free = canvas.line_height(9), plot.right
    places = [(across(second), what) for second, what in marks]
    for x, _ in places:
        canvas.surface.fill(ORANGE, (x, plot.bottom - line, canvas.px(1), line))
    for x, what in reversed(places):
        box = Rect(x + canvas.px(2), plot.bottom - line, canvas.width(what, 9) + canvas.px(4), line)
        if box.right > plot.right:
            box.right = x - canvas.px(1)
        if box.left < plot.left or box.right > free:
            continue
        canvas.fill(box, WELL)
        canvas.text(what, (box.left + canvas.px(2), box.top), size=9, colour=ORANGE)
        free = min(x, box.left)


def decimate(
    at: NDArray[np.float64], values: NDArray[np.float64], most: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most `most` points, each the mean of a stretch of equally many."""
    starts = np.arange(0, len(at), max(1, -(-len(at) // most)))
    if len(starts) == len(at):
        return at, values
    count = np.diff(np.append(starts, len(at)))
    return np.add.reduceat(at, starts) / count, np.add.reduceat(values, starts) / count
