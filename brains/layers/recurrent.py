"""Recurrent layers, which carry their state from tick to tick: RNN and LSTM."""

from __future__ import annotations

import math

from pydantic import Field

from brains.layers.plan import Initialization, LayerConfig, Shape


class Recurrent(LayerConfig):
    """The input is split into `steps` equal parts, an inner sequence that starts from the carried state; the output is
    all its hidden states, (steps x units,). Gradients run through the inner sequence and stop at the carried state."""

    units: int = Field(ge=1, le=4096)
    """Numbers in its state."""
    steps: int = Field(default=1, ge=1, le=1024)
    """Equal parts of the input, taken one after another within a tick."""
    init: Initialization = "xavier"
    """How weights begin."""

    def features(self, shape: Shape) -> int:
        """The size of one part. Raises ValueError where the input cannot be split so."""
        inputs = math.prod(shape)
        if inputs % self.steps:
            raise ValueError(f"steps: {inputs} inputs cannot be split into {self.steps} equal parts")
        return inputs // self.steps
