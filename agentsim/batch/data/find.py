"""Where a data set lies on this machine.

Looked in is --data-dir if it is given, else the folder that AGENTSIM_DATA names, else agentsim/data in the user's cache
(XDG_CACHE_HOME or ~/.cache) and then ./data, where people let torchvision put things. In each of these FOLDER, a data
set may lie in FOLDER/mnist, in FOLDER/MNIST/raw as torchvision has it, or in FOLDER itself; each of its files gzipped
or unpacked.
"""

from __future__ import annotations

import os
from pathlib import Path

from agentsim.batch.data.catalogue import Entry, File
from agentsim.errors import UserError

VARIABLE = "AGENTSIM_DATA"


def roots(data_dir: Path | None = None) -> list[Path]:
    """The folders to look in; what is fetched goes into the first. Raises UserError if the one asked for is none."""
    named = os.environ.get(VARIABLE)
    for given, what in ((data_dir, "--data-dir"), (named, VARIABLE)):
        if given:
            if not os.path.isdir(folder := _at_home(given)):  # noqa: PTH112  Path.is_dir raises for some names
                raise UserError(f"{what} {given}: there is no such folder; make it, or name another")
            return [folder]
    return [_at_home(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "agentsim" / "data", Path("data")]


def folders(entry: Entry, data_dir: Path | None = None) -> list[Path]:
    """The folders that a data set may lie in, in the order of looking. Raises UserError as `roots` does."""
    inner = (entry.name, f"{entry.torchvision}/raw", ".")
    return [root / name for root in roots(data_dir) for name in inner]


def path_of(file: File, folder: Path) -> Path | None:
    """Where a folder has a file: gzipped, of which most is known, or unpacked; None if it does not."""
    paths = [folder / f"{file.name}.gz", folder / file.name]
    return next((path for path in paths if os.path.isfile(path)), None)  # noqa: PTH113


def folder_of(entry: Entry, data_dir: Path | None = None) -> Path | None:
    """The first folder that has most of the four files; None where there are none. Raises UserError as `roots` does."""
    counts = {
        folder: sum(path_of(file, folder) is not None for file in entry.files) for folder in folders(entry, data_dir)
    }
    best = max(counts, key=lambda folder: counts[folder])
    return best if counts[best] else None


def _at_home(path: str | Path) -> Path:
    """A path, ~ in it replaced where that can be."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  Path.expanduser raises where there is no such user
