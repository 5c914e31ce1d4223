"""Neural Tween's chain, and what its links say: gaps, and whether they explode.

Deviations from the published Neural Tween: layers other than dense take part with their true local vector-Jacobian
product, and LayerNorm inside a dense layer is part of that product.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch import Tensor

from brains.kernels.program import option, row
from brains.kernels.reference.operation import Operation
from brains.kernels.reference.updates import clip, step_with_velocity
from brains.kernels.reference.wave import Update, Wave, hand_on, hand_on_move

if TYPE_CHECKING:
    from brains.kernels.reference.lane import Lane


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
    gaps, total, previous, streak, multiplier = (float(number) for number in health[: row.HEALTH_SIZE])
    multiplier = multiplier or 1.0
    if (previous > 0 and gap / previous > 1.5) or (gaps >= 10 and gap > 10.0 * (total / 10.0)):
        streak += 1
        multiplier = max(0.01, multiplier * (0.3 if streak > 10 else 0.5 if streak > 5 else 0.7))
    else:
        streak, multiplier = 0, min(1.0, multiplier * 1.05)
    if gaps < 10:
        gaps, total = gaps + 1, total + gap
    health[: row.HEALTH_SIZE] = health.new_tensor([gaps, total, gap, streak, multiplier])


def sample(lane: Lane, wave: Wave, goal: Tensor, now: bool) -> tuple[float, Update]:
    """A sample's loss, the squared error, and its update, slowed while its gaps explode if that is to be detected."""
    error = goal - wave.output
    loss = float(error @ error)
    rates, explosion = lane.chain_rates, bool(lane.options[option.EXPLOSION])
    if explosion and lane.health[row.MULTIPLIER] > 0:
        rates = [own * float(lane.health[row.MULTIPLIER]) for own in rates]
    found = tween_chain(lane.layers, wave, lane.errors, error, lane.scales, rates, to_world=explosion)
    if explosion:
        watch_explosion(lane.health, average_gap(chain_targets(lane.layers, wave, lane.errors, goal)))
    return loss, found


def update(lane: Lane) -> bool:
    """Velocities of clipped gradients."""
    return step_with_velocity(lane, 1.0)
