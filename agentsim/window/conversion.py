"""What a world's render() and a brain's activity() return, as the window draws it; anybody may have written them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def pixels_of(picture: Any) -> NDArray[np.uint8] | None:
    """A picture as (height, width, 3) uint8; None for none. Of a list of frames the last is taken; grey and RGBA become
    RGB, and numbers that are no integers are shares of 1. Raises ValueError for anything else."""
    if isinstance(picture, list):
        picture = picture[-1] if picture else None
    if picture is None:
        return None
    pixels = np.asarray(picture)
    if pixels.dtype.kind not in "fiub" or pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise ValueError(f"a picture is (height, width, 3) uint8, not {_said(picture)}")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    if pixels.shape[2] not in (3, 4):
        raise ValueError(f"a picture is (height, width, 3) uint8, not {_said(picture)}")
    if pixels.dtype.kind in "fb":
        pixels = np.nan_to_num(pixels.astype(np.float64)) * 255
    return np.clip(pixels[:, :, :3], 0, 255).astype(np.uint8)


def layers_of(activity: Any) -> dict[str, NDArray[np.float64]]:
    """A brain's activity as name -> (N, units), without layers that are empty. Raises ValueError for anything else."""
    if not isinstance(activity, dict):
        raise ValueError(f"activity is a dict of arrays (N, units), not {_said(activity)}")
    found = {}
    for name, layer in activity.items():
        numbers = np.asarray(layer)
        if numbers.dtype.kind not in "fiub" or numbers.ndim == 0:
            raise ValueError(f"activity of {name!r} is an array (N, units), not {_said(layer)}")
        if numbers.size:
            found[str(name)] = numbers.reshape(len(numbers), -1).astype(np.float64)
    return found


def _said(value: Any) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else f"{value!r:.40}"
