"""Proximal policy optimisation (Schulman et al. 2017): advantages, and the loss of each step."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
ACTIONS = 2
OUTPUTS = ACTIONS + 1  # a logit for each action, and the value


def advantages(
    rewards: Array,
    values: Array,
    after: Array,
    terminated: NDArray[np.bool_],
    ended: NDArray[np.bool_],
    discount: float,
    trace: float,
) -> Array:
    """Generalised advantage estimates (Schulman et al. 2016), all (T, n): `values` of what was seen before each step,
    `after` of what was seen after it, before anything began anew. What `terminated` is worth nothing from there on;
    what `ended` because its time was over is worth what it would have been; neither hears of the next episode."""
    errors = rewards + discount * after * ~terminated - values
    found, running = np.zeros_like(errors), np.zeros(errors.shape[1])
    for step in range(len(errors) - 1, -1, -1):
        running = errors[step] + discount * trace * running * ~ended[step]
        found[step] = running
    return found


def losses(
    outputs: Tensor, actions: Tensor, before: Tensor, advantage: Tensor, target: Tensor, clip: float, value: float
) -> Tensor:
    """Of each step, (B,), of outputs (B, 3): the clipped surrogate, and `value` times the squared error of the value.
    `before` is the log-probability that the action had when it was taken."""
    chosen = torch.log_softmax(outputs[:, :ACTIONS], 1).gather(1, actions[:, None])[:, 0]
    ratio = torch.exp(chosen - before)
    surrogate = torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)
    return value * (outputs[:, ACTIONS] - target) ** 2 - surrogate


def normalised(advantage: Tensor) -> Tensor:
    """Of mean 0 and standard deviation 1."""
    return (advantage - advantage.mean()) / (advantage.std(correction=0) + 1e-8)


def shortened(gradient: list[Tensor], longest: float) -> list[Tensor]:
    """The gradient, no longer than that as a whole."""
    length = float(torch.sqrt(sum((each.square().sum() for each in gradient), torch.zeros(()))))
    return gradient if length <= longest else [each * (longest / length) for each in gradient]
