"""SwiGLU: y = (silu(x G + g) * (x U + u)) D + d (Shazeer 2020, arXiv 2002.05202; biases are ours)."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from brains.layers.plan import Initialization, LayerConfig, Parameter, Plan, Shape, constant, normal, padded


class SwiGLU(LayerConfig):
    """y = x + swiglu(x) where sizes agree, else swiglu(x); `hidden` is the width within."""

    type_rate = 0.2
    reference = "brains.kernels.reference.swiglu:SwiGLU"
    cpu = "brains.kernels.cpu.swiglu"

    type: Literal["swiglu"]
    """A gated layer."""
    units: int | None = Field(default=None, ge=1, le=65536)
    """Numbers it puts out; by default as many as it is given."""
    hidden: int = Field(ge=1, le=65536)
    """The width within."""
    init: Initialization = "xavier"
    """How weights begin."""

    def plan(self, shape: Shape) -> Plan:
        """Any input; `units` defaults to its size."""
        inputs, hidden = math.prod(shape), self.hidden
        units = self.units or inputs
        wide, narrow = (inputs, hidden), (hidden, units)
        return Plan(
            (units,),
            (
                Parameter("gate_weight", wide, normal(wide, inputs, hidden, self.init)),
                Parameter("up_weight", wide, normal(wide, inputs, hidden, self.init)),
                Parameter("down_weight", narrow, normal(narrow, hidden, units, self.init)),
            ),
            (
                Parameter("gate_bias", (hidden,), constant(0.0)),
                Parameter("up_bias", (hidden,), constant(0.0)),
                Parameter("down_bias", (units,), constant(0.0)),
            ),
            (0, 0, hidden),
            cache=3 * padded(hidden),
            work=2 * padded(hidden),
            residual=units == inputs,
        )
