"""The activations and their derivatives, by number."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from brains.kernels import layout as at

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
