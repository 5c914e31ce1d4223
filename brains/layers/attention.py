"""Attention over the last ticks: the newest input asks, the last `window` inputs answer (Vaswani et al. 2017)."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from brains.layers.plan import Initialization, LayerConfig, Parameter, Plan, Shape, constant, normal, padded


class Attention(LayerConfig):
    """Multi-head attention of one tick's input to the keys and values of the last `window` ticks, its own among them.

    y = x + attend(x) where sizes agree, else attend(x). The window is carried from tick to tick; gradients run through
    the newest query, key and value, and stop at the older ones.
    """

    type_rate = 0.2
    reference = "brains.kernels.reference.attention:Attention"
    cpu = "brains.kernels.cpu.attention"

    type: Literal["attention"]
    """Attention over the last ticks."""
    units: int | None = Field(default=None, ge=1, le=4096)
    """Numbers it puts out; by default as many as it is given."""
    heads: int = Field(default=4, ge=1, le=256)
    """Heads, among which the units are split."""
    window: int = Field(default=8, ge=1, le=4096)
    """Ticks that it looks back over."""
    init: Initialization = "xavier"
    """How weights begin."""

    def plan(self, shape: Shape) -> Plan:
        """Any input; `units` defaults to its size."""
        inputs = math.prod(shape)
        units = self.units or inputs
        if units % self.heads:
            raise ValueError(f"heads: {units} units cannot be split among {self.heads} heads")
        draw = normal((inputs, units), inputs, units, self.init)
        return Plan(
            (units,),
            (
                *(Parameter(name, (inputs, units), draw) for name in ("query_weight", "key_weight", "value_weight")),
                Parameter("output_weight", (units, units), normal((units, units), units, units, self.init)),
            ),
            tuple(
                Parameter(name, (units,), constant(0.0))
                for name in ("query_bias", "key_bias", "value_bias", "output_bias")
            ),
            (self.heads, self.window),
            states=2 * self.window * units + 1,
            window=self.window,
            cache=2 * padded(units) + padded(self.heads * self.window),
            work=4 * padded(units) + padded(self.window),
            residual=units == inputs,
            multiplications=(3 * inputs + units + 2 * self.window) * units,
        )
