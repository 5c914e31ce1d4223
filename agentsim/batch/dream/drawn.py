"""What a net dreams, as a picture, and how it forms, as a film."""

from __future__ import annotations

import io
import math
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agentsim.batch.dream.kept import KeptNet
from agentsim.errors import UserError
from agentsim.system.files import write_whole
from brains.brain import Float
from brains.eqprop.dream import dreaming

STILL, FILMS = (".png",), (".gif", ".mp4")
FRAMES = 60  # of a film, about
FRAMES_PER_SECOND = 20
HELD = 40  # how many frames long the last one is shown
LINE = 0.25  # grey between pictures
SIZE = 480  # pixels that a picture is wide or high, about


def labels_of(text: str, count: int) -> list[int]:
    """The labels that "5" or "all" names, of so many. Raises UserError."""
    if text == "all":
        return [*range(count)]
    if text in map(str, range(count)):
        return [int(text)]
    raise UserError(f"--label {text}: give 0 to {count - 1}, or all")


def check_suffix(out: Path) -> None:
    """Raises UserError for a file that nothing can be drawn into."""
    if out.suffix not in STILL + FILMS:
        raise UserError(f"--out {out}: name it NAME.png, or for a film NAME.gif or NAME.mp4")
    if out.suffix == ".mp4" and shutil.which("ffmpeg") is None:
        raise UserError(f"--out {out}: mp4 needs the program ffmpeg, which is not installed; name it NAME.gif")


def draw(net: KeptNet, labels: Sequence[int], count: int, steps: int, seed: int, out: Path) -> None:
    """Dream `count` times of each label and write the last of it, or all of it, into a file. Raises UserError."""
    chance = np.random.Generator(np.random.SFC64(seed))
    dreams = dreaming(net.pools.of(labels), net.means[labels], count, steps, net.temperature, chance)
    every = max(1, steps // FRAMES) if out.suffix in FILMS else steps
    frames = [canvas(p, net.height, net.width) for p in _some(dreams, every, steps)]
    try:
        write_whole(out, _film(frames) if out.suffix == ".mp4" else _pictures(frames, out.suffix))
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written: {error.strerror or error}; give another one") from error


def _some(dreams: Iterator[Float], every: int, steps: int) -> Iterator[Float]:
    """Every so many steps, and always the last one."""
    return (p for step, p in enumerate(dreams, start=1) if step == steps or step % every == 0)


def canvas(p: Float, height: int, width: int) -> NDArray[np.uint8]:
    """Grey pictures beside each other, of pixels (K, n, height width) of 0 to 1: a row for each label, or nearly a
    square of one label's, with a grey line after each; enlarged, by an even number, which films need."""
    labels, count, _ = p.shape
    columns = count if labels > 1 else math.ceil(math.sqrt(count))
    rows = labels if labels > 1 else math.ceil(count / columns)
    cells = np.zeros((rows * columns, height, width), np.float32)
    cells[: labels * count] = p.reshape(-1, height, width)
    height, width = height + 1, width + 1
    cells = np.pad(cells, ((0, 0), (0, 1), (0, 1)), constant_values=LINE)
    whole = cells.reshape(rows, columns, height, width).transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
    larger = max(2, SIZE // max(whole.shape) // 2 * 2)
    return np.rint(255 * whole).astype(np.uint8).repeat(larger, axis=0).repeat(larger, axis=1)


def _pictures(frames: Sequence[NDArray[np.uint8]], suffix: str) -> bytes:
    from PIL import Image

    first, *others = map(Image.fromarray, frames)
    data = io.BytesIO()
    if suffix == ".gif":
        each = 1000 // FRAMES_PER_SECOND
        durations = [each] * len(others) + [each * HELD]
        first.save(data, format="GIF", save_all=True, append_images=others, duration=durations, loop=0)
    else:
        first.save(data, format="PNG")
    return data.getvalue()


def _film(frames: Sequence[NDArray[np.uint8]]) -> bytes:
    """Raises OSError."""
    height, width = frames[0].shape
    raw = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{width}x{height}", "-r", str(FRAMES_PER_SECOND), "-i", "-"]
    data = b"".join(frame.tobytes() for frame in [*frames, *[frames[-1]] * HELD])
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "film.mp4"
        words = ["ffmpeg", "-v", "error", *raw, "-pix_fmt", "yuv420p", str(made)]
        done = subprocess.run(words, input=data, capture_output=True, check=False)
        if done.returncode:
            raise OSError(f"ffmpeg: {done.stderr.decode(errors='replace').strip()[-200:]}")
        return made.read_bytes()
