"""Colours, type and the few shapes that every panel is drawn with."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pygame
from numpy.typing import NDArray
from pygame import Rect, Surface

Colour = tuple[int, int, int]

GROUND: Colour = (13, 16, 20)
PANEL: Colour = (22, 26, 32)
WELL: Colour = (30, 35, 43)  # what cells, bars and curves are drawn on
LINE: Colour = (48, 55, 66)
INK: Colour = (232, 236, 241)
DIM: Colour = (146, 156, 170)
BLUE: Colour = (88, 166, 255)  # blue and orange are told apart by every common kind of colour blindness
ORANGE: Colour = (255, 159, 67)
GREEN: Colour = (112, 220, 140)  # what is right, and the evader, as in its world
RED: Colour = (255, 92, 92)  # deadline misses, errors and wrong answers only


def _diverging(steps: int = 255) -> NDArray[np.uint8]:
    """(steps, 3) colours from blue (-1) over the well's grey (0) to orange (+1)."""
    at = np.linspace(-1, 1, steps)
    anchors = np.array([BLUE, WELL, ORANGE], dtype=float)
    return np.stack([np.interp(at, (-1, 0, 1), anchors[:, i]) for i in range(3)], axis=1).astype(np.uint8)


DIVERGING = _diverging()


def _font_file(bold: bool) -> str | None:
    """DejaVu Sans as matplotlib ships it: the same type on every machine. None (pygame's own) if it is not there."""
    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        return None
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / name
    return str(path) if path.exists() else None


class Canvas:
    """A surface, the scale of its design pixels, and a cache of every text drawn lately."""

    def __init__(self, surface: Surface, scale: float):
        self.surface = surface
        self.scale = scale
        self._fonts: dict[tuple[int, bool], pygame.font.Font] = {}
        self._texts: dict[tuple[str, int, Colour, bool], Surface] = {}
        self._shades = np.array([surface.map_rgb(*colour) for colour in DIVERGING.tolist()])

    def on(self, surface: Surface) -> Canvas:
        """A canvas on another surface with the same scale, that shares this one's fonts and texts."""
        other = Canvas(surface, self.scale)
        other._fonts, other._texts = self._fonts, self._texts
        return other

    def px(self, design_pixels: float) -> int:
        """Design pixels in pixels of this canvas, at least 1."""
        return max(1, round(design_pixels * self.scale))

    def font(self, size: float, bold: bool = False) -> pygame.font.Font:
        """The font whose letters are `size` design pixels high."""
        key = (max(9, round(size * self.scale)), bold)
        if key not in self._fonts:
            self._fonts[key] = pygame.font.Font(_font_file(bold), key[0])
        return self._fonts[key]

    def line_height(self, size: float) -> int:
        """Pixels from one line of text to the next."""
        return self.font(size).get_linesize()

    def render(self, text: str, size: float = 12, colour: Colour = INK, bold: bool = False) -> Surface:
        """The text as a surface, from the cache where it was drawn before."""
        font = self.font(size, bold)
        key = (text, font.get_height(), colour, bold)
        surface = self._texts.get(key)
        if surface is None:
            if len(self._texts) > 1000:
                self._texts.clear()
            surface = self._texts[key] = font.render(text, True, colour)
        return surface

    def width(self, text: str, size: float, *, bold: bool = False) -> int:
        """How many pixels wide the text would be."""
        return self.font(size, bold).size(text)[0]

    def text(
        self,
        text: str,
        at: tuple[int, int],
        *,
        size: float = 12,
        colour: Colour = INK,
        bold: bool = False,
        anchor: Literal["topleft", "topright", "midleft", "midright", "midtop", "center"] = "topleft",
        width: int | None = None,
    ) -> Rect:
        """Draw a line of text with its anchor at a point, shortened to `width` pixels; where it came to lie."""
        surface = self.render(text, size, colour, bold)
        while width is not None and surface.get_width() > width and len(text) > 1:
            text = text[:-2] + "…"
            surface = self.render(text, size, colour, bold)
        rect = surface.get_rect(**{anchor: at})
        self.surface.blit(surface, rect)
        return rect

    def fill(self, rect: Rect, colour: Colour, radius: float = 0) -> None:
        """A filled rectangle, with round corners if asked."""
        pygame.draw.rect(self.surface, colour, rect, border_radius=self.px(radius) if radius else 0)

    def panel(self, rect: Rect, title: str) -> Rect:
        """An empty panel with its title; the rectangle that is left for the content."""
        self.fill(rect, PANEL, radius=8)
        pad, head = self.px(10), self.px(28)
        self.text(title, (rect.left + pad, rect.top + head // 2), size=12, bold=True, colour=INK, anchor="midleft")
        return Rect(rect.left + pad, rect.top + head, rect.width - 2 * pad, rect.height - head - pad)

    def cells(
        self, rect: Rect, rows: int, columns: int, levels: NDArray[np.floating[Any]]
    ) -> tuple[list[int], list[int]]:
        """Fill a rectangle with cells coloured by levels in [-1, 1]; the cells' left edges and their top edges.

        Whole lines of pixels at once: many narrow fills are five times as slow on a large surface.
        """
        panel, gap, half = self.surface.map_rgb(PANEL), self.px(1), len(DIVERGING) // 2
        shade = np.full(rows * columns, panel)
        shade[: levels.size] = self._shades[(half + np.nan_to_num(np.clip(levels, -1, 1)) * half).astype(np.int64)]
        xs = np.arange(columns + 1) * rect.width // columns
        ys = (rect.top + np.arange(rows + 1) * rect.height // rows).tolist()
        column_of = np.repeat(np.arange(columns), np.diff(xs))
        pixels = pygame.surfarray.pixels2d(self.surface)
        for row in range(rows):
            line = shade[row * columns : (row + 1) * columns][column_of]
            for edge in range(gap):
                line[xs[1:-1] - 1 - edge] = panel
            pixels[rect.left : rect.right, ys[row] : max(ys[row] + 1, ys[row + 1] - gap)] = line[:, None]
        return (rect.left + xs).tolist(), ys
