"""my_layer: y = activation(gain x + bias), number by number: its config, its torch reference and its compiled kernels.

agentsim run my_layer.yaml --import my_layer
"""

from __future__ import annotations

import math
from typing import Any, Literal

from numpy.typing import NDArray
from torch import Tensor

import agentsim
from agentsim.compiled.jit import kernel
from agentsim.compiled.pointers import at
from brains.kernels.cpu.signatures import BACK, FIRE, INTO_PARAMETERS, INTO_X
from brains.kernels.program import op
from brains.kernels.reference.operation import Operation, Shapes
from brains.layers.plan import Activation, LayerConfig, Parameter, Plan, Shape, constant


class MyLayerConfig(LayerConfig):
    """As many units as inputs; the gain starts at `start`, the bias at 0."""

    reference = f"{__name__}:MyLayer"
    cpu = __name__

    type: Literal["my_layer"]
    start: float = 1.0
    activation: Activation = "tanh"

    def plan(self, shape: Shape) -> Plan:
        """Any input."""
        units = math.prod(shape)
        return Plan(
            shape,
            (Parameter("gain", (units,), constant(self.start)),),
            (Parameter("bias", (units,), constant(0.0)),),
            activation=self.activation,
        )


class MyLayer(Operation):
    """The same in torch, before the activation; its gradients are autograd's."""

    gain: Tensor
    bias: Tensor

    @staticmethod
    def shapes(row: NDArray[Any]) -> tuple[Shapes, Shapes]:
        """gain (units,), which counts as a weight; bias (units,)."""
        return {"gain": (row[op.UNITS],)}, {"bias": (row[op.UNITS],)}

    def forward(self, x: Tensor, kept: Any = None) -> tuple[Tensor, None]:
        """(units,) -> (units,)."""
        return self.gain * x + self.bias, None


@kernel(*FIRE)
def fire(operation, block, source, source_stride, target, target_stride, count):
    """z = gain x + bias, in each of `count` rows (see brains/kernels/cpu)."""
    gain, bias = at(block, operation[op.WEIGHT]), at(block, operation[op.BIAS])
    for r in range(count):
        row = at(target, r * target_stride)
        x = at(row if operation[op.WITHIN] else at(source, r * source_stride), operation[op.X])
        y = at(row, operation[op.Y])
        for o in range(operation[op.UNITS]):
            y[o] = gain[o] * x[o] + bias[o]


@kernel(*BACK)
def back(operation, block, gradient, wave, stride, delta, dx, dx_stride, work, inner, count, wants):
    """dx = gain delta; the gain's gradient is x delta, the bias's delta."""
    gain = at(block, operation[op.WEIGHT])
    gain_gradient, bias_gradient = at(gradient, operation[op.WEIGHT]), at(gradient, operation[op.BIAS])
    for r in range(count):
        x, d, handed_down = at(wave, r * stride + operation[op.X]), at(delta, r * inner), at(dx, r * dx_stride)
        for o in range(operation[op.UNITS]):
            if wants & INTO_X:
                handed_down[o] = gain[o] * d[o]
            if wants & INTO_PARAMETERS:
                gain_gradient[o] += x[o] * d[o]
                bias_gradient[o] += d[o]


agentsim.register_layer("my_layer", MyLayerConfig)
