"""What lies over the panels for a while: the list of keys, an error, a toast. Each is drawn once, then only blitted."""

from __future__ import annotations

from collections.abc import Sequence

import pygame
from pygame import Rect, Surface

from agentsim.window.canvas import BLUE, DIM, INK, LINE, PANEL, RED, WELL, Canvas, Colour

Overlay = tuple[Surface, Rect]


def _card(canvas: Canvas, size: tuple[int, int], edge: Colour) -> Canvas:
    """An empty card with a thin edge, as a canvas of its own that shares the type."""
    surface = Surface(size, pygame.SRCALPHA)
    card = canvas.on(surface)
    card.fill(surface.get_rect(), edge, radius=10)
    card.fill(surface.get_rect().inflate(-2 * card.px(1), -2 * card.px(1)), PANEL, radius=9)
    return card


def _place(surface: Surface, window: tuple[int, int]) -> Overlay:
    rect = surface.get_rect()
    rect.center = (window[0] // 2, window[1] // 2)
    return surface, rect


def help_card(
    canvas: Canvas, columns: Sequence[tuple[str, Sequence[tuple[str, str]]]], window: tuple[int, int]
) -> Overlay:
    """Columns of (title, [(key, what it does)]) in a card in the middle."""
    line, pad, head, gap = canvas.px(24), canvas.px(18), canvas.px(34), canvas.px(14)
    columns = [(title, rows) for title, rows in columns if rows]
    caps = [max(canvas.width(key, 12, bold=True) for key, _ in rows) + canvas.px(16) for _, rows in columns]
    words = [max(canvas.width(what, 12) for _, what in rows) for _, rows in columns]
    width = 2 * pad + sum(caps) + sum(words) + gap * len(columns) + 2 * gap * (len(columns) - 1)
    card = _card(canvas, (width, head + line * max(len(rows) for _, rows in columns) + 2 * pad), LINE)
    left = pad
    for (title, rows), cap_width, word_width in zip(columns, caps, words, strict=True):
        card.text(title, (left, pad), size=15, bold=True)
        for index, (key, what) in enumerate(rows):
            y = pad + head + index * line + line // 2
            cap = Rect(left, y - canvas.px(9), cap_width, canvas.px(18))
            card.fill(cap, WELL, radius=4)
            card.text(key, cap.center, size=12, bold=True, colour=BLUE, anchor="center")
            card.text(what, (cap.right + gap, y), size=12, anchor="midleft")
        left += cap_width + gap + word_width + 2 * gap
    return _place(card.surface, window)


def list_card(
    canvas: Canvas, title: str, rows: Sequence[tuple[str, str, bool]], at: int, window: tuple[int, int]
) -> Overlay:
    """A list of (name, what there is to say, whether it is the present one), the one `at` which the person is marked;
    of a long one the part around that."""
    line, pad, head = canvas.px(20), canvas.px(18), canvas.px(34)
    room = max(3, (window[1] - 2 * pad - head - canvas.px(80)) // line)
    first = min(max(0, at - room // 2), max(0, len(rows) - room))
    shown = rows[first : first + room]
    numbers = canvas.width("88", 12, bold=True) + canvas.px(14)
    names = max(canvas.width(name, 12, bold=True) for name, _, _ in rows) + canvas.px(20)
    words = max(canvas.width(what, 11) for _, what, _ in rows)
    width = min(2 * pad + numbers + names + words, window[0] - 2 * pad)
    card = _card(canvas, (width, 2 * pad + head + line * len(shown)), LINE)
    card.text(title, (pad, pad), size=15, bold=True)
    if len(shown) < len(rows):
        more = f"{first + 1} to {first + len(shown)} of {len(rows)}"
        card.text(more, (width - pad, pad + canvas.px(4)), size=11, colour=DIM, anchor="topright")
    for index, (name, what, present) in enumerate(shown):
        row = Rect(pad - canvas.px(6), pad + head + index * line, width - 2 * pad + canvas.px(12), line)
        if first + index == at:
            card.fill(row, WELL, radius=4)
        left, middle = pad, row.centery
        number = f"{first + index + 1}"
        card.text(number, (left + numbers - canvas.px(14), middle), size=12, colour=DIM, anchor="midright")
        ink = BLUE if present else INK
        card.text(name, (left + numbers, middle), size=12, bold=True, colour=ink, anchor="midleft")
        space = width - pad - left - numbers - names
        card.text(what, (left + numbers + names, middle), size=11, colour=DIM, anchor="midleft", width=space)
    return _place(card.surface, window)


def error_card(canvas: Canvas, title: str, lines: Sequence[tuple[str, Colour]], window: tuple[int, int]) -> Overlay:
    """What happened and what can be done now; long lines are wrapped."""
    pad, width = canvas.px(18), min(round(window[0] * 0.8), canvas.px(640))
    wrapped = [(part, colour) for text, colour in lines for part in wrap_text(canvas, text, width - 2 * pad)][:16]
    line = canvas.line_height(12) + canvas.px(3)
    card = _card(canvas, (width, 2 * pad + canvas.px(30) + line * len(wrapped)), RED)
    card.text(title, (pad, pad), size=15, bold=True, colour=RED, width=width - 2 * pad)
    for index, (text, colour) in enumerate(wrapped):
        card.text(text, (pad, pad + canvas.px(30) + index * line), size=12, colour=colour, width=width - 2 * pad)
    return _place(card.surface, window)


def wrap_text(canvas: Canvas, text: str, width: int) -> list[str]:
    """The text in lines of at most `width` pixels, broken at spaces."""
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if line and canvas.width(longer, 12) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return lines


def toast_card(canvas: Canvas, text: str, world: Rect, covered: Rect | None = None) -> Overlay:
    """A few words at the foot of the world panel, or below the card that has `covered` it: what the last key did."""
    width = min(canvas.width(text, 12, bold=True), world.width - canvas.px(40))
    card = _card(canvas, (width + canvas.px(28), canvas.px(32)), LINE)
    card.text(text, card.surface.get_rect().center, size=12, bold=True, anchor="center", width=width)
    rect = card.surface.get_rect()
    rect.midbottom = (world.centerx, world.bottom - canvas.px(14))
    if covered is not None and rect.colliderect(covered):
        rect.midtop = (covered.centerx, covered.bottom + canvas.px(4))
        rect.bottom = min(rect.bottom, covered.top + covered.bottom)  # in the window, in whose middle the card is
    return card.surface, rect
