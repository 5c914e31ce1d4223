"""Dense layer: y = activation(x W + b), with W (inputs, units); the pre-activation optionally normalised."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Activation = Literal["linear", "tanh", "sigmoid", "leaky_relu", "scaled_relu", "softplus"]
Initialization = Literal["he", "xavier", "sparse"]


class Dense(BaseModel):
    """`units` may be left out of the last layer: one for each action. The last layer's activation is the read-out's.

    `normalize`: parameter-free LayerNorm of the pre-activation. `init`: he N(0, 2 / inputs), xavier
    N(0, 2 / (inputs + units)), or sparse U(+-1 / sqrt(inputs)) with nine tenths of every unit's inputs zero (Elsayed et
    al. 2024, SparseInit; rounded up, so that a layer of fewer than ten inputs begins blind). Biases start at zero.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    type: Literal["dense"] = "dense"
    units: int | None = Field(default=None, ge=1, le=65536)
    activation: Activation | None = None
    normalize: bool = False
    init: Initialization = "he"

    def initial_weight(self, inputs: int, units: int, generator: np.random.Generator) -> NDArray[np.float32]:
        """(inputs, units) float32."""
        if self.init == "sparse":
            weight = generator.uniform(-1.0, 1.0, (inputs, units)) / np.sqrt(inputs)
            zeros = int(np.ceil(0.9 * inputs))
            for unit in range(units):
                weight[generator.permutation(inputs)[:zeros], unit] = 0.0
        else:
            fan = inputs if self.init == "he" else inputs + units
            weight = generator.standard_normal((inputs, units)) * np.sqrt(2.0 / fan)
        return weight.astype(np.float32)
