"""Plain data as arrays, to be saved without pickle: whatever a world's get_state() gives, if it is made of that.

Plain data are None, numbers, text, bytes, NumPy's scalars, arrays and bit generators' states, and lists, tuples and
dictionaries of these. What is unpacked is equal to what was packed, types too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from brains.brain import State

_SKELETON = "packed"  # everything but the arrays, as JSON


def saved(state: Any) -> State:
    """A world's state as arrays: those of a mapping of arrays as they are, any other plain data packed."""
    if isinstance(state, Mapping) and all(isinstance(value, np.ndarray | np.generic) for value in state.values()):
        return {str(name): np.array(value) for name, value in state.items()}
    return pack(state)


def restored(arrays: State) -> Any:
    """Inverse of `saved`."""
    return unpack(arrays) if _SKELETON in arrays else arrays


def pack(value: Any) -> State:
    """Arrays by name. Raises TypeError for what is not plain data."""
    arrays: State = {}
    text = json.dumps(_packed(value, arrays), allow_nan=True)
    return {**arrays, _SKELETON: np.frombuffer(text.encode(), np.uint8)}


def unpack(state: State) -> Any:
    """Inverse of pack. Raises ValueError for what pack did not make."""
    try:
        return _unpacked(json.loads(state[_SKELETON].tobytes()), state)
    except (KeyError, TypeError, IndexError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(f"{_SKELETON}: not what was saved: {error}") from error


def _packed(value: Any, arrays: State) -> Any:
    if value is None or type(value) in (bool, str, float, int):
        return value
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        name = str(len(arrays))
        arrays[name] = np.array(value)
        return {"scalar" if isinstance(value, np.generic) else "array": name}
    if type(value) is bytes:
        name = str(len(arrays))
        arrays[name] = np.frombuffer(value, np.uint8)
        return {"bytes": name}
    if type(value) in (list, tuple):
        return {type(value).__name__: [_packed(inner, arrays) for inner in value]}
    if type(value) is dict:
        return {"dict": [[_packed(key, arrays), _packed(inner, arrays)] for key, inner in value.items()]}
    raise TypeError(f"{type(value).__name__} is no plain data")


def _unpacked(value: Any, arrays: State) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    match kind:
        case "array":
            return arrays[inner].copy()
        case "scalar":
            return arrays[inner][()]
        case "bytes":
            return arrays[inner].tobytes()
        case "list" | "tuple":
            items = [_unpacked(item, arrays) for item in inner]
            return items if kind == "list" else tuple(items)
        case "dict":
            return {_unpacked(key, arrays): _unpacked(held, arrays) for key, held in inner}
    raise ValueError(f"{_SKELETON}: {kind!r} is no kind of data")
