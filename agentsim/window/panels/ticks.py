"""The last ticks' execution times."""

from __future__ import annotations

from math import log10

import numpy as np
from numpy.typing import NDArray
from pygame import Rect

from agentsim.window.canvas import BLUE, DIM, LINE, ORANGE, RED, WELL, Canvas


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
        word = (plot.right - canvas.px(3), y)
        behind = Rect(0, 0, canvas.width("deadline", 10) + canvas.px(6), canvas.line_height(10))
        behind.topright = (plot.right, y + canvas.px(1))
        canvas.fill(behind, WELL, radius=3)  # or it would be orange on red
        canvas.text("deadline", word, size=10, colour=ORANGE, anchor="topright")
