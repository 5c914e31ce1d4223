"""Attention over the last ticks."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from brains.kernels.program import op
from brains.kernels.reference.operation import Operation, Shapes

HEADS, WINDOW = op.D1, op.D2


class Attention(Operation):
    """The newest input asks the last `window` inputs, its own among them; plus x where sizes agree.

    State: keys (window, units) with the newest last, values likewise, how many of them are valid.
    """

    query_weight: Tensor
    key_weight: Tensor
    value_weight: Tensor
    output_weight: Tensor
    query_bias: Tensor
    key_bias: Tensor
    value_bias: Tensor
    output_bias: Tensor

    @staticmethod
    def shapes(row: NDArray[Any]) -> tuple[Shapes, Shapes]:
        """query_, key_ and value_weight (inputs, units), output_weight (units, units), and a bias (units,) for each."""
        inputs, units = row[op.IN], row[op.UNITS]
        weights: Shapes = {f"{name}_weight": (inputs, units) for name in ("query", "key", "value")}
        biases: Shapes = {f"{name}_bias": (units,) for name in ("query", "key", "value", "output")}
        return {**weights, "output_weight": (units, units)}, biases

    def forward(self, x: Tensor, kept: Any = None) -> tuple[Tensor, Tensor]:
        """(inputs,), (2 window units + 1,) -> (units,), (2 window units + 1,)."""
        heads, window = self.sizes[HEADS], self.sizes[WINDOW]
        old_keys, old_values = kept[:-1].view(2, window, self.units)
        valid = min(int(kept[-1]) + 1, window)
        query = x @ self.query_weight + self.query_bias
        keys = torch.cat([old_keys[1:], (x @ self.key_weight + self.key_bias)[None]])
        values = torch.cat([old_values[1:], (x @ self.value_weight + self.value_bias)[None]])
        q, k, v = (part.view(-1, heads, self.units // heads) for part in (query, keys[-valid:], values[-valid:]))
        scores = (q * k).sum(2) / (self.units / heads) ** 0.5  # (valid, heads)
        heard = (torch.softmax(scores, 0)[:, :, None] * v).sum(0).flatten()
        z = heard @ self.output_weight + self.output_bias
        return z + x if self.residual else z, torch.cat([keys.flatten(), values.flatten(), kept.new_tensor([valid])])
