"""Rates, and the other figures of the pace."""

from __future__ import annotations

from collections.abc import Sequence

from pygame import Rect

from agentsim.window.canvas import DIM, WELL, Canvas, Colour


def draw_pace(
    canvas: Canvas, rect: Rect, rates: Sequence[tuple[str, str]], rows: Sequence[tuple[str, str, Colour]]
) -> None:
    """Target and achieved rate side by side, and the other figures of the pace below, one a line, the first ones
    where there is no room for all."""
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
    room = inner.bottom - tile.bottom - gap
    rows = rows[: max(1, room // (canvas.line_height(11) + canvas.px(1)))]
    height = room / max(1, len(rows))
    for index, (label, value, colour) in enumerate(rows):
        y = round(tile.bottom + gap + (index + 0.5) * height)
        taken = canvas.text(label, (inner.left, y), size=11, colour=DIM, anchor="midleft")
        room = inner.right - taken.right - canvas.px(8)
        canvas.text(value, (inner.right, y), size=11, colour=colour, anchor="midright", width=room)
