"""The lines above and below the panels: the name of the run, and the keys."""

from __future__ import annotations

from collections.abc import Sequence

from pygame import Rect

from agentsim.window.canvas import DIM, GROUND, WELL, Canvas, Colour


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
