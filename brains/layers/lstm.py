"""LSTM: a recurrent layer, which carries its state and its cell from tick to tick."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from brains.layers.plan import Parameter, Plan, Shape, normal, padded
from brains.layers.recurrent import Recurrent


class LSTM(Recurrent):
    """(i, f, g, o) = x_s Wx + h_(s-1) Wh + b; c_s = s(f) c_(s-1) + s(i) tanh(g); h_s = s(o) tanh(c_s)
    (Hochreiter & Schmidhuber 1997; Gers et al. 2000), with the bias of the forget gate starting at 1."""

    type_rate = 0.5
    reference = "brains.kernels.reference.lstm:LSTM"
    cpu = "brains.kernels.cpu.lstm"

    type: Literal["lstm"]
    """Long short-term memory."""

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
