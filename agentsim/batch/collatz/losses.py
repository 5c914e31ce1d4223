"""Losses on margins m = V(n) - V(T(n)), which should be above 0, and what changes in them during training."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agentsim.batch.collatz.settings import HingeLoss


def hinge(margins: Tensor, weights: Tensor, margin: float) -> Tensor:
    """mean w relu(margin - m), a scalar, of (N,) margins; 0 of none."""
    return (weights * torch.relu(margin - margins)).sum() / max(len(margins), 1)


def log_loss(margins: Tensor, weights: Tensor, mu: float) -> Tensor:
    """Weighted mean of log1p(relu(mu - m) / mu), a scalar: its slope falls with the violation, so that a few numbers
    which cannot be mended do not outweigh the many at the border."""
    return (weights * torch.log1p(torch.relu(mu - margins) / mu)).sum() / weights.sum()


def hinge_weights(grows: NDArray[np.bool_], hard: NDArray[np.bool_], loss: HingeLoss) -> NDArray[np.float64]:
    """w, (N,)."""
    return np.where(
        hard,
        np.where(grows, loss.hard_growth_weight, loss.hard_decay_weight),
        np.where(grows, loss.growth_weight, loss.decay_weight),
    )


def anchor_weight(batch: int, loss: HingeLoss) -> float:
    """a(t): 1 at first, then anchor_end^p, p = 0 .. 1."""
    over = (batch - loss.anchor_batches) / loss.anchor_decay_batches
    return loss.anchor_end ** min(max(over, 0.0), 1.0) if loss.anchor else 0.0


def annealed(ends: tuple[float, float], progress: float) -> float:
    """From the first to the last, geometrically, as progress goes from 0 to 1."""
    first, last = ends
    return first * (last / first) ** progress
