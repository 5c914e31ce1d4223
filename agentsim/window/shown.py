"""What panels are given to draw: plain values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Layer:
    """One layer's activity (units,), and the magnitude that gets the full colour. Of cells by their index: the one
    that was `chosen`, the one that would have been `right`. `names` of the cells, where they have some. `link`: budget
    and gap of Neural Tween. `drawn_as`: cells, bars, or a line of what there was and is now."""

    name: str
    values: NDArray[np.float64]
    peak: float
    chosen: int | None = None
    right: int | None = None
    names: tuple[str, ...] = ()
    link: tuple[float, float] | None = None
    drawn_as: str = "cells"


@dataclass(frozen=True)
class Curve:
    """What is known of one quantity: `values` at the simulated seconds `at`, with the range of its axis, which is the
    left (0) or the right (1) one. `dots`: single values, not a line; their own name is not written."""

    name: str
    at: NDArray[np.float64]
    values: NDArray[np.float64]
    axis: int
    low: float = 0.0
    high: float = 1.0
    percent: bool = False
    dots: bool = False

    def label(self, value: float) -> str:
        """A value as this curve's axis and legend write it."""
        if self.percent:
            return f"{100 * value:.0f} %"
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
