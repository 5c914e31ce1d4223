"""Learning curves over simulated time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pygame
from numpy.typing import NDArray
from pygame import Rect

from agentsim.window.canvas import DIM, LINE, WELL, Canvas, Colour


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
