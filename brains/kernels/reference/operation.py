"""An operation of `program` as a torch module: the formula of a layer, and its local gradients by autograd.

An operation reads x (inputs,) and `kept`, what it keeps in a row of activity besides its output: the state it fires
from, the gate's value for a Move, (normalised pre-activations, 1 / deviation) for a Dense layer that normalises, else
None. `forward(x, kept)` gives (z, what it leaves): z (units,) before the activation. `vjp(x, kept, delta)` takes delta
(units,), an error of z, back to x and to the parameters; what was kept counts as constant. Any dtype.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from brains.kernels.program import activation, op
from brains.kernels.reference import names
from brains.kernels.reference.activations import ACTIVATE, BOUNDS, SLOPE, TWEEN_SLOPE

Shapes = dict[str, tuple[int, ...]]
Gradients = dict[str, Any]  # by parameter; one of rank one may be the pair (x, d) that stands for x outer d


class Operation(nn.Module):
    """What all have in common; `row` is the operation's row of the table."""

    learns = True  # has parameters
    by_autograd = True

    def __init__(self, row: NDArray[Any], parameters: dict[str, Tensor]) -> None:
        super().__init__()
        sizes = [int(size) for size in row]
        self.sizes, self.inputs, self.units = sizes, sizes[op.IN], sizes[op.UNITS]
        self.stage, self.within, self.adds = sizes[op.STAGE], bool(sizes[op.WITHIN]), bool(sizes[op.ADDS])
        self.normalize, self.residual = bool(sizes[op.NORMALIZE]), bool(sizes[op.RESIDUAL])
        self.onto = False  # whether it adds to what is there
        self.passes_targets = self.inputs == self.units  # of the legacy rule
        self.reads_world = sizes[op.X] == 0
        self.readers = 1  # how many operations read this one's input
        self.feeder = -1  # the operation whose output this one reads, if it reads just that and no other reads it
        self.activation = sizes[op.ACTIVATION]
        self.activate, self.bounds = ACTIVATE[self.activation], BOUNDS.get(self.activation)
        self.straight = self.activation in (activation.LINEAR, activation.SOFTMAX)
        self.slope, self.tween_slope = SLOPE.get(self.activation), TWEEN_SLOPE.get(self.activation)
        for name, value in parameters.items():
            needed = value.requires_grad or self.by_autograd
            setattr(self, name, nn.Parameter(value, requires_grad=needed))
        first = next(iter(parameters.values()), torch.zeros(()))
        self.root = first.new_tensor(self.units**-0.5)  # tensors multiply faster by tensors than by numbers

    @staticmethod
    def shapes(row: NDArray[Any]) -> tuple[Shapes, Shapes]:
        """The shapes of the weights and of the biases, in the order in which they lie in memory."""
        return {}, {}

    def forward(self, x: Tensor, kept: Any = None) -> tuple[Tensor, Any]:
        """(z, what it leaves behind)."""
        raise NotImplementedError

    def through_activation(self, error: Tensor, y: Tensor, tween: bool = False) -> Tensor:
        """The error of z, given that of y = activation(z)."""
        if self.straight:
            return error
        slope = self.tween_slope if tween else self.slope
        return y * (error - torch.dot(error, y)) if slope is None else error * slope(y)

    def vjp(self, x: Tensor, kept: Any, delta: Tensor) -> tuple[Tensor, Gradients]:
        """(delta times dz / dx, delta times dz / d parameters by name), by autograd."""
        names, parameters = zip(*self.named_parameters(), strict=True)
        with torch.inference_mode(False), torch.enable_grad():
            x = x.detach().requires_grad_()
            dx, *gradients = torch.autograd.grad(self.forward(x, kept)[0], (x, *parameters), delta.clone())
        return dx, dict(zip(names, gradients, strict=True))

    def back(self, x: Tensor, kept: Any, delta: Tensor) -> Tensor:
        """delta times dz / dx alone."""
        return self.vjp(x, kept, delta)[0]

    def gradients(self, x: Tensor, kept: Any, delta: Tensor) -> Gradients:
        """delta times dz / d parameters alone."""
        return self.vjp(x, kept, delta)[1]

    def transpose(self, x: Tensor, kept: Any) -> Tensor:
        """The transpose of dz / dx (inputs, units), by which the legacy rule takes a target back."""
        with torch.inference_mode(False):
            jacobian: Tensor = torch.autograd.functional.jacobian(lambda x: self.forward(x, kept)[0], x.detach())  # type: ignore[no-untyped-call]
        return jacobian.T


def class_of(row: NDArray[Any]) -> type[Operation]:
    """The class of a row of the table."""
    found: type[Operation] = names.thing(names.OPERATIONS[row[op.TYPE]])
    return found


def parameter_views(table: NDArray[Any], numbers: Tensor) -> list[tuple[dict[str, Tensor], dict[str, Tensor]]]:
    """Every operation's weights and biases by name, as views of a block (P,) of the parameters, `numbers`."""
    views = []
    for row in table:
        start, parts = int(row[op.WEIGHT]), []
        for shapes in class_of(row).shapes(row):
            part = {}
            for name, (*rows, columns) in shapes.items():
                width = -(-int(columns) // op.PAD) * op.PAD
                end = start + math.prod(rows) * width
                part[name], start = numbers[start:end].view(*rows, width)[..., :columns], end
            parts.append(part)
        views.append((parts[0], parts[1]))
    return views


def operations(table: NDArray[Any], numbers: Tensor) -> list[Operation]:
    """The modules of a network, whose parameters share the memory of a block (P,), `numbers`."""
    views = parameter_views(table, numbers)
    layers = [class_of(row)(row, {**w, **b}) for row, (w, b) in zip(table, views, strict=True)]
    for layer, row in zip(layers, table, strict=True):
        layer.readers = int((table[:, op.X] == row[op.X]).sum())
        writers = np.flatnonzero((table[:, op.Y] == row[op.X]) & (table[:, op.UNITS] == row[op.IN]))
        if layer.readers == len(writers) == 1:
            layer.feeder = int(writers[0])
    return layers
