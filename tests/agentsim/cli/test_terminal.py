"""The terminal front end: pictures made of characters, and frames that are shed rather than waited for."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from agentsim.cli import terminal
from agentsim.cli.terminal import Painter, character_picture, sparkline
from agentsim.window.display import DISPLAY_VARIABLES


def test_sparkline_is_a_character_a_value_from_low_to_high() -> None:
    assert sparkline([0, 1, None, 0.5, -3, 7], 0, 1) == "▁█ ▅▁█"
    assert sparkline([], 0, 1) == ""


def test_a_small_thing_on_a_large_picture_stays_visible_where_it_is() -> None:
    """A dot of a hundredth of the width, in the 6th of 10 columns and the 3rd of 8 rows (half of row 1)."""
    image = np.full((400, 400, 3), 30, np.uint8)
    image[400 * 2 // 8 + 10 : 400 * 2 // 8 + 14, 400 * 5 // 10 + 8 : 400 * 5 // 10 + 12] = 255
    lines = character_picture(image, 4, 10, colours=False).plain.split("\n")
    assert [len(line) for line in lines] == [10] * 4
    marked = [(row, column) for row, line in enumerate(lines) for column in range(10) if line[column] != " "]
    assert marked == [(1, 5)]


@pytest.mark.parametrize("shape", [(1, 1, 3), (7, 500, 3), (600, 9, 3), (480, 480, 3)])
@pytest.mark.parametrize("colours", [True, False])
def test_pictures_of_any_shape_fill_the_same_characters(shape: tuple[int, ...], colours: bool) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    lines = character_picture(image, 5, 12, colours).plain.split("\n")
    assert [len(line) for line in lines] == [12] * 5


def test_colours_are_those_of_the_picture() -> None:
    """Upper half red, lower half blue, to the 16 levels that are kept: 255 -> 255, 0 -> 0."""
    image = np.zeros((8, 8, 3), np.uint8)
    image[:4, :, 0], image[4:, :, 2] = 255, 255
    (span,) = character_picture(image, 1, 4, colours=True).spans
    assert (span.style.color.triplet, span.style.bgcolor.triplet) == ((255, 0, 0), (0, 0, 255))


class Clock:
    pacing = "sleep"
    slack_ns = 0

    def slack(self) -> int:
        return self.slack_ns


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`begin(ms, ...)`: a painter of frames in parts that take so long, in a simulation at its own time; returns
    tick(ms, slack), which passes time and says how many frames were drawn, the simulation and the painter."""
    time = SimpleNamespace(now=0)
    monkeypatch.setattr(terminal.time, "perf_counter_ns", lambda: time.now)

    def begin(*parts: int) -> tuple[Any, Any, Any]:
        simulation: Any = SimpleNamespace(clock=Clock(), paused=False)

        def slices(_: Any) -> list[Any]:
            def draw(milliseconds: int) -> None:
                time.now += milliseconds * 1_000_000

            return [(f"{k}", partial(draw, part)) for k, part in enumerate(parts)]

        painter = Painter(slices)

        def tick(milliseconds: int, slack: int) -> int:
            time.now += milliseconds * 1_000_000
            simulation.clock.slack_ns = slack * 1_000_000
            painter(simulation)
            return painter.frames["drawn"]

        return tick, simulation, painter

    return begin


def test_at_most_ten_frames_a_second(scene: Any) -> None:
    tick, _, painter = scene(10)
    for _ in range(200):
        tick(5, slack=100)
    assert 5 <= painter.frames["drawn"] <= 13, "in 1 s of ticks and 0.12 s of drawing"


def test_a_frame_that_fits_between_no_two_ticks_is_drawn_in_parts(scene: Any) -> None:
    """18 ms of drawing, and 12 ms left of a tick: ten frames a second all the same."""
    tick, _, painter = scene(6, 6, 6)
    for _ in range(120):
        tick(14, slack=12)
    assert painter.frames["drawn"] >= 15 and painter.frames["shed"] <= 5, painter.frames


def test_a_first_frame_that_is_dear_does_not_hold_up_the_others(scene: Any) -> None:
    """Fonts and modules are loaded once; ten seconds were seen in which a frame a second was drawn for that."""
    tick, _, painter = scene(60)
    tick(10, slack=100)
    painter._slices = lambda _: [("0", lambda: None)]
    before = painter.frames["drawn"]
    for _ in range(400):
        tick(10, slack=9)
    assert painter.frames["drawn"] - before > 20, "in 4 s"


def test_frames_that_do_not_fit_are_shed_and_counted_but_one_a_second_is_drawn(scene: Any) -> None:
    tick, _, painter = scene(10)
    assert tick(1, slack=100) == 1  # its cost is known from here on
    drawn = [tick(5, slack=4) for _ in range(390)]
    assert drawn[150] == 1 and drawn[-1] == 2, "2 s: one frame more"
    assert 15 <= painter.frames["shed"] <= 19, "of the 20 that were due in 1.95 s"


def test_flat_out_there_is_no_slack_and_frames_are_drawn_all_the_same(scene: Any) -> None:
    tick, simulation, painter = scene(10)
    simulation.clock.pacing = "none"
    for _ in range(200):
        tick(5, slack=0)
    assert painter.frames["drawn"] >= 5 and painter.frames["shed"] == 0


def test_keys_of_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a terminal of 80 columns: the hint is whole, space holds still, space goes on, q saves and ends."""
    monkeypatch.chdir(tmp_path)
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in DISPLAY_VARIABLES}
    command = [sys.executable, "-m", "agentsim", "run", "arena", "--brain", "random", "--out", "here"]
    process = subprocess.Popen(command, stdin=child, stdout=child, stderr=child, env={**environment, "TERM": "xterm"})
    os.close(child)
    said = b""

    def until(word: bytes, seconds: float = 30) -> None:
        nonlocal said
        end, start = time.monotonic() + seconds, len(said)
        while word not in said[start:]:
            assert time.monotonic() < end and process.poll() is None, said[-3000:].decode(errors="replace")
            if select.select([parent], [], [], 0.1)[0]:
                said += os.read(parent, 65536)

    until(b"q or Ctrl-C: save and stop")
    os.write(parent, b" ")
    until(b"PAUSED")
    os.write(parent, b" q")
    with contextlib.suppress(OSError):  # the other end is closed
        while select.select([parent], [], [], 20)[0] and (more := os.read(parent, 65536)):
            said += more
    assert process.wait(20) == 0 and b"stopped and saved at tick" in said
    os.close(parent)
