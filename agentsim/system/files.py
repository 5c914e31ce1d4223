"""Files written whole: whoever reads one sees the old one or the new one, never a part; and whether there is one."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write beside the file that is there and put in its place in one step, so that a crash leaves a whole one.

    Beside it is a new file of a name that nobody can guess. Raises OSError; then the old file is as it was, and nothing
    lies beside it, nor does it after a Ctrl-C. A device or a pipe is written to, not replaced.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with new.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)  # noqa: PTH105
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):  # some file systems cannot sync a directory
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def is_there(path: str | Path) -> bool:
    """Whether there is such a file or folder; not so of a name that no file could have."""
    return os.path.exists(path)  # noqa: PTH110  Path.exists raises for one that is too long
