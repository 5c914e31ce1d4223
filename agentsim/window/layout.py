"""Where everything goes: plain rectangles, computed from the size of the window and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from pygame import Rect

DESIGN_SIZE = (960, 640)  # every measure below is in pixels of this size, and scales with the window
SMALLEST_SIZE = (240, 160)  # below this the picture is cut off rather than made unreadable
LOW, NARROW = 480, 720  # pixels: below one of these there is room for fewer panels
SMALLEST_SCALE = 0.75
TALLEST = 12  # rows of cells: a layer that has more has lower ones, so that it leaves room for the others


@dataclass(frozen=True)
class Layout:
    """The panels of a window of `size` pixels, None for one that has no room. `scale` is pixels per design pixel."""

    size: tuple[int, int]
    scale: float
    header: Rect
    footer: Rect
    world: Rect
    brain: Rect | None = None
    curves: Rect | None = None
    ticks: Rect | None = None
    pace: Rect | None = None

    def panels(self) -> dict[str, Rect]:
        """Every rectangle that there is, by name."""
        places = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in {"size", "scale"}}
        return {name: place for name, place in places.items() if place is not None}


def arrange(size: tuple[int, int]) -> Layout:
    """World and brain side by side, curves, tick times and pace below, a line of text above and below them all; in a
    low or a narrow window what there is room for, the world first, then the brain, then the curves."""
    width, height = max(size[0], SMALLEST_SIZE[0]), max(size[1], SMALLEST_SIZE[1])
    scale = max(SMALLEST_SCALE, min(width / DESIGN_SIZE[0], height / DESIGN_SIZE[1]))
    margin, gap = round(12 * scale), round(8 * scale)
    header = Rect(margin, 0, width - 2 * margin, round(44 * scale))
    footer = Rect(margin, height - round(28 * scale), width - 2 * margin, round(28 * scale))
    inner = Rect(margin, header.bottom, header.width, footer.top - header.bottom)
    if height < LOW:
        panels = _side_by_side(inner, gap, round(260 * scale))
    elif width < NARROW:
        panels = _one_below_another(inner, gap, round(150 * scale))
    else:
        panels = _in_two_rows(inner, gap, round(184 * scale), round(248 * scale))
    return Layout((width, height), scale, header, footer, **panels)


def _in_two_rows(inner: Rect, gap: int, below: int, pace_width: int) -> dict[str, Rect]:
    above = inner.height - gap - below
    world = Rect(inner.left, inner.top, min(above, round(inner.width * 0.5)), above)
    brain = Rect(world.right + gap, world.top, inner.right - world.right - gap, above)
    top = world.bottom + gap
    ticks_width = round((inner.width - pace_width) * 0.36)
    curves = Rect(inner.left, top, inner.width - pace_width - ticks_width - 2 * gap, below)
    ticks = Rect(curves.right + gap, top, ticks_width, below)
    return {
        "world": world,
        "brain": brain,
        "curves": curves,
        "ticks": ticks,
        "pace": Rect(ticks.right + gap, top, pace_width, below),
    }


def _side_by_side(inner: Rect, gap: int, least: int) -> dict[str, Rect]:
    """The world as a square at the left, and beside it as many of the others as are wide enough."""
    others = [name for name in ("brain", "curves") if inner.width >= inner.height + gap + least]
    if inner.width < inner.height + 2 * (gap + least):
        others = others[:1]
    world = Rect(inner.left, inner.top, inner.height if others else inner.width, inner.height)
    width = (inner.right - world.right - gap * len(others)) // max(1, len(others))
    places = {
        name: Rect(world.right + gap + k * (width + gap), inner.top, width, inner.height)
        for k, name in enumerate(others)
    }
    return {"world": world, **places}


def _one_below_another(inner: Rect, gap: int, least: int) -> dict[str, Rect]:
    """The world on top, and below it as many of the others as are high enough."""
    tall = max(least, min(inner.width, inner.height // 2))
    world = Rect(inner.left, inner.top, inner.width, tall)
    left = inner.bottom - world.bottom - gap
    brain = Rect(inner.left, world.bottom + gap, inner.width, left)
    if left < 2 * least + gap:
        return {"world": world, "brain": brain}
    brain.height = left - least - gap
    return {
        "world": world,
        "brain": brain,
        "curves": Rect(inner.left, brain.bottom + gap, inner.width, least),
    }


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
        rows = sum(min(shape[0], TALLEST) for index, shape in enumerate(shapes) if index not in low)
        row_height = min(tallest_row, (room - line * len(low)) / max(1, rows))
        lower = {index for index, shape in enumerate(shapes) if row_height * min(shape[0], TALLEST) < line} - low
        if not lower:
            break
        low |= lower
    placed, top = [], float(box.top)
    for index, (row_count, columns) in enumerate(shapes):
        height = line if index in low else row_height * min(row_count, TALLEST)
        placed.append((Rect(box.left, round(top), box.width, int(height)), row_count, columns))
        top += height + gap
    return placed


def shown_layers(units: Sequence[int], box: Rect, scale: float) -> tuple[list[int], list[tuple[Rect, int, int]]]:
    """Which layers there is room for, and their strips: the first ones, and always the last."""
    chosen = list(range(len(units)))
    while chosen and not (placed := strips([units[index] for index in chosen], box, scale)):
        del chosen[-2 if len(chosen) > 1 else -1]
    return chosen, placed if chosen else []
