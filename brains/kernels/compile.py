"""How numba compiles our kernels: one decorator, and a cache that notices every change.

Numba's own cache does not notice a change in a function called from another file, so the folder's name carries a hash
of all numba sources, of where they are (numba looks a kernel up by its path), of Python, of numba and of the CPU. Where
no folder can be written, a private one is made for the life of the process.

A process that compiles a kernel does not run the same bits as one that loads it: a function that two kernels call
exists once for each, optimised differently, and the linker takes another copy. So kernels are compiled in a process of
their own (`compiled_elsewhere`) and always loaded: the first run computes what every later one does.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
from numba import njit, types
from numba.extending import overload

GIVEN = "AGENTSIM_KERNELS"  # names the folder to a process that compiles for another


def cache_folder() -> Path | None:
    """The lasting folder of this version's compiled kernels, or None if it cannot be written."""
    digest = hashlib.blake2b(digest_size=8)
    cpu = f"{llvmlite.binding.get_host_cpu_name()} {llvmlite.binding.get_host_cpu_features().flatten()}"
    digest.update("\n".join([sys.version, version("numba"), cpu, __file__]).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        if not source.name.startswith("reference"):  # torch alone
            digest.update(source.read_bytes())
    try:
        root = Path(os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        folder = root / "agentsim" / f"kernels-{digest.hexdigest()}"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):
        return None


def private_folder() -> Path | None:
    """A folder that lives as long as this process, or None if not even that can be written."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="agentsim-kernels-"))
    except OSError:
        return None
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


FOLDER = Path(os.environ[GIVEN]) if GIVEN in os.environ else cache_folder() or private_folder()

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


def stateful(function: Callable[..., Any]) -> Callable[..., Any]:
    """`jit` for what only networks with a carried state need: `function(op, ...)` does nothing where operations are
    int32, which says that none of them has one. Such networks, the commonest, compile in half the time."""
    compiled = jit(function)

    def choose(*arguments: Any) -> None:
        raise NotImplementedError("only within kernels")

    settings: Any = {key: value for key, value in OPTIONS.items() if key != "cache"}

    @overload(choose, jit_options=settings)
    def implementation(op, *others):  # type: ignore[no-untyped-def]  # numba compares the signatures to the letter
        if op.dtype == types.int32:
            return lambda op, *others: None
        return lambda op, *others: compiled(op, *others)  # noqa: PLW0108  # numba takes no dispatcher for it

    return choose


def compiled_elsewhere(name: str, module: str, *arguments: str) -> None:
    """Have `python -m module arguments` fill the cache, unless it did so before for this `name`.

    If that fails, this process compiles for itself: right, but perhaps not to the last bit what a later one computes.
    """
    if FOLDER is None or GIVEN in os.environ or (FOLDER / name).exists():
        return
    command = [sys.executable, "-m", module, *arguments]
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        command, env={**os.environ, GIVEN: str(FOLDER), "PYTHONPATH": path}, capture_output=True, check=False
    )
    if done.returncode == 0:
        (FOLDER / name).touch()
