"""The gradient of networks whose tokens attend to each other: with an energy, and as the published looped block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from agentsim.batch import settings
from agentsim.batch.digits.equilibrium import EqPropEngine
from agentsim.batch.digits.images import CLASSES, PIXELS, batch_of, split_of
from agentsim.batch.digits.learners import ImageLearner
from agentsim.batch.digits.settings import DigitsConfig
from brains.kernels.reference.eqprop import contrast, field_contrast
from brains.kernels.reference.settling import Cost, Net, blockwise, settle

MOMENTS = (0, 100)  # updates that it has had
CONFIGS = ("energy-transformer", "looped-block")  # of configs/digits
IMAGES, BETA, SWEEPS, TOLERANCE = 32, 1e-3, 300, 1e-13


def examined(seed: int) -> list[dict[str, Any]]:
    """A row for each network and moment of its life: {net, cosines, residuals, sizes} and how it was nudged, on images
    of scikit-learn's digits, in float64, over all parameters."""
    rows = []
    for name in CONFIGS:
        config = settings.load(DigitsConfig, name, [f"seed={seed}"])
        learner, train = ImageLearner(config, PIXELS["digits"]), split_of("digits").train
        done = 0
        for moment in MOMENTS:
            for number in range(done, moment):
                learner.learn(batch_of(train, number, config.batch, config.shift, seed), number, 0.0)
            done = moment
            assert isinstance(learner.engine, EqPropEngine)
            cosine, residual, size = _examined(learner.engine)
            words = {"net": f"{name}, {moment} updates", "beta": BETA, "nudges": "two", "precision": "float64"}
            words |= {"sweeps": f"{SWEEPS}/{SWEEPS}"}
            rows.append({**words, "cosines": cosine, "residuals": residual, "sizes": size})
    return rows


@torch.no_grad()
def _examined(engine: EqPropEngine) -> tuple[float, float, float]:
    """(smallest cosine, residual of the free phase, size of the first weight's estimate over the true one's)."""
    images = split_of("digits").validation.first(IMAGES)
    x = torch.from_numpy(images.flat).double()
    cost = engine.cost(torch.nn.functional.one_hot(torch.from_numpy(images.labels), CLASSES).double())
    net = _in_double(engine.net)
    free = settle(net, net.forward(x), SWEEPS, tolerance=TOLERANCE)
    plus, minus = (
        settle(net, free.states, SWEEPS, beta=beta, cost=cost, tolerance=TOLERANCE).states for beta in (BETA, -BETA)
    )
    if net.has_energy:
        found = contrast(net, plus, minus, 2 * BETA)
    else:
        found = field_contrast(net, free.states, plus, minus, 2 * BETA)
    true = _by_autograd(net, x, cost, max(20, free.sweeps))
    mine = [*found.weights, *found.biases, *found.laterals]
    cosines = [
        float(torch.nn.functional.cosine_similarity(own.flatten(), right.flatten(), dim=0))
        for own, right in zip(mine, true, strict=True)
    ]
    return min(cosines), free.residual, float(found.weights[0].norm() / true[0].norm())


def _in_double(net: Net) -> Net:
    def double(tensors: Sequence[Tensor]) -> list[Tensor]:
        return [each.double() for each in tensors]

    laterals = {layer: (own, double(parameters)) for layer, (own, parameters) in net.laterals.items()}
    feedback = double(net.feedback) if net.feedback else None
    return replace(net, weights=double(net.weights), biases=double(net.biases), laterals=laterals, feedback=feedback)


def _by_autograd(net: Net, x: Tensor, cost: Cost, sweeps: int) -> tuple[Tensor, ...]:
    """Of the mean cost through so many sweeps, by weights, biases and what laterals are made of."""
    with torch.enable_grad():
        weights, biases = ([each.clone().requires_grad_() for each in own] for own in (net.weights, net.biases))
        laterals = {
            layer: (own, [each.clone().requires_grad_() for each in parameters])
            for layer, (own, parameters) in net.laterals.items()
        }
        own = replace(net, weights=weights, biases=biases, laterals=laterals)
        states, drive = own.forward(x), own.drive(x)
        for _ in range(sweeps):
            states = blockwise(own, states, drive, 0.0, None)
        within = [parameter for _, parameters in laterals.values() for parameter in parameters]
        return torch.autograd.grad(cost.value(states[-1]).mean(), [*weights, *biases, *within])
