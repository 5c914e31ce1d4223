"""The rules of the stepping brain in torch: short, obviously right, and what every other kernel means.

One sample at a time; works in float64 too. `reference_layers` has the operations, which a rule goes through from the
last to the first; `reference_brain` puts both to work on a brain's arrays.

Deviations from the published Neural Tween: layers other than dense take part with their true local vector-Jacobian
product, and LayerNorm inside a dense layer is part of that product.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from brains.kernels import layout as at
from brains.kernels.reference_layers import Gradients, Operation


def clip(value: Tensor, limit: float) -> Tensor:
    """Clamp to +-limit, in place; non-finite values become 0."""
    return value.nan_to_num_(0.0, 0.0, 0.0).clamp_(-limit, limit)


class Wave:
    """Views of one row of activity, or of errors or targets in the same places.

    For operation k: x[k] and y[k], its input and output, and kept[k] as `reference_layers` has it. For those that
    carry a state: before[k] and after[k]. spans[k] is all that it owns. `world` is the network's input A[0], and
    `output` its output A[L].
    """

    def __init__(self, table: NDArray[Any], row: Tensor) -> None:
        sizes = [[int(size) for size in operation] for operation in table]
        self.row = row
        self.x = [row[op[at.X] : op[at.X] + op[at.IN]] for op in sizes]
        self.y = [row[op[at.Y] : op[at.Y] + op[at.UNITS]] for op in sizes]
        self.spans = [row[op[at.Y] : op[at.Y] + op[at.SPAN]] for op in sizes]
        self.before, self.after = (
            {k: row[op[start] : op[start] + op[at.STATE_SIZE]] for k, op in enumerate(sizes) if op[at.STATE_SIZE]}
            for start in (at.BEFORE, at.AFTER)
        )
        self.kept: list[Any] = [self.before.get(k) for k in range(len(sizes))]
        for k, op in enumerate(sizes):
            hat = op[at.CACHE]
            if op[at.NORMALIZE]:
                self.kept[k] = (row[hat : hat + op[at.UNITS]], row[hat + op[at.WIDTH] + at.PAD - 1])
            elif op[at.TYPE] == at.MOVE and op[at.GATE] >= 0:
                self.kept[k] = row[op[at.GATE] : op[at.GATE] + 1]
        self.world, self.output = self.x[0], self.y[-1]


def fire(layer: Operation, k: int, source: Wave, wave: Wave) -> None:
    """Operation k computes from its input in `source`, or in `wave` if it was written there, and writes into `wave`."""
    z, left = layer.forward((wave if layer.within else source).x[k], wave.kept[k])
    if layer.normalize:
        wave.kept[k][0].copy_(z)
        wave.kept[k][1].copy_(left)
    elif left is not None:
        wave.after[k].copy_(left)
    y = layer.activate(z)
    if layer.onto:
        wave.y[k].add_(y)
    else:
        wave.y[k].copy_(y)


# One sample's update, in the direction of ascent: (k, gradients, rate, bias rate) stands for rate x gradient of the
# weights of operation k and bias rate x gradient of its biases.
Update = list[tuple[int, Gradients, float, float]]


def hand_on(layer: Operation, k: int, errors: Wave, dx: Tensor) -> None:
    """Add dx to the error of what operation k read; without a copy, where it is all there is to that error."""
    if layer.feeder >= 0:
        errors.x[k] = errors.y[layer.feeder] = dx
    elif layer.adds:
        errors.x[k].add_(dx)
    else:
        errors.x[k].copy_(dx)


def hand_on_move(move: Operation, k: int, wave: Wave, errors: Wave, error: Tensor) -> None:
    """A move's error, back to what it moved and to its gate."""
    dx, gate = move.vjp(wave.x[k], wave.kept[k], error)
    hand_on(move, k, errors, dx)
    if gate:
        errors.kept[k].copy_(gate["gate"])


def backprop(layers: list[Operation], wave: Wave, errors: Wave, error: Tensor) -> Update:
    """Minus the gradient of the loss through the activations in `wave`; error = target - A[L].

    `errors` is working space.
    """
    errors.y[-1] = error
    update: Update = []
    for k, layer in reversed(list(enumerate(layers))):
        if not layer.learns:
            hand_on_move(layer, k, wave, errors, errors.y[k])
            continue
        delta = layer.through_activation(errors.y[k], wave.y[k])
        if layer.reads_world:  # whose error is nobody's
            update.append((k, layer.gradients(wave.x[k], wave.kept[k], delta), 1.0, 1.0))
            continue
        dx, gradients = layer.vjp(wave.x[k], wave.kept[k], delta)
        update.append((k, gradients, 1.0, 1.0))
        hand_on(layer, k, errors, dx)
    return update


def sideways(layers: list[Operation], wave: Wave, errors: Wave, error: Tensor, side: Wave) -> Update:
    """d_i(t) = act'(A[i+1](t)) W_{i+1} d_{i+1}(t-1); `side` holds d(t-1) and is given d(t). Arxiv 2001.06232.

    One operation a tick, those that move included; Jacobians are those of now.
    """
    for k, layer in reversed(list(enumerate(layers))):
        if not layer.learns:
            hand_on_move(layer, k, wave, errors, side.y[k])
        else:
            hand_on(layer, k, errors, layer.back(wave.x[k], wave.kept[k], side.y[k]))
    errors.y[-1] = error
    update: Update = []
    for k, layer in enumerate(layers):
        delta = errors.y[k]
        if layer.learns:
            delta = layer.through_activation(delta, wave.y[k])
            update.append((k, layer.gradients(wave.x[k], wave.kept[k], delta), 1.0, 1.0))
        side.y[k].copy_(delta)
    return update


def tween_chain(
    layers: list[Operation],
    wave: Wave,
    errors: Wave,
    error: Tensor,
    scales: list[Tensor],
    rates: list[float],
    to_world: bool = True,
) -> Update:
    """Neural Tween's chain: G[i] = clip(W l / sqrt(out), 10), l = clip(G[i+1] act' s, 10); leaves G in `errors`.

    `scales` are the depth scales s_i, `rates` are R_i = rate x type rate x s_i; G[0], which no update needs, only
    `to_world`.
    """
    errors.y[-1] = error
    update: Update = []
    for k, layer in reversed(list(enumerate(layers))):
        if not layer.learns:
            hand_on_move(layer, k, wave, errors, errors.y[k])
            continue
        x, kept = wave.x[k], wave.kept[k]
        raw = layer.through_activation(errors.y[k], wave.y[k], tween=True)
        update.append((k, layer.gradients(x, kept, raw), rates[k], rates[k]))
        if to_world or not layer.reads_world:
            link = clip(raw * scales[k], 10.0)
            hand_on(layer, k, errors, clip(layer.back(x, kept, link).mul_(layer.root), 10.0))
    return update


def tween_targets(layers: list[Operation], wave: Wave, targets: Wave, goal: Tensor) -> None:
    """The legacy targets: T[i]_a = sum_b W_ab T[i+1]_b / sum_b |W_ab|, clamped by layer i's activation, in `targets`.

    Of other layers W is the transposed Jacobian, or where sizes agree the identity; a gate's is what passed through it.
    What several operations read gets the mean of their targets.
    """
    targets.y[-1] = goal
    for k, layer in reversed(list(enumerate(layers))):
        target = targets.y[k]
        if not layer.learns and wave.kept[k] is not None:
            size = wave.x[k].abs().sum()
            targets.kept[k].copy_(torch.where(size > 0.01, torch.dot(target, wave.x[k]) / size, 0.0))
        if layer.passes_targets:
            said = target
        else:
            transpose = layer.transpose(wave.x[k], wave.kept[k])
            size = transpose.abs().sum(1)
            said = torch.where(size > 0.01, torch.mv(transpose, target) / size, 0.0)
        if layer.bounds:
            said = said.clamp(*layer.bounds)
        hand_on(layer, k, targets, said if layer.readers == 1 else said / layer.readers)


def link_budget(activation: Tensor, target: Tensor) -> float:
    """(cosine + 1) / 2; one half where either squared norm is at most 0.001."""
    a, t = float(activation @ activation), float(target @ target)
    if a <= 0.001 or t <= 0.001:
        return 0.5
    return (float(activation @ target) / math.sqrt(a * t) + 1.0) / 2.0


def tween(layers: list[Operation], wave: Wave, targets: Wave, goal: Tensor, rates: list[float]) -> Update:
    """The legacy heuristic's raw updates (0.01 rate x g, 0.1 rate g), g = T - A; a budget below 0.2 is skipped.

    Leaves T in `targets`. An activation's slope or a dense layer's normalisation has no part in it.
    """
    tween_targets(layers, wave, targets, goal)
    update: Update = []
    for k, layer in enumerate(layers):
        if not layer.learns:
            continue
        budget = link_budget(wave.y[k], targets.y[k])
        if budget >= 0.2:
            gradients = layer.gradients(wave.x[k], None if layer.normalize else wave.kept[k], targets.y[k] - wave.y[k])
            rate = rates[k] * (0.5 + 0.5 * budget)
            update.append((k, gradients, 0.01 * rate, 0.1 * rate))
    return update


def chain_targets(layers: list[Operation], wave: Wave, errors: Wave, goal: Tensor) -> list[tuple[Tensor, Tensor]]:
    """What the chain says of its links: (A, T) of the input of every operation that learns, then of the output.

    T = A + 0.1 G, clamped likewise, the goal for the output; G is what `tween_chain` left in `errors`.
    """
    links = []
    for k, layer in enumerate(layers):
        if layer.learns:
            low, high = layer.bounds or (-math.inf, math.inf)
            target = (wave.x[k] + 0.1 * errors.x[k]).clamp(-10.0 if high == 10.0 else low, high)
            links.append((wave.x[k], target))
    return [*links, (wave.output, goal)]


def average_gap(links: list[tuple[Tensor, Tensor]]) -> float:
    """The mean over the links of the mean squared A - T."""
    return sum(float((a - t).square().mean()) for a, t in links) / len(links)


def watch_explosion(health: Tensor, gap: float) -> None:
    """One average gap into what explosion detection remembers (the row HEALTH): the rates' multiplier of the next
    sample."""
    gaps, total, previous, streak, multiplier = (float(number) for number in health[: at.HEALTH_SIZE])
    multiplier = multiplier or 1.0
    if (previous > 0 and gap / previous > 1.5) or (gaps >= 10 and gap > 10.0 * (total / 10.0)):
        streak += 1
        multiplier = max(0.01, multiplier * (0.3 if streak > 10 else 0.5 if streak > 5 else 0.7))
    else:
        streak, multiplier = 0, min(1.0, multiplier * 1.05)
    if gaps < 10:
        gaps, total = gaps + 1, total + gap
    health[: at.HEALTH_SIZE] = health.new_tensor([gaps, total, gap, streak, multiplier])
