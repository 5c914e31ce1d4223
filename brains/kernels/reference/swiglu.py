"""SwiGLU."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from brains.kernels.program import op
from brains.kernels.reference.operation import Operation, Shapes

HIDDEN = op.D3


class SwiGLU(Operation):
    """(silu(x G + g) * (x U + u)) D + d; plus x where sizes agree."""

    gate_weight: Tensor
    up_weight: Tensor
    down_weight: Tensor
    gate_bias: Tensor
    up_bias: Tensor
    down_bias: Tensor

    @staticmethod
    def shapes(row: NDArray[Any]) -> tuple[Shapes, Shapes]:
        """gate_ and up_weight (inputs, hidden), down_weight (hidden, units), and a bias for each."""
        inputs, units, hidden = row[op.IN], row[op.UNITS], row[HIDDEN]
        wide, narrow = (inputs, hidden), (hidden, units)
        weights: Shapes = {"gate_weight": wide, "up_weight": wide, "down_weight": narrow}
        return weights, {"gate_bias": (hidden,), "up_bias": (hidden,), "down_bias": (units,)}

    def forward(self, x: Tensor, kept: Any = None) -> tuple[Tensor, None]:
        """(inputs,) -> (units,)."""
        gate, up = x @ self.gate_weight + self.gate_bias, x @ self.up_weight + self.up_bias
        z = (gate * torch.sigmoid(gate) * up) @ self.down_weight + self.down_bias
        return z + x if self.residual else z, None
