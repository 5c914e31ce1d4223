"""Where everything goes: plain rectangles, computed from the size of the window and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from pygame import Rect

DESIGN_SIZE = (960, 640)  # every measure below is in pixels of this size, and scales with the window
SMALLEST_SIZE = (720, 480)  # below this the picture is cut off rather than made unreadable


@dataclass(frozen=True)
class Layout:
    """The panels of a window of `size` pixels. `scale` is pixels per design pixel."""

    size: tuple[int, int]
    scale: float
    header: Rect
    world: Rect
    brain: Rect
    curves: Rect
    ticks: Rect
    pace: Rect
    footer: Rect

    def panels(self) -> dict[str, Rect]:
        """Every rectangle by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in {"size", "scale"}}


def arrange(size: tuple[int, int]) -> Layout:
    """World and brain side by side, curves, tick times and pace below, a line of text above and below them."""
    width, height = max(size[0], SMALLEST_SIZE[0]), max(size[1], SMALLEST_SIZE[1])
    scale = min(width / DESIGN_SIZE[0], height / DESIGN_SIZE[1])
    margin, gap = round(12 * scale), round(8 * scale)
    header = Rect(margin, 0, width - 2 * margin, round(44 * scale))
    footer = Rect(margin, height - round(28 * scale), width - 2 * margin, round(28 * scale))

    below = round(184 * scale)
    above = footer.top - header.bottom - gap - below
    inner = header.width
    world = Rect(margin, header.bottom, min(above, round(inner * 0.5)), above)
    brain = Rect(world.right + gap, world.top, header.right - world.right - gap, above)

    top = world.bottom + gap
    pace_width = round(248 * scale)
    ticks_width = round((inner - pace_width) * 0.36)
    curves = Rect(margin, top, inner - pace_width - ticks_width - 2 * gap, below)
    ticks = Rect(curves.right + gap, top, ticks_width, below)
    pace = Rect(ticks.right + gap, top, pace_width, below)
    return Layout((width, height), scale, header, world, brain, curves, ticks, pace, footer)


def fit(picture: tuple[int, int], box: Rect) -> Rect:
    """The largest rectangle of the picture's proportions inside the box, centred."""
    scale = min(box.width / picture[0], box.height / picture[1])
    fitted = Rect(0, 0, max(1, int(picture[0] * scale)), max(1, int(picture[1] * scale)))
    fitted.center = box.center
    return fitted


def wrap(units: int, width: int, narrowest: float) -> tuple[int, int]:
    """Rows and columns for `units` cells, none narrower than `narrowest`; rows of equal length where that is close."""
    rows = max(1, -(-units // max(1, int(width / narrowest))))
    rows = next((more for more in range(rows, 2 * rows + 1) if units % more == 0), rows)
    return rows, -(-units // rows)


def strips(units: Sequence[int], box: Rect, scale: float) -> list[tuple[Rect, int, int]]:
    """One (rectangle, rows, columns) a layer, stacked from the top of the box, as tall as the box allows; none if there
    is no room for all of them, as a strip is never lower than a line of text."""
    gap, line, tallest_row = 8 * scale, 13 * scale, 90 * scale
    shapes = [wrap(count, box.width, 5 * scale) for count in units]
    room = box.height - gap * (len(shapes) - 1)
    if room < line * len(shapes):
        return []
    low: set[int] = set()  # those that are a line high, whatever is left for a row
    while True:
        rows = sum(shape[0] for index, shape in enumerate(shapes) if index not in low)
        row_height = min(tallest_row, (room - line * len(low)) / max(1, rows))
        lower = {index for index, shape in enumerate(shapes) if row_height * shape[0] < line} - low
        if not lower:
            break
        low |= lower
    placed, top = [], float(box.top)
    for index, (row_count, columns) in enumerate(shapes):
        height = line if index in low else row_height * row_count
        placed.append((Rect(box.left, round(top), box.width, int(height)), row_count, columns))
        top += height + gap
    return placed


def shown_layers(units: Sequence[int], box: Rect, scale: float) -> tuple[list[int], list[tuple[Rect, int, int]]]:
    """Which layers there is room for, and their strips: the first ones, and always the last."""
    chosen = list(range(len(units)))
    while chosen and not (placed := strips([units[index] for index in chosen], box, scale)):
        del chosen[-2 if len(chosen) > 1 else -1]
    return chosen, placed if chosen else []
