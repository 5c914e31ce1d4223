"""What the links of Neural Tween say: how far every layer is from where it should be, and in which direction."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from brains.kernels.program import activation, op
from brains.stepping.network import Network

CHAIN_STEP = 0.1  # a chain's target is the activation and so much of its error,
CHAIN_BOUNDS = {  # clamped by the activation of the layer that reads it
    activation.TANH: (-0.95, 0.95),
    activation.SIGMOID: (0.05, 0.95),
    activation.LEAKY_RELU: (-10.0, 10.0),
    activation.SCALED_RELU: (-10.0, 10.0),
}


class Link(NamedTuple):
    """Of one layer's output A and its target T: the budget (cos(A, T) + 1) / 2, one half where either squared norm is
    at most 0.001, and the gap, the mean of (A - T)^2."""

    budget: float
    gap: float


def links(network: Network, activations: NDArray[Any], left: NDArray[Any], kind: str) -> list[Link]:
    """The link of every layer, from a row of activity and what a rule left in a row of errors for it: `kind` says
    whether that is "targets", or "errors" G, of which T = A + 0.1 G, and at the output A + G."""
    found = []
    for place in network.places:
        here = slice(place.start, place.start + place.size)
        a, target = activations[here].astype(np.float64), left[here].astype(np.float64)
        if kind == "errors" and place is network.places[-1]:
            target = a + target
        elif kind == "errors":
            reader = network.table[network.table[:, op.X] == place.start][0]
            target = np.clip(a + CHAIN_STEP * target, *CHAIN_BOUNDS.get(int(reader[op.ACTIVATION]), (-np.inf, np.inf)))
        found.append(Link(budget(a, target), float(np.square(a - target).mean())))
    return found


def budget(a: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """(cosine + 1) / 2, or one half where there is no direction to speak of."""
    size, wanted = float(a @ a), float(target @ target)
    if size <= 0.001 or wanted <= 0.001:
        return 0.5
    return (float(a @ target) / math.sqrt(size * wanted) + 1.0) / 2.0
