"""Every layer's activity."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pygame
from pygame import Rect

from agentsim.window.canvas import DIM, GREEN, GROUND, INK, ORANGE, RED, WELL, Canvas
from agentsim.window.layout import shown_layers
from agentsim.window.shown import Layer


def draw_brain(canvas: Canvas, rect: Rect, layers: Sequence[Layer], note: str) -> None:
    """Every layer's activity as a strip of cells, input on top: blue below zero, orange above; the chosen cell has a
    white edge, the right one a green edge within it, or a red one where another was chosen. A layer that is drawn as
    bars or as a line has those."""
    inner = canvas.panel(rect, "Brain")
    head = (rect.right - canvas.px(10), rect.top + canvas.px(14))
    words = [(layer.name, 11) for layer in layers] + [(_link(layer), 10) for layer in layers]
    widest = max(canvas.width(text, size) for text, size in words) + canvas.px(10)
    gutter = min(max(canvas.px(96), widest), inner.width // 3)
    cells = Rect(inner.left + gutter, inner.top, inner.width - gutter, inner.height)
    shown, placed = shown_layers([layer.values.size for layer in layers], cells, canvas.scale)
    if len(shown) < len(layers):
        note = f"{len(layers) - len(shown)} more layers  ·  {note}"
    canvas.text(note, head, size=11, colour=DIM, anchor="midright", width=rect.width - canvas.px(80))
    for index, (strip, rows, columns) in zip(shown, placed, strict=True):
        layer = layers[index]
        if layer.drawn_as == "line":
            _draw_line(canvas, layer, strip)
        else:
            levels = layer.values / layer.peak
            xs, ys = canvas.cells(strip, rows, columns, 0 * levels if layer.drawn_as == "bars" else levels)
            if layer.drawn_as == "bars":
                _draw_bars(canvas, layer, xs, ys, columns)
            _draw_names(canvas, layer, xs, ys, columns)
        gap = canvas.px(1)
        for cell, colour, within in ((layer.chosen, INK, 0), (layer.right, _verdict(layer), canvas.px(4))):
            if cell is not None:
                row, column = divmod(cell, columns)
                edge = Rect(xs[column], ys[row], xs[column + 1] - xs[column] - gap, ys[row + 1] - ys[row] - gap)
                pygame.draw.rect(canvas.surface, colour, edge.inflate(-2 * within, -2 * within), canvas.px(2))
        if not np.isfinite(layer.values).all():
            pygame.draw.rect(canvas.surface, RED, strip, canvas.px(2))
        _draw_words(canvas, layer, Rect(inner.left, strip.top, gutter - canvas.px(8), strip.height))


def _draw_line(canvas: Canvas, layer: Layer, strip: Rect) -> None:
    """The values from left to right, the least at the foot and the largest at the top."""
    canvas.fill(strip, WELL)
    low, high = float(layer.values.min()), float(layer.values.max())
    level = (layer.values - low) / (high - low or 1.0)
    xs = strip.left + np.linspace(0, strip.width - 1, layer.values.size)
    xy = np.stack([xs, strip.bottom - 2 - level * (strip.height - 3)], axis=1)
    if layer.values.size > 1 and np.isfinite(xy).all():
        pygame.draw.lines(canvas.surface, ORANGE, False, xy.tolist(), canvas.px(1.6))


def _draw_bars(canvas: Canvas, layer: Layer, xs: list[int], ys: list[int], columns: int) -> None:
    """Each value, of 0 to 1, as the height of a bar in its cell."""
    gap = canvas.px(1)
    for cell, value in enumerate(np.nan_to_num(layer.values.clip(0, 1)).tolist()):
        row, column = divmod(cell, columns)
        foot = ys[row + 1] - gap
        height = round(value * (foot - ys[row]))
        canvas.fill(Rect(xs[column], foot - height, xs[column + 1] - xs[column] - gap, height), ORANGE)


def _verdict(layer: Layer) -> tuple[int, int, int]:
    return GREEN if layer.right == layer.chosen else RED


def _link(layer: Layer) -> str:
    return "" if layer.link is None else f"link {layer.link[0]:.2f}  gap {layer.link[1]:.1g}"


def _draw_words(canvas: Canvas, layer: Layer, box: Rect) -> None:
    """Name, size and what else there is, in as many lines as fit beside a strip."""
    line, broken = canvas.line_height(11), not np.isfinite(layer.values).all()
    name, colour = (f"{layer.name}: not finite", RED) if broken else (layer.name, INK)
    size = f"{layer.values[-1]:.4g}" if layer.drawn_as == "line" else f"{layer.values.size}"
    if box.height < 2 * line:
        taken = canvas.text(size, (box.right, box.centery), size=10, colour=DIM, anchor="midright")
        room = taken.left - box.left - canvas.px(4)
        canvas.text(name, (box.left, box.centery), size=11, colour=colour, anchor="midleft", width=room)
        return
    words = [(name, 11, colour), (f"{size}  ±{layer.peak:.2g}" if layer.drawn_as == "cells" else size, 10, DIM)]
    if layer.link is not None:
        words.append((_link(layer), 10, DIM))
    words = words[: box.height // line]
    top = box.centery - len(words) * line // 2
    for number, (text, letters, ink) in enumerate(words):
        canvas.text(text, (box.left, top + number * line), size=letters, colour=ink, width=box.width)


def _draw_names(canvas: Canvas, layer: Layer, xs: list[int], ys: list[int], columns: int) -> None:
    """What each cell stands for, at its foot, where all of the names fit."""
    line = canvas.line_height(9)
    least = line if layer.drawn_as == "bars" else 2 * line
    if not layer.names or min(b - a for a, b in pairwise(ys)) < least:
        return
    room = min(b - a for a, b in pairwise(xs)) - canvas.px(4)
    if max(canvas.width(name, 9) for name in layer.names) > room:
        return
    for cell, name in enumerate(layer.names):
        row, column = divmod(cell, columns)
        at = ((xs[column] + xs[column + 1]) // 2, max(ys[row], ys[row + 1] - line - canvas.px(5)))
        shadow = canvas.render(name, 9, GROUND)
        canvas.surface.blit(shadow, shadow.get_rect(midtop=(at[0] + 1, at[1] + 1)))
        canvas.text(name, at, size=9, anchor="midtop")
