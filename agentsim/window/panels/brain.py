"""Every layer's activity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pygame
from numpy.typing import NDArray
from pygame import Rect

from agentsim.window.canvas import DIM, INK, RED, Canvas
from agentsim.window.layout import shown_layers


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
    gutter = canvas.px(96)
    cells = Rect(inner.left + gutter, inner.top, inner.width - gutter, inner.height)
    units = [layer.size for layer in activity.values()]
    line, gap = canvas.line_height(11), canvas.px(1)
    layers = list(activity.items())
    shown, placed = shown_layers(units, cells, canvas.scale)
    if len(shown) < len(layers):
        note = f"{len(layers) - len(shown)} more layers  ·  {note}"
    canvas.text(note, head, size=11, colour=DIM, anchor="midright", width=rect.width - canvas.px(80))
    for index, (strip, rows, columns) in zip(shown, placed, strict=True):
        name, layer = layers[index]
        broken = not np.isfinite(layer).all()
        xs, ys = canvas.cells(strip, rows, columns, layer / peaks[name])
        if name in chosen:
            row, column = divmod(chosen[name], columns)
            edge = Rect(xs[column], ys[row], xs[column + 1] - xs[column] - gap, ys[row + 1] - ys[row] - gap)
            pygame.draw.rect(canvas.surface, INK, edge, canvas.px(2))
        size, colour = f"{layer.size}", RED if broken else INK
        if broken:
            name = f"{name}: not finite"
            pygame.draw.rect(canvas.surface, RED, strip, canvas.px(2))
        if strip.height >= 2 * line:
            top = strip.centery - line
            canvas.text(name, (inner.left, top), size=11, colour=colour, width=gutter - canvas.px(8))
            size = f"{layer.size}  ±{peaks[name]:.2g}"
            canvas.text(size, (inner.left, top + line), size=10, colour=DIM, width=gutter - canvas.px(8))
        else:
            taken = canvas.text(
                size, (cells.left - canvas.px(8), strip.centery), size=10, colour=DIM, anchor="midright"
            )
            width = taken.left - inner.left
            canvas.text(name, (inner.left, strip.centery), size=11, colour=colour, anchor="midleft", width=width)
