"""Whether a file is what it is said to be, wherever it comes from."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agentsim.batch.data import idx
from agentsim.batch.data.catalogue import CATALOGUE, Entry, File
from agentsim.batch.data.find import folder_of, folders, path_of

GZIP = b"\x1f\x8b"  # what a gzipped file begins with
WHOLE = "as published"
UNSEALED = "the right shape, checksum not known"


@dataclass(frozen=True, eq=False)
class Checked:
    """A file of a data set: where it is, what it holds, None if that is not right, and in words what was found."""

    file: File
    path: Path | None
    array: NDArray[np.uint8] | None
    words: str


def check(entry: Entry, data_dir: Path | None = None) -> list[Checked]:
    """What there is of a data set, file by file. Raises UserError where data_dir or AGENTSIM_DATA is no folder."""
    folder = folder_of(entry, data_dir)
    return [check_file(file, folder and path_of(file, folder)) for file in entry.files]


def check_file(file: File, path: Path | None) -> Checked:
    """Read and check a file on disk."""
    if path is None:
        return Checked(file, None, None, "is missing")
    try:
        content = path.read_bytes()
        array = contents(file, content)
    except OSError as error:
        return Checked(file, path, None, f"cannot be read: {error.strerror}")
    except ValueError as error:
        return Checked(file, path, None, str(error))
    return Checked(file, path, array, WHOLE if file.md5 or is_published(file, content) else UNSEALED)


def contents(file: File, content: bytes) -> NDArray[np.uint8]:
    """The array in a file, gzipped or not, of which it is verified what is known. Raises ValueError, saying what is
    wrong."""
    data = unpacked(content)
    array = idx.parse(data, len(file.shape))
    if array.shape != file.shape:
        raise ValueError(f"is {_by(array.shape)} bytes, not {_by(file.shape)}")
    digest = _digest("md5", data)
    if file.md5 and digest != file.md5:
        raise ValueError(f"has the md5 {digest} unpacked, not {file.md5}: it is damaged, or other data")
    for entry in CATALOGUE.values():  # files of all sets have the same names
        if digest in {other.md5 for other in entry.files if other != file}:
            raise ValueError(f"is of {entry.title}")
    return array


def unpacked(content: bytes) -> bytes:
    """The bytes in a gzipped file; those of any other as they are. Raises ValueError where they cannot be had."""
    if not content.startswith(GZIP):
        return content
    try:
        return gzip.decompress(content)
    except EOFError:
        raise ValueError("is truncated: its gzip stream has no end") from None
    except (OSError, zlib.error) as error:
        raise ValueError(f"cannot be unpacked: {error}") from None


def is_published(file: File, content: bytes) -> bool:
    """Whether these are the bytes of the .gz file as the mirrors have it."""
    md5 = file.gz_md5 is None or _digest("md5", content) == file.gz_md5
    return md5 and _digest("sha256", content) == file.gz_sha256


def problem(entry: Entry, found: list[Checked], data_dir: Path | None = None) -> str | None:
    """What is wrong with a data set and what to do about it, in one line; None if nothing is."""
    wrong = [each for each in found if each.array is None]
    if not wrong:
        return None
    if all(each.path is None for each in found):
        looked = ", ".join(str(folder) for folder in folders(entry, data_dir))
        what = f"{entry.title} is in none of {looked}"
    else:
        what = f"{wrong[0].path or wrong[0].file.name} {wrong[0].words}"
        what += f" (and {len(wrong) - 1} more of {entry.title} not right)" if wrong[1:] else ""
    option = f" --data-dir {data_dir}" if data_dir else ""
    return f"{what}; `agentsim data fetch {entry.name}{option}` fetches it"


def _digest(algorithm: str, data: bytes) -> str:
    return hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(f"{size:,}" for size in shape)
