"""LayerNorm: y = gain (x - mean) / sqrt(variance + 1e-5) + bias (Ba et al. 2016)."""

from __future__ import annotations

import math
from typing import Literal

from brains.layers.plan import LayerConfig, Parameter, Plan, Shape, constant, padded


class LayerNorm(LayerConfig):
    """As many units as inputs; the gain starts at 1, the bias at 0."""

    type_rate = 0.1
    reference = "brains.kernels.reference.layer_norm:LayerNorm"
    cpu = "brains.kernels.cpu.layer_norm"

    type: Literal["layer_norm"]
    """Layer normalisation."""

    def plan(self, shape: Shape) -> Plan:
        """Any input, normalised as a whole."""
        units = math.prod(shape)
        return Plan(
            shape,
            (Parameter("gain", (units,), constant(1.0)),),
            (Parameter("bias", (units,), constant(0.0)),),
            cache=padded(units) + padded(1),
        )
