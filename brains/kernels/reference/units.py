"""What a unit of a settling network can be: its nonlinearity, and the potential R with R' = its inverse."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Units:
    """`of(z)`, the state that minimises R(s) - z s; `potential(s)` is R. `box`: where clipped and linear units lie."""

    of: Callable[[Tensor], Tensor]
    potential: Callable[[Tensor], Tensor]
    box: tuple[float, float] | None = None


def _clipped(low: float, high: float) -> Units:
    return Units(lambda z: z.clamp(low, high), _half_square, (low, high))


def _half_square(s: Tensor) -> Tensor:
    return s * s / 2


def _rational_tanh(z: Tensor) -> Tensor:
    """z (27 + z^2) / (27 + 9 z^2), z clipped to [-3, 3]: slope 1 at 0, exactly 1 with slope 0 at 3."""
    if not z.is_complex():
        z = z.clamp(-3, 3)
    return z * (27 + z * z) / (27 + 9 * z * z)


def _rational_potential(s: Tensor) -> Tensor:
    """s z - integral of the nonlinearity up to z, with z by Cardano's formula from the cubic that it solves."""
    s = s.clamp(-1, 1)
    low, high = (1 - s).clamp_min(0) ** (1 / 3), (1 + s).clamp_min(0) ** (1 / 3)
    z = 3 * s + 3 * low * high * (low - high)
    return s * z - z * z / 18 - 4 / 3 * torch.log1p(z * z / 3)


UNITS: dict[str, Units] = {
    "clip": _clipped(0.0, 1.0),
    "clip2": _clipped(0.0, 2.0),
    "linear": Units(lambda z: z, _half_square, (-math.inf, math.inf)),
    "tanh": Units(torch.tanh, lambda s: torch.special.xlog1py(1 + s, s) / 2 + torch.special.xlog1py(1 - s, -s) / 2),
    "sigmoid": Units(torch.sigmoid, lambda s: torch.special.xlogy(s, s) + torch.special.xlog1py(1 - s, -s)),
    "rational_tanh": Units(_rational_tanh, _rational_potential),
}
