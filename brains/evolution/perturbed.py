"""Products with a whole population of perturbed matrices: a shared one, and a thin one a pair."""

from __future__ import annotations

import math

import numpy as np

from agentsim.compiled.cache import bound
from agentsim.compiled.vectors import WIDTH
from brains.brain import Float
from brains.evolution.engine import Place

SQUARED_ERRORS = "brains.kernels.cpu.evolution:squared_errors"


def product(x: Float, weights: Float, place: Place, rows: Float, sigma: float) -> Float:
    """x (W +- sigma E_p)' of inputs that all members share: x (samples, in), W (out, in), rows of noise; returns
    (pairs, 2, samples, out), + and -."""
    shared = x @ weights.T
    if place.rank:
        a, b = place.factors(rows)
        step = (x @ b) @ np.swapaxes(a, 1, 2) * np.float32(sigma / math.sqrt(place.rank))
    else:
        step = x @ np.swapaxes(place.perturbation(rows), 1, 2) * np.float32(sigma)
    return np.stack((shared + step, shared - step), axis=1)


def squared_errors(x: Float, weights: Float, target: Float, place: Place, rows: Float, sigma: float) -> Float:
    """|x (W +- sigma E_p)' - target|^2 summed, (pairs, 2); where the rank is low, no member is made."""
    if not place.rank:
        return np.square(product(x, weights, place, rows, sigma) - target).sum((2, 3))
    a, b = place.factors(rows)
    pairs, outputs = len(rows), -(-len(weights) // WIDTH) * WIDTH
    wrong = np.zeros((len(x), outputs), np.float32)
    wrong[:, : len(weights)] = x @ weights.T - target
    projected = x @ np.ascontiguousarray(b.transpose(1, 0, 2)).reshape(x.shape[1], -1)
    scaled = np.zeros((pairs, place.rank, outputs), np.float32)
    scaled[..., : len(weights)] = np.swapaxes(a, 1, 2) * np.float32(sigma / math.sqrt(place.rank))
    found = np.empty((pairs, 2), np.float32)
    addresses = [each.ctypes.data for each in (wrong, projected, scaled, found)]
    bound(SQUARED_ERRORS, np.array([pairs, len(x), outputs, place.rank, *addresses], np.int64))()
    return found
