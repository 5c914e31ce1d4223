"""Convolution without padding, by torch's own."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from brains.kernels.program import op
from brains.kernels.reference.operation import Operation, Shapes

CHANNELS, HEIGHT, BREADTH, KERNEL, STRIDE, FILTERS = op.D1, op.D2, op.D3, op.D4, op.D5, op.D6


class Conv2D(Operation):
    """z[f, i, j] = b[f] + sum_cuv w[f, c, u, v] x[c, i s + u, j s + v], flat."""

    weight: Tensor
    bias: Tensor

    @staticmethod
    def shapes(row: NDArray[Any]) -> tuple[Shapes, Shapes]:
        """weight (filters, channels x kernel x kernel), bias (filters,)."""
        filters = row[FILTERS]
        return {"weight": (filters, row[CHANNELS] * row[KERNEL] ** 2)}, {"bias": (filters,)}

    def forward(self, x: Tensor, kept: Any = None) -> tuple[Tensor, None]:
        """(channels x height x width,) -> (filters x rows x columns,)."""
        channels, height, width, kernel, stride, filters = self.sizes[op.D1 : op.D6 + 1]
        weight = self.weight.view(filters, channels, kernel, kernel)
        z = functional.conv2d(x.view(1, channels, height, width), weight, self.bias, stride)
        return z.flatten(), None
