"""Convolution: y[f, i, j] = activation(b[f] + sum_cuv w[f, c, u, v] x[c, i s + u, j s + v]), without padding."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from brains.layers.plan import Activation, Initialization, LayerConfig, Parameter, Plan, Shape, constant, normal


class Conv2D(LayerConfig):
    """Input (channels, height, width), given as `shape` unless the layer below is a convolution too."""

    type_rate = 0.1
    reference = "brains.kernels.reference.conv2d:Conv2D"
    cpu = "brains.kernels.cpu.conv2d"
    kernels = ("fire", "back", "transpose")

    type: Literal["conv2d"]
    """A convolution."""
    filters: int = Field(ge=1, le=4096)
    """Filters, each a channel of the output."""
    kernel: int = Field(default=3, ge=1, le=255)
    """Side of a filter."""
    stride: int = Field(default=1, ge=1, le=255)
    """Steps between places."""
    shape: tuple[int, int, int] | None = None
    """Its input's [channels, height, width], unless the layer below is a convolution."""
    activation: Activation = "leaky_relu"
    """The activation."""
    init: Initialization = "he"
    """How weights begin."""

    def plan(self, shape: Shape) -> Plan:
        """(channels, height, width), or as many numbers in a row as `shape` asks for."""
        if self.shape is not None and math.prod(self.shape) != math.prod(shape):
            sizes = f"{list(self.shape)} is {math.prod(self.shape)} numbers, its input {math.prod(shape)}"
            raise ValueError(f"shape: {sizes}; make them agree, for example with the brain's `tile`")
        shape = self.shape or shape
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError("shape: a convolution needs to know its input's [channels, height, width]; add it")
        channels, height, width = shape
        if self.kernel > min(height, width):
            raise ValueError(f"kernel: {self.kernel} is larger than the {height} x {width} of the layer's input")
        rows, columns = ((size - self.kernel) // self.stride + 1 for size in (height, width))
        area = self.kernel * self.kernel
        patch = (self.filters, channels * area)
        return Plan(
            (self.filters, rows, columns),
            (Parameter("weight", patch, normal(patch, channels * area, self.filters * area, self.init)),),
            (Parameter("bias", (self.filters,), constant(0.0)),),
            (channels, height, width, self.kernel, self.stride, self.filters),
            activation=self.activation,
            multiplications=rows * columns * math.prod(patch),
        )
