"""Videos of the window."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pygame
import pytest

from agentsim.config.load import Config
from agentsim.loop.clock import Clock
from agentsim.runs.recorded import record
from agentsim.window import video
from tests.agentsim.window.person import Person, key

Make = Callable[..., Config]


def test_video_shows_what_the_frames_showed(tmp_path: Path) -> None:
    """Memory order is blue, green, red, unused: the first pure colours come out as what they were."""
    from PIL import Image

    size = (64, 48)
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    raw = b"".join(bytes([b, g, r, 0]) * (size[0] * size[1]) for r, g, b in colours)
    path = tmp_path / "video.gif"
    assert video.encode(io.BytesIO(raw + b"torn"), path, size) == 3
    with Image.open(path) as gif:
        assert gif.size == size and gif.n_frames == 3
        for frame, colour in enumerate(colours):
            gif.seek(frame)
            assert gif.convert("RGB").getpixel((30, 20)) == colour
            assert gif.info["duration"] == 1000 / video.FRAMES_PER_SECOND


def test_v_records_a_video_into_the_run_directory(
    make_config: Make, tmp_path: Path, virtual_time: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows what passes from one press to the next, give or take a frame; equal frames are shown longer."""
    from PIL import Image

    monkeypatch.setattr(video, "WAITING", 0)  # any number: here only the encoder takes time
    config = make_config(clock={"pacing": "sleep", "tick_hz": 60})
    simulation = record(config, tmp_path / "run", Clock(config.clock, virtual_time))
    pressed: list[int] = []

    def press() -> None:
        pressed.append(virtual_time.now())
        pygame.event.post(key(pygame.K_v, "v"))

    Person(simulation, press, *[None] * 120, press).run()
    (path,) = (tmp_path / "run").glob("video-*.gif")
    with Image.open(path) as gif:
        total = 0
        for frame in range(gif.n_frames):
            gif.seek(frame)
            total += gif.info["duration"]
    passed = (pressed[1] - pressed[0]) / 1e6
    assert passed > 900 and total == pytest.approx(passed, abs=1000 / video.FRAMES_PER_SECOND)
