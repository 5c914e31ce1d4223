"""The maths of the stepping brain in torch: short, obviously right, and what every other kernel means.

One sample at a time; works in float64 too. `reference_brain` puts it to work on a brain's arrays.

Deviations from the published Neural Tween: layers other than dense take part with their true local vector-Jacobian
product, and LayerNorm inside a dense layer is part of that product.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from brains.kernels import layout as at


def clip(value: Tensor, limit: float) -> Tensor:
    """Clamp to +-limit, in place; non-finite values become 0."""
    return value.nan_to_num_(0.0, 0.0, 0.0).clamp_(-limit, limit)


ZERO = {dtype: torch.zeros((), dtype=dtype) for dtype in (torch.float32, torch.float64)}
ONE = {dtype: torch.ones((), dtype=dtype) for dtype in (torch.float32, torch.float64)}


# the clamp of a legacy target, by the activation of the layer that consumes it
BOUNDS = {at.TANH: (-0.95, 0.95), at.SIGMOID: (0.05, 0.95), at.LEAKY_RELU: (0.0, 10.0), at.SCALED_RELU: (0.0, 10.0)}

ACTIVATE: dict[int, Callable[[Tensor], Tensor]] = {
    at.LINEAR: lambda z: z,
    at.TANH: torch.tanh,
    at.SIGMOID: torch.sigmoid,
    at.LEAKY_RELU: partial(nn.functional.leaky_relu, negative_slope=0.1),
    at.SCALED_RELU: lambda z: torch.relu(1.1 * z),
    at.SOFTPLUS: nn.functional.softplus,
    at.SOFTMAX: lambda z: torch.softmax(z, 0),
}

# the derivative of each activation from its output y
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


class Dense(nn.Module):
    """y = activation(normalize(x W + b)), x (inputs,), W (inputs, units), y (units,)."""

    def __init__(self, weight: Tensor, bias: Tensor, activation: int, normalize: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=weight.requires_grad)
        self.bias = nn.Parameter(bias, requires_grad=bias.requires_grad)
        self.normalize = normalize
        self.activate, self.slope, self.tween_slope = ACTIVATE[activation], SLOPE[activation], TWEEN_SLOPE[activation]
        self.bounds = BOUNDS.get(activation)
        self.terms = (
            self.bias,
            self.weight.T,
            self.weight,
        )  # a module's attributes are slow to look up, and this is the tick path
        self.root = bias.new_tensor(len(bias) ** -0.5)  # tensors multiply faster by tensors than by numbers

    def affine(self, x: Tensor) -> Tensor:
        """x W + b."""
        bias, weight, _ = self.terms
        return torch.addmv(bias, weight, x)

    def forward(self, x: Tensor) -> Tensor:
        """(inputs,) -> (units,)."""
        z = self.affine(x)
        return self.activate(layer_norm(z)[0] if self.normalize else z)


def layer_norm(z: Tensor) -> tuple[Tensor, Tensor]:
    """Parameter-free LayerNorm of z (units,), and 1 / its deviation."""
    inverse = torch.rsqrt(z.var(unbiased=False) + at.LAYER_NORM_EPSILON)
    return (z - z.mean()) * inverse, inverse


def through_layer_norm(delta: Tensor, hat: Tensor, inverse: Tensor) -> Tensor:
    """delta times the Jacobian of LayerNorm at hat: (d - mean d - hat mean(d hat)) / deviation."""
    return (delta - delta.mean() - hat * (delta * hat).mean()) * inverse


class Wave:
    """Views of one row of activity: outputs[i] = A[i] and, where layer i normalises, hats[i] and inverses[i]."""

    def __init__(self, layers: NDArray[Any], row: Tensor) -> None:
        starts = [(0, int(layers[0, at.IN])), *((int(layer[at.Y]), int(layer[at.UNITS])) for layer in layers)]
        self.outputs = [row[start : start + size] for start, size in starts]
        self.norms: dict[int, tuple[Tensor, Tensor]] = {}  # layer -> (normalised pre-activations, 1 / deviation)
        for i, layer in enumerate(layers):
            if layer[at.NORMALIZE]:
                start, units, width = (int(layer[column]) for column in (at.HAT, at.UNITS, at.WIDTH))
                self.norms[i] = (row[start : start + units], row[start + width + at.PAD - 1])


def fire(layer: Dense, i: int, x: Tensor, wave: Wave) -> None:
    """Layer i computes from x and writes its output into the wave."""
    z = layer.affine(x)
    if layer.normalize:
        z, inverse = layer_norm(z)
        wave.norms[i][0].copy_(z)
        wave.norms[i][1].copy_(inverse)
    wave.outputs[i + 1].copy_(layer.activate(z))


def before_norm(i: int, delta: Tensor, wave: Wave) -> Tensor:
    """delta taken back through layer i's LayerNorm, if it has one."""
    return through_layer_norm(delta, *wave.norms[i]) if i in wave.norms else delta


# One sample's update of every layer, in the direction of ascent: (x, d, rate, bias rate) stands for the weight's
# rate (x outer d) and the bias's bias_rate d.
Update = list[tuple[Tensor, Tensor, float, float]]


def backprop(layers: list[Dense], wave: Wave, error: Tensor) -> Update:
    """Minus the gradient of the loss through the activations in `wave`; error = target - A[L]."""
    update: Update = []
    for i in reversed(range(len(layers))):
        delta = before_norm(i, error * layers[i].slope(wave.outputs[i + 1]), wave)
        update.append((wave.outputs[i], delta, 1.0, 1.0))
        error = torch.mv(layers[i].weight, delta)
    return update[::-1]


def sideways(layers: list[Dense], wave: Wave, error: Tensor, side: list[Tensor]) -> Update:
    """d_i(t) = act'(A[i+1](t)) W_{i+1} d_{i+1}(t-1); `side` holds d(t-1) and is given d(t). Arxiv 2001.06232."""
    errors = [torch.mv(above.weight, d) for above, d in zip(layers[1:], side[1:], strict=True)]
    update: Update = []
    for i, late in enumerate([*errors, error]):
        delta = before_norm(i, late * layers[i].slope(wave.outputs[i + 1]), wave)
        update.append((wave.outputs[i], delta, 1.0, 1.0))
    for d, (_, delta, _, _) in zip(side, update, strict=True):
        d.copy_(delta)
    return update


def tween_chain(
    layers: list[Dense], wave: Wave, error: Tensor, scales: list[Tensor], rates: list[float]
) -> tuple[Update, list[Tensor]]:
    """Neural Tween's chain: G[i] = clip(W l / sqrt(out), 10), l = clip(G[i+1] act' s, 10).

    `scales` are the depth scales s_i, `rates` are R_i = rate x type rate x s_i. Returns (R x l, R l) and G[0..L].
    """
    update, chain = [], [error]
    for i, layer in reversed(list(enumerate(layers))):
        raw = chain[-1] * layer.tween_slope(wave.outputs[i + 1])
        update.append((wave.outputs[i], before_norm(i, raw, wave), rates[i], rates[i]))
        link = before_norm(i, clip(raw * scales[i], 10.0), wave)
        chain.append(clip(torch.mv(layer.terms[2], link).mul_(layer.root), 10.0))
    return update[::-1], chain[::-1]


def tween_targets(layers: list[Dense], goal: Tensor) -> list[Tensor]:
    """The legacy targets T[0..L]: T[i]_a = sum_b W_ab T[i+1]_b / sum_b |W_ab|, clamped by layer i's activation."""
    targets = [goal]
    for layer in reversed(layers):
        size = layer.weight.abs().sum(1)
        total = torch.mv(layer.weight, targets[-1])
        target = torch.where(size > 0.01, total / size, 0.0)
        targets.append(target.clamp(*layer.bounds) if layer.bounds else target)
    return targets[::-1]


def link_budget(activation: Tensor, target: Tensor) -> float:
    """(cosine + 1) / 2; one half where either squared norm is at most 0.001."""
    a, t = float(activation @ activation), float(target @ target)
    if a <= 0.001 or t <= 0.001:
        return 0.5
    return (float(activation @ target) / math.sqrt(a * t) + 1.0) / 2.0


def tween(layers: list[Dense], wave: Wave, goal: Tensor, rates: list[float]) -> Update:
    """The legacy heuristic's raw updates (0.01 rate x g, 0.1 rate g), g = T - A; a budget below 0.2 is skipped."""
    targets = tween_targets(layers, goal)
    update: Update = []
    for i in range(len(layers)):
        gap = targets[i + 1] - wave.outputs[i + 1]
        budget = link_budget(wave.outputs[i + 1], targets[i + 1])
        rate = rates[i] * (0.5 + 0.5 * budget) if budget >= 0.2 else 0.0
        update.append((wave.outputs[i], gap, 0.01 * rate, 0.1 * rate))
    return update


def chain_targets(layers: list[Dense], wave: Wave, chain: list[Tensor], goal: Tensor) -> list[Tensor]:
    """Diagnostics of the chain, never used for learning: T[i] = A[i] + 0.1 G[i], clamped likewise; T[L] = the goal."""
    targets = []
    for layer, a, g in zip(layers, wave.outputs[:-1], chain[:-1], strict=True):
        low, high = layer.bounds or (-math.inf, math.inf)
        targets.append((a + 0.1 * g).clamp(-10.0 if high == 10.0 else low, high))
    return [*targets, goal]
