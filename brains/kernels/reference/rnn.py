"""RNN (Elman 1990)."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from brains.kernels.program import op
from brains.kernels.reference.operation import Operation, Shapes

STEPS, FEATURES, HIDDEN = op.D1, op.D2, op.D3


class RNN(Operation):
    """h_s = tanh(x_s Wx + h_(s-1) Wh + b), all of them; leaves the last."""

    input_weight: Tensor
    hidden_weight: Tensor
    bias: Tensor

    @staticmethod
    def shapes(row: NDArray[Any]) -> tuple[Shapes, Shapes]:
        """input_weight (features, units), hidden_weight (units, units), bias (units,)."""
        units = row[HIDDEN]
        return {"input_weight": (row[FEATURES], units), "hidden_weight": (units, units)}, {"bias": (units,)}

    def forward(self, x: Tensor, kept: Any = None) -> tuple[Tensor, Tensor]:
        """(steps x features,), h (units,) -> (steps x units,), h."""
        h, outputs = kept, []
        for part in x.chunk(self.sizes[STEPS]):
            h = torch.tanh(part @ self.input_weight + h @ self.hidden_weight + self.bias)
            outputs.append(h)
        return torch.cat(outputs), h
