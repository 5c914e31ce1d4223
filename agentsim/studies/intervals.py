"""Means over seeds, with 95 % intervals by Student's t distribution."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np


def interval(values: Iterable[float | None]) -> dict[str, Any] | None:
    """{mean, half_width, n} of the values that there are; half_width is None for one value. None without any."""
    known = np.array([value for value in values if value is not None], float)
    if not len(known):
        return None
    half = None
    if len(known) > 1:
        half = float(t_quantile(len(known) - 1) * known.std(ddof=1) / math.sqrt(len(known)))
    return {"mean": float(known.mean()), "half_width": half, "n": len(known)}


@cache
def t_quantile(freedom: int) -> float:
    """The t with P(|T| <= t) = 0.95 for so many degrees of freedom."""
    low, high = 0.0, 100.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < 0.95 else (low, middle)
    return low


def _within(t: float, freedom: int) -> float:
    """P(|T| <= t), by the finite series of Abramowitz & Stegun 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine = math.cos(angle)
    odd = freedom % 2
    term, total = (cosine if odd else 1.0), 0.0
    for k in range(odd, freedom - 1, 2):
        total += term
        term *= cosine * cosine * (k + 1) / (k + 2)
    return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total


def as_interval(found: dict[str, Any] | None, scale: float = 1.0, digits: int = 1) -> str:
    """`12.3 ± 0.4`, or a dash. Of a share (`scale` 100) whose interval is most of what there is, `46.2 (0 to 100)`."""
    if found is None:
        return "-"
    mean = f"{scale * found['mean']:.{digits}f}"
    if scale == 100 and 0 <= found["mean"] <= 1 and (found["half_width"] or 0) > 0.5:
        low, high = max(0.0, found["mean"] - found["half_width"]), min(1.0, found["mean"] + found["half_width"])
        return f"{mean} ({100 * low:.0f} to {100 * high:.0f})"
    return mean if found["half_width"] is None else f"{mean} ± {scale * found['half_width']:.{digits}f}"
