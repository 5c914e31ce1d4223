"""Products with a whole population of perturbed matrices: a shared one, and a thin one a pair."""

from __future__ import annotations

import math

import numpy as np

from agentsim.compiled.cache import bound
from agentsim.compiled.vectors import WIDTH
from brains.brain import Float
from brains.evolution.engine import Place

SQUARED_ERRORS = "brains.kernels.cpu.evolution:squared_errors"


def squared_errors(x: Float, weights: Float, target: Float, place: Place, rows: Float, sigma: float) -> Float:
    """|x (W +- sigma E_p)' - target|^2 summed, (pairs, 2), without any member."""
    pairs, high, outputs = len(rows), len(weights), -(-len(weights) // WIDTH) * WIDTH
    wrong = np.zeros((len(x), outputs), np.float32)
    wrong[:, :high] = x @ weights.T - target
    if place.rank:
        a, b = place.factors(rows)
        projected = x @ np.ascontiguousarray(b.transpose(1, 0, 2)).reshape(x.shape[1], -1)
        scaled = np.zeros((pairs, place.rank, outputs), np.float32)
        scaled[..., :high] = np.swapaxes(a, 1, 2) * np.float32(sigma / math.sqrt(place.rank))
    else:
        scaled = np.zeros((pairs, outputs, x.shape[1]), np.float32)
        scaled[:, :high] = place.perturbation(rows) * np.float32(sigma)
        projected = x @ scaled.reshape(-1, x.shape[1]).T
    found = np.empty((pairs, 2), np.float32)
    addresses = [each.ctypes.data for each in (wrong, projected, scaled, found)]
    bound(SQUARED_ERRORS, np.array([pairs, len(x), outputs, place.rank, *addresses], np.int64))()
    return found
