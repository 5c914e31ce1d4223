"""LayerNorm: the layer, and the parameter-free one inside a dense layer."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from brains.kernels.program import activation, op
from brains.kernels.reference.operation import Operation, Shapes


def layer_norm(z: Tensor) -> tuple[Tensor, Tensor]:
    """Parameter-free LayerNorm of z (units,), and 1 / its deviation."""
    inverse = torch.rsqrt(z.var(unbiased=False) + activation.LAYER_NORM_EPSILON)
    return (z - z.mean()) * inverse, inverse


def through_layer_norm(delta: Tensor, hat: Tensor, inverse: Tensor) -> Tensor:
    """delta times the Jacobian of LayerNorm at hat: (d - mean d - hat mean(d hat)) / deviation."""
    return (delta - delta.mean() - hat * (delta * hat).mean()) * inverse


class LayerNorm(Operation):
    """gain (x - mean) / sqrt(variance + 1e-5) + bias."""

    gain: Tensor
    bias: Tensor

    @staticmethod
    def shapes(row: NDArray[Any]) -> tuple[Shapes, Shapes]:
        """gain and bias (units,); the gain counts as a weight."""
        return {"gain": (row[op.UNITS],)}, {"bias": (row[op.UNITS],)}

    def forward(self, x: Tensor, kept: Any = None) -> tuple[Tensor, None]:
        """(units,) -> (units,)."""
        return self.gain * layer_norm(x)[0] + self.bias, None
