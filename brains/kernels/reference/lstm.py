"""LSTM (Hochreiter & Schmidhuber 1997)."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from brains.kernels.program import op
from brains.kernels.reference.operation import Operation, Shapes

STEPS, FEATURES, HIDDEN = op.D1, op.D2, op.D3


class LSTM(Operation):
    """(i, f, g, o) = x_s Wx + h_(s-1) Wh + b; c_s = s(f) c_(s-1) + s(i) tanh(g); h_s = s(o) tanh(c_s)."""

    input_weight: Tensor
    hidden_weight: Tensor
    bias: Tensor

    @staticmethod
    def shapes(row: NDArray[Any]) -> tuple[Shapes, Shapes]:
        """input_weight (features, 4, units), hidden_weight (units, 4, units), bias (4, units)."""
        units = row[HIDDEN]
        weights: Shapes = {"input_weight": (row[FEATURES], 4, units), "hidden_weight": (units, 4, units)}
        return weights, {"bias": (4, units)}

    def forward(self, x: Tensor, kept: Any = None) -> tuple[Tensor, Tensor]:
        """(steps x features,), h and c (2 units,) -> (steps x units,), h and c."""
        (h, c), outputs = kept.chunk(2), []
        for part in x.chunk(self.sizes[STEPS]):
            i, f, g, o = (
                torch.tensordot(part, self.input_weight, 1) + torch.tensordot(h, self.hidden_weight, 1) + self.bias
            )
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.cat(outputs), torch.cat([h, c])
