"""Recurrent layers, which carry their state from tick to tick: RNN and LSTM."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from brains.layers.plan import Initialization, LayerConfig, Parameter, Plan, Shape, constant, normal, padded


class Recurrent(LayerConfig):
    """The input is split into `steps` equal parts, an inner sequence that starts from the carried state; the output is
    all its hidden states, (steps x units,). Gradients run through the inner sequence and stop at the carried state."""

    units: int = Field(ge=1, le=4096)
    steps: int = Field(default=1, ge=1, le=1024)
    init: Initialization = "xavier"

    def features(self, shape: Shape) -> int:
        """The size of one part. Raises ValueError where the input cannot be split so."""
        inputs = math.prod(shape)
        if inputs % self.steps:
            raise ValueError(f"steps: {inputs} inputs cannot be split into {self.steps} equal parts")
        return inputs // self.steps


class RNN(Recurrent):
    """h_s = tanh(x_s Wx + h_(s-1) Wh + b) (Elman 1990)."""

    type_rate = 0.5
    reference = "brains.kernels.reference.recurrent:RNN"
    cpu = "brains.kernels.cpu.rnn"

    type: Literal["rnn"]

    def plan(self, shape: Shape) -> Plan:
        """Any input that splits into `steps`."""
        features, units = self.features(shape), self.units
        return Plan(
            (self.steps * units,),
            (
                Parameter("input_weight", (features, units), normal((features, units), features, units, self.init)),
                Parameter("hidden_weight", (units, units), normal((units, units), units, units, self.init)),
            ),
            (Parameter("bias", (units,), constant(0.0)),),
            (self.steps, features, units),
            states=units,
            cache=padded(units),
            work=2 * padded(units),
            multiplications=self.steps * (features + units) * units,
        )


class LSTM(Recurrent):
    """(i, f, g, o) = x_s Wx + h_(s-1) Wh + b; c_s = s(f) c_(s-1) + s(i) tanh(g); h_s = s(o) tanh(c_s)
    (Hochreiter & Schmidhuber 1997; Gers et al. 2000), with the bias of the forget gate starting at 1."""

    type_rate = 0.5
    reference = "brains.kernels.reference.recurrent:LSTM"
    cpu = "brains.kernels.cpu.lstm"

    type: Literal["lstm"]

    def plan(self, shape: Shape) -> Plan:
        """Any input that splits into `steps`."""
        features, units = self.features(shape), self.units
        x_shape, h_shape = (features, 4, units), (units, 4, units)
        return Plan(
            (self.steps * units,),
            (
                Parameter("input_weight", x_shape, normal(x_shape, features, units, self.init)),
                Parameter("hidden_weight", h_shape, normal(h_shape, units, units, self.init)),
            ),
            (Parameter("bias", (4, units), lambda _: forget_bias(units)),),
            (self.steps, features, units),
            states=2 * units,
            cache=(5 * self.steps + 1) * padded(units),
            work=7 * padded(units),
            multiplications=self.steps * (features + units) * 4 * units,
        )


def forget_bias(units: int) -> NDArray[np.float64]:
    """(4, units): 1 for the forget gate, 0 for the others."""
    bias = np.zeros((4, units))
    bias[1] = 1.0
    return bias
