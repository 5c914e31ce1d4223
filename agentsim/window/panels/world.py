"""The world's own picture."""

from __future__ import annotations

import numpy as np
import pygame
from numpy.typing import NDArray
from pygame import Rect, Surface

from agentsim.window.canvas import BLUE, DIM, ORANGE, Canvas
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


def draw_ghosts(canvas: Canvas, place: Rect, lines: NDArray[np.float64], *, crowd: bool = False) -> None:
    """What is imagined, over the picture of the world: lines (T, points, x and y) in shares of it, later ones fainter,
    and the way of their last points; of a crowd, which is at one time, without a way."""
    layer = Surface(place.size, pygame.SRCALPHA)
    corners = lines * place.size
    for age in reversed(range(len(lines))):
        alpha = round(200 - 175 * age / len(lines))
        pygame.draw.lines(layer, (*BLUE, alpha), False, corners[age].tolist(), canvas.px(2))
    if len(lines) > 1 and not crowd:
        pygame.draw.lines(layer, (*ORANGE, 220), False, corners[:, -1].tolist(), canvas.px(2))
    canvas.surface.blit(layer, place)
