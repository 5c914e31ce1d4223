"""The kernels that are compiled already: one file of object code each, found by name, checked, and loaded.

The file's name holds a digest of every source that the kernel reaches, of the versions of Python, numba and llvmlite,
and of the CPU that is compiled for (NUMBA_CPU_NAME and NUMBA_CPU_FEATURES, where set). It does not depend on where
the sources lie: every checkout of the same sources shares it. Its content ends in a checksum; a file that is torn or
foreign counts as missing.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import hashlib
import os
import shutil
import sys
import tempfile
import time
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from numpy.typing import NDArray

from agentsim.compiled import reach, target

FOLDER = "AGENTSIM_KERNELS"  # in the environment: the folder, as given to processes that compile for this one
CHECKSUM = 16  # bytes
A_DAY = 86_400  # seconds
KEPT_DAYS = 60  # since it was last used

_UNUSED = (ctypes.c_int64 * 8)()  # where numba's convention would put a result and an exception
_loaded: dict[str, tuple[int, Any]] = {}  # name -> (address, the engine that keeps it)


@cache
def folder() -> Path:
    """Where object code is kept: the user's cache or, where that cannot be written, as long as this process lives."""
    kept = lasting()
    if kept is not None:
        return kept
    private = Path(tempfile.mkdtemp(prefix="agentsim-kernels-"))
    atexit.register(shutil.rmtree, private, ignore_errors=True)
    return private


def lasting() -> Path | None:
    """The folder in the user's cache, or the one that the environment names; None if it cannot be written."""
    root = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        kept = Path(os.environ.get(FOLDER) or Path(root).expanduser() / "agentsim" / "kernels")
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=kept):
            return kept
    except (OSError, RuntimeError):
        return None


@cache
def _surroundings() -> bytes:
    """What decides over the code besides the sources."""
    return "\n".join([sys.version, version("numba"), version("llvmlite"), *target.cpu()]).encode()


@cache
def path(name: str) -> Path:
    """The file of a kernel "module:function" for the CPU that is compiled for."""
    module, _, function = name.partition(":")
    key = hashlib.blake2b(reach.digest(module) + _surroundings() + name.encode(), digest_size=12).hexdigest()
    return folder() / f"{module}.{function}-{target.cpu()[0]}-{key}.o"


def stored(name: str) -> bytes | None:
    """The object code of a kernel, or None where it is missing, torn or foreign, or where somebody else has put it:
    what is in a file of object code is executed."""
    try:
        with path(name).open("rb") as file:
            about = os.fstat(file.fileno())
            content = file.read()
        if about.st_uid not in (_me(about), 0):
            return None
        if time.time() - about.st_mtime > A_DAY:  # still in use, see `prune`
            os.utime(path(name))
    except OSError:
        return None
    code, checksum = content[:-CHECKSUM], content[-CHECKSUM:]
    return code if code and checksum == _checksum(name, code) else None


def store(name: str, code: bytes) -> None:
    """Keep object code, in one step: no other process ever sees half of it. Raises OSError if it cannot be written."""
    descriptor, temporary = tempfile.mkstemp(dir=folder())
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(code + _checksum(name, code))
        Path(temporary).replace(path(name))
    except OSError:
        Path(temporary).unlink()
        raise


def _me(about: os.stat_result) -> int:
    """Whose this process is; where files have no owners, theirs."""
    return os.geteuid() if hasattr(os, "geteuid") else about.st_uid


def prune() -> None:
    """Throw away what has not been used for two months: kernels of sources, versions and CPUs that are gone."""
    with contextlib.suppress(OSError):
        for file in folder().glob("*.o"):
            if time.time() - file.stat().st_mtime > KEPT_DAYS * A_DAY:
                file.unlink()


def _checksum(name: str, code: bytes) -> bytes:
    """Of the code and of whose it is, so that the file of another kernel, or for another CPU, is foreign here."""
    return hashlib.blake2b(path(name).name.encode() + code, digest_size=CHECKSUM).digest()


def address(name: str) -> int:
    """The address of a kernel's code, compiled now if it has not been yet.

    Raises ModuleNotFoundError or AttributeError where there is no such kernel, TypeError where numba cannot compile it.
    """
    if name not in _loaded:
        _loaded[name] = _load(stored(name) or compile_and_store(name))
    return _loaded[name][0]


def compile_and_store(name: str) -> bytes:
    """Compile a kernel here and now, and keep it, if it can be kept."""
    from agentsim.compiled import jit

    path(name)  # a digest of the sources before they are imported
    code = jit.object_code(name)
    if reach.unchanged(name.partition(":")[0]):  # else nobody knows which of both was compiled
        with contextlib.suppress(OSError):  # a full disk: the next process compiles again
            store(name, code)
    return code


class Bound(partial[Any]):
    """A kernel bound to its argument, and what must live as long."""

    keeps: tuple[Any, ...] = ()


def bound(name: str, arguments: NDArray[np.int64], *others: Any) -> Bound:
    """A kernel that takes one pointer, as a function without arguments: it is called with the address of `arguments`,
    which holds sizes and the addresses of other arrays; it keeps them alive, and whatever `others` are given."""
    function = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(address(name))
    unused = ctypes.addressof(_UNUSED)
    call = Bound(function, unused, unused, arguments.__array_interface__["data"][0])
    call.keeps = (arguments, *others)
    return call


def _load(code: bytes) -> tuple[int, Any]:
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target.machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine.get_function_address(target.SYMBOL), engine
