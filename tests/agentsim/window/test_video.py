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
    """Memory order is blue, green, red, unused: any colour comes out as what it was, for as long as it was shown, in
    frames as large as the first, whatever became of the window."""
    from PIL import Image

    size, path = (64, 48), tmp_path / "video.png"
    colours, times = [(255, 0, 0), (0, 255, 0), (17, 93, 201), (120, 119, 118)], [1, 3, 1, 2]
    sizes = [size, size, (128, 96), size]
    raw = b"".join(
        video.HEAD.pack(*own, shown) + bytes([b, g, r, 0]) * (own[0] * own[1])
        for (r, g, b), shown, own in zip(colours, times, sizes, strict=True)
    )
    assert video.encode(io.BytesIO(raw + b"torn"), path) == 4
    with Image.open(path) as png:
        assert png.size == size and png.n_frames == 4
        for frame, (colour, shown) in enumerate(zip(colours, times, strict=True)):
            png.seek(frame)
            assert png.convert("RGB").getpixel((30, 20)) == colour
            assert png.info["duration"] == 1000 * shown / video.FRAMES_PER_SECOND


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
    (path,) = (tmp_path / "run").glob("video-*.png")
    with Image.open(path) as png:
        total = 0
        for frame in range(png.n_frames):
            png.seek(frame)
            total += png.info["duration"]
    passed = (pressed[1] - pressed[0]) / 1e6
    assert passed > 900 and total == pytest.approx(passed, abs=1000 / video.FRAMES_PER_SECOND)
