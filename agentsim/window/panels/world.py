"""The world's own picture."""

from __future__ import annotations

import pygame
from pygame import Rect, Surface

from agentsim.window.canvas import DIM, Canvas
from agentsim.window.layout import fit


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
