"""Dense layer: y = activation(x W + b), with W (inputs, units); the pre-activation optionally normalised."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from brains.layers.plan import (
    Activation,
    Draw,
    Initialization,
    LayerConfig,
    Parameter,
    Plan,
    Shape,
    constant,
    normal,
    padded,
)


class Dense(LayerConfig):
    """`units` may be left out of the last layer: one for each action. The last layer's activation is the read-out's.

    `normalize`: parameter-free LayerNorm of the pre-activation. `init`: he N(0, 2 / inputs), xavier
    N(0, 2 / (inputs + units)), or sparse U(+-1 / sqrt(inputs)) with nine tenths of every unit's inputs zero (Elsayed et
    al. 2024, SparseInit; rounded up, so that a layer of fewer than ten inputs begins blind). Biases start at zero.
    """

    reference = "brains.kernels.reference.dense:Dense"
    cpu = "brains.kernels.cpu.dense"
    kernels = ("fire", "back", "chain", "transpose")
    passes_targets = False

    type: Literal["dense"] = "dense"
    """A dense layer."""
    units: int | None = Field(default=None, ge=1, le=65536)
    """Numbers it puts out; the last layer has one for each action."""
    activation: Activation | None = None
    """The activation; leaky_relu where none is said."""
    normalize: bool = False
    """LayerNorm, without parameters, of the pre-activation."""
    init: Initialization | Literal["sparse"] = "he"
    """How weights begin."""

    def plan(self, shape: Shape) -> Plan:
        """Any input, taken as flat."""
        inputs, units = math.prod(shape), self.units or 0
        draw: Draw = partial(_sparse, inputs, units)
        if self.init != "sparse":
            draw = normal((inputs, units), inputs, units, self.init)
        return Plan(
            (units,),
            (Parameter("weight", (inputs, units), draw),),
            (Parameter("bias", (units,), constant(0.0)),),
            cache=padded(units) + padded(1) if self.normalize else 0,
            activation=self.activation or "leaky_relu",
            normalize=self.normalize,
        )


def _sparse(inputs: int, units: int, generator: np.random.Generator) -> NDArray[Any]:
    """Elsayed et al. 2024, algorithm 1."""
    weight = generator.uniform(-1.0, 1.0, (inputs, units)) / np.sqrt(inputs)
    zeros = math.ceil(0.9 * inputs)
    for unit in range(units):
        weight[generator.permutation(inputs)[:zeros], unit] = 0.0
    return weight
