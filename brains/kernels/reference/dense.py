"""Dense layer: z = x W + b, or its LayerNorm."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from brains.kernels.program import op
from brains.kernels.reference.layer_norm import layer_norm, through_layer_norm
from brains.kernels.reference.operation import Gradients, Operation, Shapes


class Dense(Operation):
    """z = x W + b, or its LayerNorm; leaves 1 / its deviation. In closed form, for it is what others are timed by."""

    weight: Tensor
    bias: Tensor

    by_autograd = False

    def __init__(self, row: NDArray[Any], parameters: dict[str, Tensor]) -> None:
        super().__init__(row, parameters)
        self.passes_targets = False
        # a module's attributes are slow to look up, and this is the tick path
        self.terms = (self.bias, self.weight.T, self.weight)

    @staticmethod
    def shapes(row: NDArray[Any]) -> tuple[Shapes, Shapes]:
        """weight (inputs, units), bias (units,)."""
        return {"weight": (row[op.IN], row[op.UNITS])}, {"bias": (row[op.UNITS],)}

    def forward(self, x: Tensor, kept: Any = None) -> tuple[Tensor, Tensor | None]:
        """(inputs,) -> (units,)."""
        bias, weight, _ = self.terms
        z = torch.addmv(bias, weight, x)
        return layer_norm(z) if self.normalize else (z, None)

    def vjp(self, x: Tensor, kept: Any, delta: Tensor) -> tuple[Tensor, Gradients]:
        """Without `kept`, that of x W + b."""
        if kept is not None:
            delta = through_layer_norm(delta, *kept)
        return torch.mv(self.terms[2], delta), {"weight": (x, delta), "bias": delta}

    def back(self, x: Tensor, kept: Any, delta: Tensor) -> Tensor:
        """(units,) -> (inputs,)."""
        return torch.mv(self.terms[2], delta if kept is None else through_layer_norm(delta, *kept))

    def gradients(self, x: Tensor, kept: Any, delta: Tensor) -> Gradients:
        """x outer delta, delta."""
        if kept is not None:
            delta = through_layer_norm(delta, *kept)
        return {"weight": (x, delta), "bias": delta}

    def transpose(self, x: Tensor, kept: Any) -> Tensor:
        """W itself: the legacy rule looks past the normalisation."""
        return self.terms[2]
