"""The worlds' kernels run by Python itself: pointers are NumPy's arrays, eight lanes are arrays of eight.

For a process with NUMBA_DISABLE_JIT=1, in which what is compiled elsewhere is plain Python.
"""

from __future__ import annotations

import ctypes
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from agentsim.compiled import pointers, wide
from agentsim.compiled.contract import WIDTH


def _array(dtype: Any, address: int) -> Any:
    """What lies at an address, of no known end."""
    size = 1 << 20
    return np.frombuffer((ctypes.c_char * size).from_address(int(address)), dtype)


def _lanes(index: int, stride: int = 1) -> slice:
    return slice(index, index + (WIDTH - 1) * stride + 1, stride)


def _store(pointer: Any, index: int, value: Any) -> None:
    pointer[_lanes(index)] = value


def _scatter(pointer: Any, index: int, stride: int, value: Any) -> None:
    pointer[_lanes(index, stride)] = value


def _scatter_rows(pointer: Any, stride: int, values: Any) -> None:
    for lane, row in enumerate(np.transpose([np.broadcast_to(value, WIDTH) for value in values])):
        pointer[lane * stride : lane * stride + WIDTH] = row


def _load(pointer: Any, index: int) -> Any:
    return _gather(pointer, index, 1)


def _gather(pointer: Any, index: int, stride: int) -> Any:
    values = pointer[_lanes(index, stride)].copy()
    return values if values.dtype == np.float64 else values.astype(np.uint64)


MEANING = {
    "integers": partial(_array, np.int64),
    "floats": partial(_array, np.float32),
    "doubles": partial(_array, np.float64),
    "words": partial(_array, np.uint64),
    "at": lambda pointer, offset: pointer[offset:],
    "load": _load,
    "store": _store,
    "gather": _gather,
    "scatter": _scatter,
    "scatter_rows": _scatter_rows,
    "where": np.where,
    "root": np.sqrt,
    "absolute": np.abs,
    "whole": np.floor,
    "single": lambda value: np.float64(np.float32(value)),
    "spread": lambda value: np.full(WIDTH, value, np.float64) if np.ndim(value) == 0 else value,
    "bits": lambda mask: sum(int(bit) << lane for lane, bit in enumerate(np.broadcast_to(mask, WIDTH))),
}
MODULES = [f"worlds.kernels.{name}" for name in ("torus", "common", "hunt")]


def _interpreted(module: ModuleType) -> None:
    for name, meaning in MEANING.items():
        if getattr(module, name, None) in (getattr(pointers, name, 0), getattr(wide, name, 0)):
            setattr(module, name, meaning)


def bound(name: str, program: Any) -> Any:
    """As `agentsim.compiled.cache.bound`."""
    module, _, function = name.partition(":")
    for one in (*MODULES, module):
        _interpreted(import_module(one))
    return partial(getattr(import_module(module), function).function, program)
