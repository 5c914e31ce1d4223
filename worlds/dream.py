"""agentsim/Dream-v0: a canvas that is painted tick by tick, and a picture book beside it; one lane and many."""

from __future__ import annotations

import math
from collections import deque
from functools import cache
from typing import Any, ClassVar, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from numpy.typing import NDArray

from agentsim.compiled.random import pack, unpack
from worlds.drawing import AGENT, BACKGROUND, GRID, TARGET, Colour, Drawn, Image, Window, check_size
from worlds.lanes import check_entries

Pixels = NDArray[np.float32]
Info = dict[str, Any]

LABELS = 10
ANY = LABELS  # the task of whatever label comes
BOOK_SIDE = 8  # pixels that a side of the book's pictures has
PAGES = 1_437  # of scikit-learn's 1,797 digits; the last 360 are never shown, for whoever asks what was learned
STRIDE = 577  # from one page to the next: every page comes once before the first one comes again
PEN = 1.25  # pixels from the middle of a stroke to where there is no ink
SLOTS = 4  # pictures below each other beside the canvas: the book's, and the last dreams
PEN_COLOUR: Colour = (255, 176, 92)
PAPER: Colour = (240, 244, 250)


@cache
def book() -> tuple[Pixels, NDArray[np.int64]]:
    """The digits that are shown, (PAGES, 64) of 0 to 1, and their labels."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return (found.data[:PAGES] / 16).astype(np.float32), found.target[:PAGES].astype(np.int64)


class Dream(Drawn, gymnasium.Env[Pixels, Pixels]):
    """A canvas of `size` x `size` pixels, D in all, that whoever lives here paints, looking at digits meanwhile.

    A dream lasts `ticks` ticks: it begins on a black canvas, and in each of them the canvas becomes what is painted.
    Then it rests for `rest` ticks, in which nothing that is painted counts, and the next dream begins. A person may
    draw: those pixels stay as they are, and the dream begins anew. On every tick another page of the book is shown, one
    of scikit-learn's handwritten digits, from a random one on; in a canvas of another size than theirs, 8, the book is
    empty.

    ## Tasks
    "0" to "9": dream of that digit. "any": of one that is drawn anew for each dream, or, if there is a drawing, of
    whatever it may be: then no label is asked for.

    ## Action space
    `Box(0, 1, (D,))`: every pixel of the canvas, row by row from the top, 1 is white.

    ## Observation space
    `Box(0, 1, (3 D + 21,))` float32.

    | index | observation |
    |---|---|
    | 0 to D - 1 | the canvas, with what a person drew |
    | to 2 D - 1 | 1 where a person drew |
    | to 2 D + 9 | the label that is asked for, one-hot; all 0: none |
    | 2 D + 10 | the age of the dream: 0 when it begins, 1 while it rests |
    | to 3 D + 10 | the page that is shown |
    | to 3 D + 20 | its label, one-hot; all 0: an empty page |

    ## Reward
    None: always 0.

    ## Episode
    Starts with a new dream and no drawing. Never terminates and never truncates by itself.

    ## Info
    `task` (int); `events`: {"dreams": how many were finished in this tick}.

    Args:
        task: the task to start with, "0" to "9" or "any".
        size: pixels of a side.
        ticks: how long a dream lasts.
        rest: for how many ticks it is looked at.
        render_mode: "rgb_array", "human" (pygame) or None.
        render_size: height of a frame in pixels; it is a quarter wider: at the right the page, framed in green, and
            the last dreams.

    Raises:
        ValueError: an option or an action is not one of the above.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["human", "rgb_array"], "render_fps": 60}  # type: ignore[misc]
    tasks = (*map(str, range(LABELS)), "any")

    def __init__(
        self,
        task: str = "any",
        size: int = BOOK_SIDE,
        ticks: int = 200,
        rest: int = 60,
        render_mode: str | None = None,
        render_size: int = 480,
    ) -> None:
        if str(task) not in self.tasks:
            raise ValueError(f"task: {task!r} is not one of {', '.join(self.tasks)}")
        for name, value, least in (("size", size, 2), ("ticks", ticks, 1), ("rest", rest, 1)):
            if value != int(value) or value < least:
                raise ValueError(f"{name}: {value} is not a whole number of {least} or more")
        self.task, self.size, self.ticks, self.rest = self.tasks.index(str(task)), size, ticks, rest
        count = size * size
        self.observation_space = cast("spaces.Space[Pixels]", spaces.Box(0.0, 1.0, (3 * count + 2 * LABELS + 1,)))
        self.action_space = cast("spaces.Space[Pixels]", spaces.Box(0.0, 1.0, (count,)))
        self.canvas, self.ink = np.zeros((2, count), np.float32)
        self.age, self.label, self.page = 0, 0, 0
        self.render_mode = render_mode
        self._painter = _Painter(render_size, size) if render_mode else None
        self._window = Window(self.metadata["render_fps"]) if render_mode == "human" else None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Pixels, Info]:
        """Begin a dream of the task in force, with nothing drawn."""
        super().reset(seed=seed)
        self.ink[:] = 0
        self._begin()
        self.page = int(self.np_random.integers(PAGES))
        if self._painter:
            self._painter.past.clear()
            self._show()
        return self.observe()

    def step(self, action: Pixels) -> tuple[Pixels, float, bool, bool, Info]:
        """One tick. Returns the observation, 0, False, False and info of the tables above."""
        painted = np.asarray(action, np.float32)
        if painted.shape != self.canvas.shape or not ((painted >= 0) & (painted <= 1)).all():
            raise ValueError(f"action: {painted.shape} numbers, not {self.canvas.shape} of 0 to 1")
        if self._np_random is None:
            raise gymnasium.error.ResetNeeded("call env.reset() before env.step()")
        if self.age < self.ticks:
            self.canvas = np.where(self.ink > 0, self.ink, painted)
        self.age += 1
        finished = self.age == self.ticks
        if self.age == self.ticks + self.rest:
            self._begin()
        self.page = (self.page + STRIDE) % PAGES
        if self._painter:
            if finished:
                self._painter.past.appendleft(self.canvas)
            self._show()
        observation, info = self.observe()
        info["events"]["dreams"] = int(finished)
        return observation, 0.0, False, False, info

    def observe(self) -> tuple[Pixels, Info]:
        """The present observation and info, with no events: what to look at after switch_task or draw."""
        asked, named = np.zeros((2, LABELS), np.float32)
        asked[self.label : self.label + 1] = self.task != ANY or not self.ink.any()
        shown = self._shown
        named[book()[1][self.page : self.page + 1] if self.size == BOOK_SIDE else []] = 1
        age = np.array([min(1.0, self.age / self.ticks)], np.float32)
        seen = np.concatenate([self.canvas, self.ink > 0, asked, age, shown, named], dtype=np.float32)
        return seen, {"task": self.task, "events": {"dreams": 0}}

    def switch_task(self, task: int) -> None:
        """Begin a dream of another label; it stays in force through resets, and a drawing stays too."""
        if not 0 <= task < len(self.tasks):
            raise ValueError(f"task: {task} is not one of 0 to {ANY}")
        self.task = int(task)
        self._begin()

    def draw(self, x: float, y: float, to_x: float, to_y: float) -> None:
        """Draw a line of white ink, in shares of the picture from its lower left corner, and begin the dream anew."""
        ends = np.array([[x, y], [to_x, to_y]])
        if not np.isfinite(ends).all():
            raise ValueError(f"draw: ({x}, {y}) to ({to_x}, {to_y}) is no line")
        (start, end) = (ends * [1 + 1 / SLOTS, -1] + [0, 1]) * self.size  # in pixels from the upper left corner
        middles = np.arange(self.size) + 0.5
        offsets = np.stack(np.meshgrid(middles, middles), axis=-1) - start  # (row, column, x and y)
        way = end - start
        along = np.clip(offsets @ way / (way @ way or 1.0), 0, 1)[..., None]
        distance = np.linalg.norm(offsets - along * way, axis=-1).ravel()
        self.ink = np.maximum(self.ink, np.clip(2 * (1 - distance / PEN), 0, 1).astype(np.float32))
        self._begin()

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Everything that the future depends on."""
        counts = np.array([self.task, self.age, self.label, self.page])
        return {
            "canvas": self.canvas.copy(),
            "ink": self.ink.copy(),
            "counts": counts,
            "generator": pack(self.np_random),
        }

    def set_state(self, state: dict[str, NDArray[Any]]) -> None:
        """Inverse of get_state. Raises ValueError, naming the entry, where one does not fit."""
        check_entries(state, self.get_state())
        most = np.array([ANY, self.ticks + self.rest - 1, LABELS - 1, PAGES - 1])
        for name, limit in (("canvas", 1.0), ("ink", 1.0), ("counts", most)):
            if not ((state[name] >= 0) & (state[name] <= limit)).all():  # not so for NaN
                raise ValueError(f"world state: {name!r} is damaged, or of another world")
        self.canvas, self.ink = state["canvas"].copy(), state["ink"].copy()
        self.task, self.age, self.label, self.page = state["counts"].tolist()
        self.np_random = unpack(state["generator"])
        if self._painter:
            self._painter.past.clear()

    def _begin(self) -> None:
        """A new dream, of the label that is asked for."""
        self.age, self.canvas = 0, self.ink.copy()
        self.label = int(self.np_random.integers(LABELS)) if self.task == ANY else self.task

    @property
    def _shown(self) -> Pixels:
        return book()[0][self.page] if self.size == BOOK_SIDE else np.zeros_like(self.canvas)

    @property
    def _present(self) -> NDArray[np.float64]:
        return np.array([self.canvas, self.ink > 0, self._shown], np.float64)


class DreamVector(SyncVectorEnv):
    """Many lanes of Dream, one after another: after reset(seed=s) lane i is the single world after reset(seed=s + i).

    Options are those of Dream, and `max_episode_steps`, after which a lane is truncated and reset in the same step.
    """

    tasks = Dream.tasks

    def __init__(self, num_envs: int = 1, max_episode_steps: int | None = None, **options: Any) -> None:
        def make() -> gymnasium.Env[Pixels, Pixels]:
            lane = Dream(**options)
            return gymnasium.wrappers.TimeLimit(lane, max_episode_steps) if max_episode_steps else lane

        super().__init__([make] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP)


class _Painter:
    """Draws the canvas, what a person drew in colour, and at the right the page and the `past` dreams, newest first."""

    def __init__(self, height: int, side: int) -> None:
        check_size(height)
        self.height, self.side = height, side
        self._empty = np.full((height, height + height // SLOTS, 3), BACKGROUND, np.uint8)
        self.past: deque[Pixels] = deque(maxlen=SLOTS - 1)

    def frame(self, present: NDArray[np.float64]) -> Image:
        """(height, 5/4 height, 3) uint8, of canvas, where a person drew, and page, (3, D)."""
        canvas, drawn, page = present
        slot, gap = self.height // SLOTS, self.height // 60
        image = self._empty.copy()
        colours = np.where(drawn[:, None] > 0, PEN_COLOUR, PAPER)
        self._picture(image[:, : self.height], canvas, colours, AGENT)
        for place, pixels in enumerate([page, *self.past]):
            top = place * (slot + gap // SLOTS)
            box = image[top : top + slot - gap, self.height + gap :]
            if place or pixels.any():
                self._picture(box, pixels, np.array([PAPER]), GRID if place else TARGET[True])
        return image

    def _picture(self, box: Image, pixels: NDArray[Any], colours: NDArray[Any], frame: Colour) -> None:
        """Pixels (D,) of 0 to 1 as squares in colours (D, 3) or (1, 3), in a frame, into a part of the image."""
        shades = np.array(BACKGROUND) + pixels[:, None] * (colours - BACKGROUND)
        places = np.arange(len(box)) * self.side // len(box)
        box[:] = shades.astype(np.uint8).reshape(self.side, self.side, 3).take(places, 1).take(places, 0)
        if (each := len(box) / self.side) > 12:  # room for lines between pixels
            edges = (np.arange(1, self.side) * each).astype(int)
            box[edges], box[:, edges] = BACKGROUND, BACKGROUND
        width = math.ceil(len(box) / 240)
        for edge in (np.s_[:width], np.s_[-width:], np.s_[:, :width], np.s_[:, -width:]):
            box[edge] = frame
