"""What carries numbers from one place in a row to another: for `parallel` layers and skips."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from brains.kernels.program import op
from brains.kernels.reference.operation import Gradients, Operation

DIVISOR, ONTO = op.D2, op.D3


class Move(Operation):
    """x, times a gate's value if there is one, divided. Has no parameters; its only "gradient" is the gate's error."""

    learns = False

    def __init__(self, row: NDArray[Any], parameters: dict[str, Tensor]) -> None:
        super().__init__(row, parameters)
        self.onto = bool(row[ONTO])

    def forward(self, x: Tensor, kept: Any = None) -> tuple[Tensor, None]:
        """(units,), gate (1,) -> (units,)."""
        return (x if kept is None else x * kept) / self.sizes[DIVISOR], None

    def vjp(self, x: Tensor, kept: Any, delta: Tensor) -> tuple[Tensor, Gradients]:
        """(units,) -> (units,), and the gate's (1,)."""
        delta = delta / self.sizes[DIVISOR]
        return (delta, {}) if kept is None else (delta * kept, {"gate": torch.dot(delta, x)})
