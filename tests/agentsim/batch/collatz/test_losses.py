"""Losses against closed forms, and what changes in them during training."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from agentsim.batch.collatz.losses import anchor_weight, annealed, hinge, hinge_weights, log_loss
from agentsim.batch.collatz.settings import HingeLoss


def test_losses_are_their_closed_forms() -> None:
    m, w = torch.tensor([-0.05, 0.05, 0.1]), torch.tensor([10.0, 1.0, 1.0])
    assert hinge(m, w, 0.05).item() == pytest.approx(10 * 0.1 / 3)
    assert hinge(m[:0], w[:0], 0.05).item() == 0
    mu = 0.2
    m = torch.tensor([mu * (2 - math.e), mu * (2 - math.e**2), 1.0])  # log1p(relu(mu - m) / mu) = 1, 2, 0
    assert log_loss(m, torch.ones(3), mu).item() == pytest.approx(1.0)
    assert log_loss(m, torch.tensor([2.0, 1.0, 1.0]), mu).item() == pytest.approx(1.0)
    assert log_loss(m, torch.tensor([1.0, 5.0, 0.0]), mu).item() == pytest.approx(11 / 6)


def test_weights_and_anchor_are_the_published_ones() -> None:
    """10 / 1, 20 / 2 where hard; 1 for 1,000 batches, then .001^p over 5,000."""
    grows, hard = np.array([True, False, True, False]), np.array([False, False, True, True])
    assert hinge_weights(grows, hard, HingeLoss()).tolist() == [10, 1, 20, 2]
    found = [anchor_weight(batch, HingeLoss()) for batch in (0, 1_000, 3_500, 6_000, 99_999)]
    assert found == pytest.approx([1, 1, 0.001**0.5, 0.001, 0.001])
    assert anchor_weight(0, HingeLoss(anchor=False)) == 0
    assert [annealed((0.2, 0.05), p) for p in (0.0, 0.5, 1.0)] == pytest.approx([0.2, 0.1, 0.05])
