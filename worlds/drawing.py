"""Pictures of the worlds here: numpy only, no display; and a pygame window for render_mode "human"."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from worlds.kernels.layout import AGENT_X, AGENT_Y, CHASE, TARGET_X, TARGET_Y, TASK, TOUCH

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

BACKGROUND: Colour = (15, 18, 26)
GRID: Colour = (36, 42, 56)
AGENT: Colour = (94, 176, 255)
FACE: Colour = (235, 244, 255)
TARGET: dict[bool, Colour] = {True: (112, 220, 140), False: (255, 94, 94)}  # prey, hunter
DIRECTIONS = ((0.0, 1.0), (0.0, -1.0), (-1.0, 0.0), (1.0, 0.0))
TRAIL_TICKS = 28
FLASH_TICKS = 24


@lru_cache(maxsize=4)
def background(size: int) -> Image:
    """(size, size, 3): dark, a grid line every tenth, a little darker toward the corners."""
    pixel = np.arange(size) + 0.5
    from_line = np.abs((pixel / size * 10 + 0.5) % 1 - 0.5) * size / 10
    line = np.clip(1.0 - from_line, 0, 1)
    grid = np.maximum(line[:, None], line[None, :])[..., None]
    centred = pixel / size - 0.5
    shade = 1.0 - 0.5 * (centred[:, None] ** 2 + centred[None, :] ** 2)[..., None]
    image: Image = ((np.array(BACKGROUND) * (1 - grid) + np.array(GRID) * grid) * shade).astype(np.uint8)
    image.setflags(write=False)
    return image


class Canvas:
    """A square image that anti-aliased shapes are blended onto; shapes that leave it come in again on a torus.

    Coordinates and lengths are in world widths, y up.
    """

    def __init__(self, size: int, torus: bool) -> None:
        self.size, self.torus = size, torus
        self.image = background(size).copy()

    def segment(
        self, x: float, y: float, dx: float, dy: float, radius: float, colour: Colour, alpha: float = 1.0
    ) -> None:
        """A line from (x, y) to (x + dx, y + dy) with round ends; a disc where dx = dy = 0."""
        index, across, down = self._patch(x + dx / 2, y + dy / 2, radius + (abs(dx) + abs(dy)) / 2)
        px, py = across + dx / 2 * self.size, down - dy / 2 * self.size  # seen from the start of the line
        ax, ay = dx * self.size, -dy * self.size
        along = np.clip((px * ax + py * ay) / (ax * ax + ay * ay or 1.0), 0, 1)
        self._blend(
            index, np.clip(radius * self.size + 0.5 - np.hypot(px - along * ax, py - along * ay), 0, 1), colour, alpha
        )

    def ring(self, x: float, y: float, radius: float, width: float, colour: Colour, alpha: float) -> None:
        """A circle drawn with a line `width` pixels wide."""
        index, across, down = self._patch(x, y, radius + width / self.size)
        coverage = np.clip(width / 2 + 0.5 - np.abs(np.hypot(across, down) - radius * self.size), 0, 1)
        self._blend(index, coverage, colour, alpha)

    def glow(self, x: float, y: float, radius: float, colour: Colour, alpha: float) -> None:
        """A soft light that fades to nothing at `radius`."""
        index, across, down = self._patch(x, y, radius)
        near = np.clip(1.0 - (across**2 + down**2) / (radius * self.size) ** 2, 0, 1)
        self._blend(index, near * near, colour, alpha)

    def border(self, colour: Colour) -> None:
        """A frame around the world."""
        width = max(1, self.size // 240)
        for edge in (np.s_[:width], np.s_[-width:], np.s_[:, :width], np.s_[:, -width:]):
            self.image[edge] = colour

    def _patch(self, x: float, y: float, reach: float) -> tuple[Any, NDArray[np.float32], NDArray[np.float32]]:
        """Index of the pixels within `reach` of (x, y), and their offsets from it, pixels, across and down."""
        lines = []
        for centre in (x * self.size, (1.0 - y) * self.size):
            line = np.arange(int(centre - reach * self.size) - 2, int(centre + reach * self.size) + 3)
            if not self.torus:
                line = line[(line >= 0) & (line < self.size)]
            lines.append((line % self.size, (line + (0.5 - centre)).astype(np.float32)))
        (columns, across), (rows, down) = lines
        if rows.size and columns.size and rows[0] <= rows[-1] and columns[0] <= columns[-1]:  # comes in nowhere again
            return np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], across[None, :], down[:, None]
        return np.ix_(rows, columns), across[None, :], down[:, None]

    def _blend(self, index: Any, coverage: NDArray[np.floating[Any]], colour: Colour, alpha: float) -> None:
        patch = self.image[index]
        change = (np.array(colour, np.float32) - patch) * (coverage * np.float32(alpha))[..., None]
        self.image[index] = (patch + change).astype(np.uint8)


def check_size(size: int) -> None:
    """Raise ValueError for a picture that is too small to show anything."""
    if size < 16:
        raise ValueError(f"render_size: {size} pixels are too few, at least 16")


def draw_trail(canvas: Canvas, trail: Iterable[tuple[float, float]], colour: Colour) -> None:
    """Where someone was in the last ticks, the oldest first."""
    places = list(trail)
    for age, (x, y) in enumerate(places, start=1 - len(places)):
        fresh = 1.0 + age / TRAIL_TICKS
        canvas.segment(x, y, 0, 0, 0.002 + 0.005 * fresh, colour, 0.45 * fresh)


def draw_target(canvas: Canvas, x: float, y: float, colour: Colour, *, touch: bool) -> None:
    """Someone to catch or to flee from, with a ring where touching it begins."""
    canvas.glow(x, y, 0.08, colour, 0.28)
    if touch:
        canvas.ring(x, y, TOUCH, 1.2, colour, 0.45)
    canvas.segment(x, y, 0, 0, 0.018, colour)


def draw_flash(canvas: Canvas, x: float, y: float, colour: Colour, left: float) -> None:
    """A catch or a touch; `left`: how much of its time is left, from 1 to 0."""
    canvas.glow(x, y, 0.14, colour, 0.6 * left)
    canvas.ring(x, y, 0.03 + 0.09 * (1 - left), 3.0, colour, left)


def draw_agent(canvas: Canvas, x: float, y: float, direction: tuple[float, float], colour: Colour) -> None:
    """Someone who acts, with a face in the direction of the last step."""
    across, up = direction
    canvas.glow(x, y, 0.06, colour, 0.3)
    canvas.segment(x, y, 0, 0, 0.021, colour)
    canvas.segment(x + 0.007 * across, y + 0.007 * up, 0.012 * across, 0.012 * up, 0.0055, FACE)


class Drawn:
    """What a world does with its `_painter` and, in mode "human", its `_window`; both are None without a mode."""

    _painter: Any = None
    _window: Window | None = None

    @property
    def _present(self) -> NDArray[np.float64]:
        """What the painter makes a frame of."""
        raise NotImplementedError

    def render(self) -> Image | None:
        """(render_size, render_size, 3) uint8 in mode "rgb_array"; None in mode "human", which draws by itself."""
        if self._painter is None:
            gymnasium.logger.warn('render() needs a mode: gymnasium.make(..., render_mode="rgb_array")')
            return None
        return None if self._window else self._painter.frame(self._present)

    def _show(self) -> None:
        if self._window and self._painter:
            self._window.show(self._painter.frame(self._present))

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window:
            self._window.close()


class Painter:
    """Draws a world's present, and what a picture needs of its past: the trail, the direction, the last event."""

    def __init__(self, size: int, classic: bool) -> None:
        check_size(size)
        self.size, self.classic = size, classic
        self.clear()

    def clear(self) -> None:
        """Forget the past."""
        self._trail: deque[tuple[float, float]] = deque(maxlen=TRAIL_TICKS)
        self._direction = DIRECTIONS[0]
        self._flash = 0

    def note(self, state: NDArray[np.float64], happened: bool, action: int) -> None:
        """Remember a tick: the lane's `state`, whether there was a catch or a touch, and the action taken."""
        self._trail.append((float(state[AGENT_X]), float(state[AGENT_Y])))
        self._direction = DIRECTIONS[action]
        self._flash = FLASH_TICKS if happened else max(0, self._flash - 1)

    def frame(self, state: NDArray[np.float64]) -> Image:
        """(size, size, 3) uint8."""
        canvas = Canvas(self.size, torus=not self.classic)
        chase = bool(state[TASK] == CHASE)
        colour = TARGET[chase]
        (agent_x, agent_y), (x, y) = state[[AGENT_X, AGENT_Y]].tolist(), state[[TARGET_X, TARGET_Y]].tolist()
        draw_trail(canvas, self._trail, AGENT)
        draw_target(canvas, x, y, colour, touch=not self.classic)
        if not chase:
            canvas.segment(x, y, 0, 0, 0.007, BACKGROUND)
        if self._flash:
            draw_flash(canvas, agent_x, agent_y, colour, self._flash / FLASH_TICKS)
        draw_agent(canvas, agent_x, agent_y, self._direction, AGENT)
        canvas.border(colour)
        return canvas.image


class EvadePainter:
    """Draws chasers and evaders, each with its trail and direction, and the last catches."""

    def __init__(self, size: int, chasers: int) -> None:
        check_size(size)
        self.size, self.chasers = size, chasers
        self.clear()

    def clear(self) -> None:
        """Forget the past."""
        self._past: deque[list[tuple[float, float]]] = deque(maxlen=TRAIL_TICKS)
        self._directions: list[tuple[float, float]] = []
        self._flashes = np.zeros(self.chasers, int)

    def note(self, places: NDArray[np.float64], actions: NDArray[np.int64], caught: NDArray[np.bool_]) -> None:
        """Remember a tick: places (agents, 2), the actions taken (agents,), which chasers caught someone (chasers,)."""
        self._past.append([(x, y) for x, y in places.tolist()])
        self._directions = [DIRECTIONS[action] for action in actions.tolist()]
        self._flashes = np.where(caught, FLASH_TICKS, np.maximum(0, self._flashes - 1))

    def frame(self, places: NDArray[np.float64]) -> Image:
        """(size, size, 3) uint8."""
        canvas = Canvas(self.size, torus=True)
        directions = self._directions or [DIRECTIONS[0]] * len(places)
        for agent, (x, y) in enumerate(places.tolist()):
            chases = agent < self.chasers
            colour = AGENT if chases else TARGET[True]
            draw_trail(canvas, (past[agent] for past in self._past), colour)
            if chases and self._flashes[agent]:
                draw_flash(canvas, x, y, TARGET[True], self._flashes[agent] / FLASH_TICKS)
            if not chases:
                canvas.ring(x, y, TOUCH, 1.2, colour, 0.45)
            draw_agent(canvas, x, y, directions[agent], colour)
        canvas.border(AGENT)
        return canvas.image


class Window:
    """A pygame window that shows frames at a steady rate; opened by the first frame."""

    def __init__(self, frames_per_second: int) -> None:
        self._period = 1.0 / frames_per_second
        self._screen: Any = None
        self._due = 0.0

    def show(self, frame: Image) -> None:
        """Show a frame, then wait until the next one is due."""
        import pygame

        if self._screen is None:
            pygame.display.init()
            pygame.display.set_caption("agentsim")
            self._screen = pygame.display.set_mode(frame.shape[1::-1])
        pygame.event.pump()
        pygame.surfarray.blit_array(self._screen, frame.swapaxes(0, 1))
        pygame.display.flip()
        self._due = max(self._due + self._period, time.monotonic())
        time.sleep(max(0.0, self._due - time.monotonic()))

    def close(self) -> None:
        """Close the window; a later frame opens it again."""
        if self._screen is not None:
            import pygame

            pygame.display.quit()
            self._screen = None
