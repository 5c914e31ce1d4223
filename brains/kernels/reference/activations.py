"""The activations and their derivatives, by number."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from brains.kernels.program import activation

ZERO = {dtype: torch.zeros((), dtype=dtype) for dtype in (torch.float32, torch.float64)}
ONE = {dtype: torch.ones((), dtype=dtype) for dtype in (torch.float32, torch.float64)}

# the clamp of a legacy target, by the activation of the layer that consumes it
BOUNDS = {
    activation.TANH: (-0.95, 0.95),
    activation.SIGMOID: (0.05, 0.95),
    activation.LEAKY_RELU: (0.0, 10.0),
    activation.SCALED_RELU: (0.0, 10.0),
}

ACTIVATE: dict[int, Callable[[Tensor], Tensor]] = {
    activation.LINEAR: lambda z: z,
    activation.TANH: torch.tanh,
    activation.SIGMOID: torch.sigmoid,
    activation.LEAKY_RELU: partial(functional.leaky_relu, negative_slope=0.1),
    activation.SCALED_RELU: lambda z: torch.relu(1.1 * z),
    activation.SOFTPLUS: functional.softplus,
    activation.SOFTMAX: lambda z: torch.softmax(z, 0),
    activation.SHARES: lambda z: torch.softmax(z, 0),
}

# the derivative of each activation from its output y; SHARES has a Jacobian instead
SLOPE: dict[int, Callable[[Tensor], Tensor]] = {
    activation.LINEAR: torch.ones_like,
    activation.TANH: lambda y: 1.0 - y * y,
    activation.SIGMOID: lambda y: y * (1.0 - y),
    activation.LEAKY_RELU: lambda y: torch.heaviside(y, ONE[y.dtype]).clamp_(min=0.1),
    activation.SCALED_RELU: lambda y: torch.heaviside(y, ZERO[y.dtype]).mul_(1.1),
    activation.SOFTPLUS: lambda y: 1.0 - torch.exp(-y),
    activation.SOFTMAX: torch.ones_like,  # of its loss, the cross-entropy
}

# the tween chain's form of it, which keeps the smooth ones from vanishing
TWEEN_SLOPE: dict[int, Callable[[Tensor], Tensor]] = {
    **SLOPE,
    activation.TANH: lambda y: 1.01 - y * y,
    activation.SIGMOID: lambda y: y * (1.0 - y) + 0.01,
    activation.SOFTPLUS: lambda y: torch.sigmoid(y) + 0.01,
}
