"""How numba compiles our kernels: one decorator, and a cache that notices every change.

Numba's own cache does not notice a change in a function called from another file, so the folder's name carries a hash
of all kernel sources and numba's version. Where no folder can be written, kernels are compiled anew in every process.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numba
from numba import njit


def cache_folder() -> Path | None:
    """The writable folder of this version's compiled kernels, or None."""
    digest = hashlib.blake2b(version("numba").encode(), digest_size=8)
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    try:
        root = Path(os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        folder = root / "agentsim" / f"kernels-{digest.hexdigest()}"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):
        return None


FOLDER = cache_folder()

# Never fastmath=True: its nnan and ninf delete every test for a finite value, and with them the guards.
OPTIONS: dict[str, Any] = {
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "arcp", "nsz", "afn"},
    "nogil": True,
    "cache": FOLDER is not None,
}


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` on its first call, with our options and our cache folder."""
    settings: Any = numba.config
    before, settings.CACHE_DIR = settings.CACHE_DIR, str(FOLDER or "")
    try:
        return njit(**OPTIONS)(function)
    finally:
        settings.CACHE_DIR = before
