"""RNN: a recurrent layer, which carries its state from tick to tick."""

from __future__ import annotations

from typing import Literal

from brains.layers.plan import Parameter, Plan, Shape, constant, normal, padded
from brains.layers.recurrent import Recurrent


class RNN(Recurrent):
    """h_s = tanh(x_s Wx + h_(s-1) Wh + b) (Elman 1990)."""

    type_rate = 0.5
    reference = "brains.kernels.reference.rnn:RNN"
    cpu = "brains.kernels.cpu.rnn"

    type: Literal["rnn"]
    """A plain recurrent layer."""

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
