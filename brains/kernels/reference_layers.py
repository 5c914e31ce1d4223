"""Every operation of `layout` as a torch module: the formulas of the layers, and their local gradients by autograd.

An operation reads x (inputs,) and `kept`, what it keeps in a row of activity besides its output: the state it fires
from, the gate's value for a Move, (normalised pre-activations, 1 / deviation) for a Dense layer that normalises, else
None. `forward(x, kept)` gives (z, what it leaves): z (units,) before the activation. `vjp(x, kept, delta)` takes delta
(units,), an error of z, back to x and to the parameters; what was kept counts as constant. Any dtype.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from brains.kernels import layout as at

Shapes = dict[str, tuple[int, ...]]
Gradients = dict[str, Any]  # by parameter; one of rank one may be the pair (x, d) that stands for x outer d

ZERO = {dtype: torch.zeros((), dtype=dtype) for dtype in (torch.float32, torch.float64)}
ONE = {dtype: torch.ones((), dtype=dtype) for dtype in (torch.float32, torch.float64)}

# the clamp of a legacy target, by the activation of the layer that consumes it
BOUNDS = {at.TANH: (-0.95, 0.95), at.SIGMOID: (0.05, 0.95), at.LEAKY_RELU: (0.0, 10.0), at.SCALED_RELU: (0.0, 10.0)}

ACTIVATE: dict[int, Callable[[Tensor], Tensor]] = {
    at.LINEAR: lambda z: z,
    at.TANH: torch.tanh,
    at.SIGMOID: torch.sigmoid,
    at.LEAKY_RELU: partial(functional.leaky_relu, negative_slope=0.1),
    at.SCALED_RELU: lambda z: torch.relu(1.1 * z),
    at.SOFTPLUS: functional.softplus,
    at.SOFTMAX: lambda z: torch.softmax(z, 0),
    at.SHARES: lambda z: torch.softmax(z, 0),
}

# the derivative of each activation from its output y; SHARES has a Jacobian instead
SLOPE: dict[int, Callable[[Tensor], Tensor]] = {
    at.LINEAR: torch.ones_like,
    at.TANH: lambda y: 1.0 - y * y,
    at.SIGMOID: lambda y: y * (1.0 - y),
    at.LEAKY_RELU: lambda y: torch.heaviside(y, ONE[y.dtype]).clamp_(min=0.1),
    at.SCALED_RELU: lambda y: torch.heaviside(y, ZERO[y.dtype]).mul_(1.1),
    at.SOFTPLUS: lambda y: 1.0 - torch.exp(-y),
    at.SOFTMAX: torch.ones_like,  # of its loss, the cross-entropy
}

# the tween chain's form of it, which keeps the smooth ones from vanishing
TWEEN_SLOPE: dict[int, Callable[[Tensor], Tensor]] = {
    **SLOPE,
    at.TANH: lambda y: 1.01 - y * y,
    at.SIGMOID: lambda y: y * (1.0 - y) + 0.01,
    at.SOFTPLUS: lambda y: torch.sigmoid(y) + 0.01,
}


class Operation(nn.Module):
    """What all have in common; `row` is the operation's row of `layout`'s table."""

    learns = True  # has parameters
    by_autograd = True

    def __init__(self, row: NDArray[Any], parameters: dict[str, Tensor]) -> None:
        super().__init__()
        sizes = [int(size) for size in row]
        self.sizes, self.inputs, self.units = sizes, sizes[at.IN], sizes[at.UNITS]
        self.stage, self.within, self.adds = sizes[at.STAGE], bool(sizes[at.WITHIN]), bool(sizes[at.ADDS])
        self.normalize, self.residual = bool(sizes[at.NORMALIZE]), bool(sizes[at.RESIDUAL])
        self.onto = sizes[at.TYPE] == at.MOVE and bool(sizes[at.ONTO])
        self.passes_targets = sizes[at.TYPE] != at.DENSE and self.inputs == self.units
        self.reads_world = sizes[at.X] == 0
        self.readers = 1  # how many operations read this one's input
        self.feeder = -1  # the operation whose output this one reads, if it reads just that and no other reads it
        self.activation = sizes[at.ACTIVATION]
        self.activate, self.bounds = ACTIVATE[self.activation], BOUNDS.get(self.activation)
        self.straight = self.activation in (at.LINEAR, at.SOFTMAX)
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


class Dense(Operation):
    """z = x W + b, or its LayerNorm; leaves 1 / its deviation. In closed form, for it is what others are timed by."""

    weight: Tensor
    bias: Tensor

    by_autograd = False

    def __init__(self, row: NDArray[Any], parameters: dict[str, Tensor]) -> None:
        super().__init__(row, parameters)
        # a module's attributes are slow to look up, and this is the tick path
        self.terms = (self.bias, self.weight.T, self.weight)

    @staticmethod
    def shapes(row: NDArray[Any]) -> tuple[Shapes, Shapes]:
        """weight (inputs, units), bias (units,)."""
        return {"weight": (row[at.IN], row[at.UNITS])}, {"bias": (row[at.UNITS],)}

    def forward(self, x: Tensor, kept: Any = None) -> tuple[Tensor, Tensor | None]:
        """(inputs,) -> (units,)."""
        bias, weight, _ = self.terms
        z = torch.addmv(bias, weight, x)
        return layer_norm(z) if self.normalize else (z, None)

    def vjp(self, x: Tensor, kept: Any, delta: Tensor) -> tuple[Tensor, Gradients]:
        """Without `kept`, that of x W + b."""
        if kept is not None:
            delta = through_layer_norm(delta, *kept)
        return torch.mv(self.terms[2], delta), {"weight": (x, delta), "bias": delta}

    def back(self, x: Tensor, kept: Any, delta: Tensor) -> Tensor:
        """(units,) -> (inputs,)."""
        return torch.mv(self.terms[2], delta if kept is None else through_layer_norm(delta, *kept))

    def gradients(self, x: Tensor, kept: Any, delta: Tensor) -> Gradients:
        """x outer delta, delta."""
        if kept is not None:
            delta = through_layer_norm(delta, *kept)
        return {"weight": (x, delta), "bias": delta}

    def transpose(self, x: Tensor, kept: Any) -> Tensor:
        """W itself: the legacy rule looks past the normalisation."""
        return self.terms[2]


def layer_norm(z: Tensor) -> tuple[Tensor, Tensor]:
    """Parameter-free LayerNorm of z (units,), and 1 / its deviation."""
    inverse = torch.rsqrt(z.var(unbiased=False) + at.LAYER_NORM_EPSILON)
    return (z - z.mean()) * inverse, inverse


def through_layer_norm(delta: Tensor, hat: Tensor, inverse: Tensor) -> Tensor:
    """delta times the Jacobian of LayerNorm at hat: (d - mean d - hat mean(d hat)) / deviation."""
    return (delta - delta.mean() - hat * (delta * hat).mean()) * inverse


class Conv2D(Operation):
    """z[f, i, j] = b[f] + sum_cuv w[f, c, u, v] x[c, i s + u, j s + v], flat."""

    weight: Tensor
    bias: Tensor

    @staticmethod
    def shapes(row: NDArray[Any]) -> tuple[Shapes, Shapes]:
        """weight (filters, channels x kernel x kernel), bias (filters,)."""
        filters = row[at.FILTERS]
        return {"weight": (filters, row[at.CHANNELS] * row[at.KERNEL] ** 2)}, {"bias": (filters,)}

    def forward(self, x: Tensor, kept: Any = None) -> tuple[Tensor, None]:
        """(channels x height x width,) -> (filters x rows x columns,)."""
        channels, height, width, kernel, stride, filters = self.sizes[at.D1 : at.D6 + 1]
        weight = self.weight.view(filters, channels, kernel, kernel)
        z = functional.conv2d(x.view(1, channels, height, width), weight, self.bias, stride)
        return z.flatten(), None


class RNN(Operation):
    """h_s = tanh(x_s Wx + h_(s-1) Wh + b), all of them; leaves the last."""

    input_weight: Tensor
    hidden_weight: Tensor
    bias: Tensor

    @staticmethod
    def shapes(row: NDArray[Any]) -> tuple[Shapes, Shapes]:
        """input_weight (features, units), hidden_weight (units, units), bias (units,)."""
        units = row[at.HIDDEN]
        return {"input_weight": (row[at.FEATURES], units), "hidden_weight": (units, units)}, {"bias": (units,)}

    def forward(self, x: Tensor, kept: Any = None) -> tuple[Tensor, Tensor]:
        """(steps x features,), h (units,) -> (steps x units,), h."""
        h, outputs = kept, []
        for part in x.chunk(self.sizes[at.STEPS]):
            h = torch.tanh(part @ self.input_weight + h @ self.hidden_weight + self.bias)
            outputs.append(h)
        return torch.cat(outputs), h


class LSTM(Operation):
    """(i, f, g, o) = x_s Wx + h_(s-1) Wh + b; c_s = s(f) c_(s-1) + s(i) tanh(g); h_s = s(o) tanh(c_s)."""

    input_weight: Tensor
    hidden_weight: Tensor
    bias: Tensor

    @staticmethod
    def shapes(row: NDArray[Any]) -> tuple[Shapes, Shapes]:
        """input_weight (features, 4, units), hidden_weight (units, 4, units), bias (4, units)."""
        units = row[at.HIDDEN]
        weights: Shapes = {"input_weight": (row[at.FEATURES], 4, units), "hidden_weight": (units, 4, units)}
        return weights, {"bias": (4, units)}

    def forward(self, x: Tensor, kept: Any = None) -> tuple[Tensor, Tensor]:
        """(steps x features,), h and c (2 units,) -> (steps x units,), h and c."""
        (h, c), outputs = kept.chunk(2), []
        for part in x.chunk(self.sizes[at.STEPS]):
            i, f, g, o = (
                torch.tensordot(part, self.input_weight, 1) + torch.tensordot(h, self.hidden_weight, 1) + self.bias
            )
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.cat(outputs), torch.cat([h, c])


class Attention(Operation):
    """The newest input asks the last `window` inputs, its own among them; plus x where sizes agree.

    State: keys (window, units) with the newest last, values likewise, how many of them are valid.
    """

    query_weight: Tensor
    key_weight: Tensor
    value_weight: Tensor
    output_weight: Tensor
    query_bias: Tensor
    key_bias: Tensor
    value_bias: Tensor
    output_bias: Tensor

    @staticmethod
    def shapes(row: NDArray[Any]) -> tuple[Shapes, Shapes]:
        """query_, key_ and value_weight (inputs, units), output_weight (units, units), and a bias (units,) for each."""
        inputs, units = row[at.IN], row[at.UNITS]
        weights: Shapes = {f"{name}_weight": (inputs, units) for name in ("query", "key", "value")}
        biases: Shapes = {f"{name}_bias": (units,) for name in ("query", "key", "value", "output")}
        return {**weights, "output_weight": (units, units)}, biases

    def forward(self, x: Tensor, kept: Any = None) -> tuple[Tensor, Tensor]:
        """(inputs,), (2 window units + 1,) -> (units,), (2 window units + 1,)."""
        heads, window = self.sizes[at.HEADS], self.sizes[at.WINDOW]
        old_keys, old_values = kept[:-1].view(2, window, self.units)
        valid = min(int(kept[-1]) + 1, window)
        query = x @ self.query_weight + self.query_bias
        keys = torch.cat([old_keys[1:], (x @ self.key_weight + self.key_bias)[None]])
        values = torch.cat([old_values[1:], (x @ self.value_weight + self.value_bias)[None]])
        q, k, v = (part.view(-1, heads, self.units // heads) for part in (query, keys[-valid:], values[-valid:]))
        scores = (q * k).sum(2) / (self.units / heads) ** 0.5  # (valid, heads)
        heard = (torch.softmax(scores, 0)[:, :, None] * v).sum(0).flatten()
        z = heard @ self.output_weight + self.output_bias
        return z + x if self.residual else z, torch.cat([keys.flatten(), values.flatten(), kept.new_tensor([valid])])


class LayerNorm(Operation):
    """gain (x - mean) / sqrt(variance + 1e-5) + bias."""

    gain: Tensor
    bias: Tensor

    @staticmethod
    def shapes(row: NDArray[Any]) -> tuple[Shapes, Shapes]:
        """gain and bias (units,); the gain counts as a weight."""
        return {"gain": (row[at.UNITS],)}, {"bias": (row[at.UNITS],)}

    def forward(self, x: Tensor, kept: Any = None) -> tuple[Tensor, None]:
        """(units,) -> (units,)."""
        return self.gain * layer_norm(x)[0] + self.bias, None


class SwiGLU(Operation):
    """(silu(x G + g) * (x U + u)) D + d; plus x where sizes agree."""

    gate_weight: Tensor
    up_weight: Tensor
    down_weight: Tensor
    gate_bias: Tensor
    up_bias: Tensor
    down_bias: Tensor

    @staticmethod
    def shapes(row: NDArray[Any]) -> tuple[Shapes, Shapes]:
        """gate_ and up_weight (inputs, hidden), down_weight (hidden, units), and a bias for each."""
        inputs, units, hidden = row[at.IN], row[at.UNITS], row[at.HIDDEN]
        wide, narrow = (inputs, hidden), (hidden, units)
        weights: Shapes = {"gate_weight": wide, "up_weight": wide, "down_weight": narrow}
        return weights, {"gate_bias": (hidden,), "up_bias": (hidden,), "down_bias": (units,)}

    def forward(self, x: Tensor, kept: Any = None) -> tuple[Tensor, None]:
        """(inputs,) -> (units,)."""
        gate, up = x @ self.gate_weight + self.gate_bias, x @ self.up_weight + self.up_bias
        z = (gate * torch.sigmoid(gate) * up) @ self.down_weight + self.down_bias
        return z + x if self.residual else z, None


class Move(Operation):
    """x, times a gate's value if there is one, divided. Has no parameters; its only "gradient" is the gate's error."""

    learns = False

    def forward(self, x: Tensor, kept: Any = None) -> tuple[Tensor, None]:
        """(units,), gate (1,) -> (units,)."""
        return (x if kept is None else x * kept) / self.sizes[at.DIVISOR], None

    def vjp(self, x: Tensor, kept: Any, delta: Tensor) -> tuple[Tensor, Gradients]:
        """(units,) -> (units,), and the gate's (1,)."""
        delta = delta / self.sizes[at.DIVISOR]
        return (delta, {}) if kept is None else (delta * kept, {"gate": torch.dot(delta, x)})


OPERATIONS: tuple[type[Operation], ...] = (Dense, Conv2D, RNN, LSTM, Attention, LayerNorm, SwiGLU, Move)


def parameter_views(table: NDArray[Any], block: Tensor) -> list[tuple[dict[str, Tensor], dict[str, Tensor]]]:
    """Every operation's weights and biases by name, as views of a block (P,) of the parameters."""
    views = []
    for row in table:
        start, parts = int(row[at.WEIGHT]), []
        for shapes in OPERATIONS[row[at.TYPE]].shapes(row):
            part = {}
            for name, (*rows, columns) in shapes.items():
                width = -(-int(columns) // at.PAD) * at.PAD
                end = start + math.prod(rows) * width
                part[name], start = block[start:end].view(*rows, width)[..., :columns], end
            parts.append(part)
        views.append((parts[0], parts[1]))
    return views


def operations(table: NDArray[Any], block: Tensor) -> list[Operation]:
    """The modules of a network, whose parameters share the memory of a block (P,)."""
    views = parameter_views(table, block)
    layers = [OPERATIONS[row[at.TYPE]](row, {**w, **b}) for row, (w, b) in zip(table, views, strict=True)]
    for layer, row in zip(layers, table, strict=True):
        layer.readers = int((table[:, at.X] == row[at.X]).sum())
        writers = np.flatnonzero((table[:, at.Y] == row[at.X]) & (table[:, at.UNITS] == row[at.IN]))
        if layer.readers == len(writers) == 1:
            layer.feeder = int(writers[0])
    return layers
