"""Video of the window, written by a process of its own, so that no encoding ever happens beside a tick.

The window hands raw frames to a thread, the thread pipes them to `python -m agentsim.window.video`, and that makes a
GIF of them with Pillow (which comes with matplotlib).
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pygame import Surface

FRAMES_PER_SECOND = 20
LONGEST = 30 * FRAMES_PER_SECOND  # frames; a recording ends by itself then
WIDEST = 640  # pixels of the finished video
WAITING = 8  # frames that may wait for the encoder


class Video:
    """A recording in progress. Frames that the encoder cannot take in time are left out, never waited for."""

    def __init__(self, path: Path):
        self.path = path
        self.size = (0, 0)  # of the first frame; the others have to have it too
        self.frames = 0
        self._next = 0
        self._queue: queue.Queue[tuple[bytes, int]] = queue.Queue(maxsize=WAITING)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write, name="video", daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        """Whether the longest length is reached."""
        return self.frames >= LONGEST

    def due(self, now: int) -> bool:
        """Whether it is time for another frame, `now` in ns."""
        return now >= self._next and not self.full

    def take(self, surface: Surface, now: int) -> None:
        """Take the surface as the picture of this moment: one copy of its memory, nothing else."""
        interval = 1_000_000_000 // FRAMES_PER_SECOND
        if not self.frames:
            self.size, self._next = surface.get_size(), now
        elif surface.get_size() != self.size:
            return  # the window was resized: the picture stands still
        late = min(2 * FRAMES_PER_SECOND, (now - self._next) // interval)  # shown longer, where frames were shed
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait((surface.get_buffer().raw, 1 + late))
            self.frames += 1 + late
            self._next = max(self._next + interval * (late + 1), now + interval // 2)

    def finish(self) -> None:
        """No more frames; the encoder ends by itself when it has written those that it has."""
        self._ended.set()

    def wait(self, seconds: float) -> None:
        """Wait until the file is written, for so many seconds at most."""
        self._thread.join(seconds)

    def _write(self) -> None:
        """Start the encoder at the first frame, feed it until the end, and wait for it."""
        encoder: subprocess.Popen[bytes] | None = None
        while not (self._ended.is_set() and self._queue.empty()):
            try:
                data, times = self._queue.get(timeout=0.1)
            except queue.Empty:
                continue
            if encoder is None:
                command = [sys.executable, "-m", "agentsim.window.video", str(self.path), *map(str, self.size)]
                encoder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            assert encoder.stdin is not None
            with contextlib.suppress(OSError):  # the encoder died: keep taking frames, so that nobody waits
                for _ in range(times):
                    encoder.stdin.write(data)
        if encoder is not None:
            with contextlib.suppress(OSError):
                encoder.communicate()


def encode(source: IO[bytes], path: Path, size: tuple[int, int]) -> int:
    """Read raw 32-bit BGRX frames of `size` until the end and write them as a GIF; the number of frames."""
    from PIL import Image

    width = min(WIDEST, size[0])
    small = (width, round(size[1] * width / size[0]))

    def pictures() -> Iterator[Image.Image]:
        while len(data := source.read(4 * size[0] * size[1])) == 4 * size[0] * size[1]:
            image = Image.frombuffer("RGB", size, data, "raw", "BGRX", 0, 1)
            yield image.resize(small, Image.Resampling.LANCZOS).quantize(64, dither=Image.Dither.NONE)

    frames = list(pictures())
    if frames:
        partial = path.with_suffix(".part")
        frames[0].save(
            partial,
            format="GIF",
            save_all=True,
            append_images=frames[1:],
            duration=1000 // FRAMES_PER_SECOND,
            loop=0,
        )
        partial.replace(path)
    return len(frames)


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(10)  # the simulation comes first
    encode(sys.stdin.buffer, Path(sys.argv[1]), (int(sys.argv[2]), int(sys.argv[3])))
