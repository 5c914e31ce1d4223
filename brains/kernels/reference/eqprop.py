"""Equilibrium propagation: the gradient that lies between two states of a network, nudged to either side.

Scellier and Bengio 2017. With feedback gains (FRE-RNN, arXiv 2508.11659) it stays exact, since the contrast of W_l is
divided by the gains above it; `settling` has the energy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from brains.kernels.reference.laterals import along
from brains.kernels.reference.settling import Cost, Dynamics, Net, States, blockwise, settle


@dataclass(frozen=True)
class Gradient:
    """Of the mean cost with respect to weights and biases, to `feedback` where it is learned by itself, to the
    parameters of `laterals`, layer by layer, and to a gate."""

    weights: list[Tensor]
    biases: list[Tensor]
    feedback: list[Tensor] = field(default_factory=list)
    laterals: list[Tensor] = field(default_factory=list)
    gate: list[Tensor] = field(default_factory=list)

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter([*self.weights, *self.biases, *self.feedback, *self.laterals, *self.gate])


def contrast(net: Net, plus: States, minus: States, span: float) -> Gradient:
    """-(s_l+' s_(l+1)+ - s_l-' s_(l+1)-) / (span B), over the gains above W_l; `span`: of the two betas."""
    weights, biases, gate = [], [], []
    for layer in range(net.depth):
        share, link = -1 / (span * len(plus[0]) * _above(net, layer)), net.link(layer)
        change = share * (plus[layer + 1] - minus[layer + 1])
        if layer == 0 and net.gate:  # each factor learns by the other
            factor, other = net.factors(plus[0])
            gate = [link.outer(plus[0], change * factor), link.over_rows(change * factor)]
            change = change * other
        biases.append(link.over_rows(change))
        weights.append(link.outer(minus[layer], change))
        if layer > 0:  # what is clamped is the same in both
            weights[-1] += link.outer(share * (plus[layer] - minus[layer]), plus[layer + 1])
    laterals = []
    for layer, (_, parameters) in sorted(net.laterals.items()):
        share, lateral = -1 / (span * len(plus[0]) * _above(net, layer - 1)), net.lateral_energy(layer)
        pairs = zip(lateral.slopes(plus[layer], parameters), lateral.slopes(minus[layer], parameters), strict=True)
        laterals += [share * (up - down) for up, down in pairs]
    return Gradient(weights, biases, laterals=laterals, gate=gate)


def field_contrast(net: Net, free: States, plus: States, minus: States, span: float) -> Gradient:
    """That of a vector field: what a unit was moved by, times what it hears in the free state; no gradient in general.

    Scellier et al. 2018. `feedback`[l] moves s_l from s_(l+1), so its own contrast is (s_l+ - s_l-)' s_(l+1).
    """
    assert net.gate is None
    weights, biases, feedback = [], [], []
    for layer in range(net.depth):
        share, link = -1 / (span * len(free[0]) * _above(net, layer)), net.link(layer)
        change = share * (plus[layer + 1] - minus[layer + 1])
        weights.append(link.outer(free[layer], change))
        biases.append(link.over_rows(change))
        feedback.append(link.outer(share * (plus[layer] - minus[layer]), free[layer + 1]))
    laterals = []
    for layer, (lateral, parameters) in sorted(net.laterals.items()):
        share = -1 / (span * len(free[0]) * _above(net, layer - 1))
        laterals += along(lateral, free[layer], parameters, share * (plus[layer] - minus[layer]))
    return Gradient(weights, biases, feedback, laterals)


def _above(net: Net, layer: int) -> float:
    """c_L / c_(l+1), the gains between what W_l drives and the last layer."""
    return math.prod(net.gain(above) for above in range(layer + 1, net.depth))


def holomorphic(
    net: Net, free: States, cost: Cost, *, radius: float, points: int, sweeps: int, dynamics: Dynamics = blockwise
) -> Gradient:
    """The derivative at beta = 0 by Cauchy's integral over `points` on a circle of that radius (Laborieux and Zenke
    2022): complex states, smooth units; 2 points are the symmetric estimate."""
    assert net.gate is None
    complex_type = torch.complex128 if free[0].dtype == torch.float64 else torch.complex64
    start = [s.to(complex_type) for s in free]
    drive = net.drive(start[0])
    total: list[Tensor] | None = None
    for point in range(points):
        turn = complex(math.cos(2 * math.pi * point / points), math.sin(2 * math.pi * point / points))
        states = settle(net, start, sweeps, beta=radius * turn, cost=cost, dynamics=dynamics, drive=drive).states
        found = [
            turn.conjugate() * each
            for each in (
                *(net.link(layer).outer(states[layer], states[layer + 1]) for layer in range(net.depth)),
                *(net.link(layer).over_rows(states[layer + 1]) for layer in range(net.depth)),
            )
        ]
        total = found if total is None else [old + new for old, new in zip(total, found, strict=True)]
    assert total is not None
    shares = [-1 / (points * radius * len(free[0]) * _above(net, layer)) for layer in range(net.depth)]
    scaled = [share * each.real for share, each in zip(shares * 2, total, strict=True)]
    return Gradient(scaled[: net.depth], scaled[net.depth :])


def homeostasis(net: Net, vectors: list[Tensor], top: float, bound: float) -> tuple[list[float], list[Tensor]]:
    """gamma_l = min(top, bound / sigma_max(W_l)^2) for l = 1 .. L - 1, by one power iteration from the unit `vectors`
    of the last time, (n_(l+1),) each, which come back moved on. It keeps the settling a contraction as weights grow.

    The spectral radius of a parallel sweep is at most 2 cos(pi / (L + 1)) max_l sqrt(gamma_l) sigma_max(W_l).
    """
    gains, moved_on = [1.0], [vectors[0]]
    for layer, vector in enumerate(vectors[1:], start=1):
        image = linear(net, layer, fallen(net, layer, vector[None]))[0]
        squared = float(image.norm())
        gains.append(min(top, bound / max(squared, 1e-12)))
        moved_on.append(image / squared if squared > 0 else vector)
    return gains, moved_on


def linear(net: Net, layer: int, below: Tensor) -> Tensor:
    """What W of a layer 0 .. L - 1 makes of states of it, without a bias."""
    return net.link(layer).up(below, net.weights[layer], torch.zeros_like(net.biases[layer]))


def fallen(net: Net, layer: int, above: Tensor) -> Tensor:
    """What comes down to a layer 0 .. L - 1 by W, unscaled."""
    return net.link(layer).down(above.new_zeros(()), above, net.weights[layer], 1.0)


def contraction_bound(depth: int) -> float:
    """The largest `bound` of homeostasis at which parallel sweeps of L = `depth` layers are a contraction."""
    return 1 / (4 * math.cos(math.pi / (depth + 1)) ** 2) if depth > 1 else math.inf
