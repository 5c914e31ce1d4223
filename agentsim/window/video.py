"""Video of the window, written by a process of its own, so that no encoding ever happens beside a tick.

The window hands raw frames to a thread, the thread pipes them to `python -m agentsim.window.video`, and that makes an
animated PNG of them, in all its colours, with Pillow (which comes with matplotlib). Browsers show it.
"""

from __future__ import annotations

import contextlib
import os
import queue
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pygame import Surface

FRAMES_PER_SECOND = 20
LONGEST = 30 * FRAMES_PER_SECOND  # frames; a recording ends by itself then
WIDEST = 640  # pixels of the finished video
HEAD = struct.Struct("<iii")  # before each frame: width, height, how often it is shown
WAITING = 8  # frames that may wait for the encoder


class Video:
    """A recording in progress. Frames that the encoder cannot take in time are left out, never waited for."""

    def __init__(self, path: Path):
        self.path = path
        self.frames = 0
        self._next = 0
        self._queue: queue.Queue[tuple[bytes, tuple[int, int], int]] = queue.Queue(maxsize=WAITING)
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
            self._next = now
        late = min(2 * FRAMES_PER_SECOND, (now - self._next) // interval)  # shown longer, where frames were shed
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait((surface.get_buffer().raw, surface.get_size(), 1 + late))
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
                data, size, times = self._queue.get(timeout=0.1)
            except queue.Empty:
                continue
            if encoder is None:
                command = [sys.executable, "-m", "agentsim.window.video", str(self.path)]
                encoder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            assert encoder.stdin is not None
            with contextlib.suppress(OSError):  # the encoder died: keep taking frames, so that nobody waits
                encoder.stdin.write(HEAD.pack(*size, times) + data)
        if encoder is not None:
            with contextlib.suppress(OSError):
                encoder.communicate()


def encode(source: IO[bytes], path: Path) -> int:
    """Read frames until the end, each (width, height, how often it is shown) and raw 32-bit BGRX, and write them as an
    animated PNG of the first one's proportions. Returns how many there were."""
    from PIL import Image

    pictures: list[Image.Image] = []
    times: list[int] = []
    while len(head := source.read(HEAD.size)) == HEAD.size:
        width, height, shown = HEAD.unpack(head)
        if len(data := source.read(4 * width * height)) < 4 * width * height:
            break
        image = Image.frombuffer("RGB", (width, height), data, "raw", "BGRX", 0, 1)
        narrow = min(WIDEST, width)
        small = pictures[0].size if pictures else (narrow, max(1, round(height * narrow / width)))
        pictures.append(image.resize(small, Image.Resampling.LANCZOS))
        times.append(shown * 1000 // FRAMES_PER_SECOND)
    if pictures:
        partial, more = path.with_suffix(".part"), {"append_images": pictures[1:], "save_all": True}
        pictures[0].save(partial, format="PNG", duration=times, loop=0, compress_level=3, **more)
        partial.replace(path)
    return len(pictures)


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(10)  # the simulation comes first
    encode(sys.stdin.buffer, Path(sys.argv[1]))
