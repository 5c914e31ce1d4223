"""A network of layers that settles into a minimum of its energy, free or nudged by a cost.

A network of layers s_0 = x (clamped), s_1 .. s_L, (B, n_l) each, with weights W_l (n_l, n_(l+1)) and the energy

    E(s) = sum over l >= 1 of c_l [R(s_l) - b_l s_l - s_(l-1) W_(l-1) s_l],    c_1 = 1, c_(l+1) = gamma_l c_l

where R' is the inverse of the units' nonlinearity; for units in a box, R(s) = s^2 / 2. Its minimum over one layer is
s_l = sigma(z_l), z_l = s_(l-1) W_(l-1) + b_l + gamma_l s_(l+1) W_l'. A cost C of the last layer nudges:
F = E + beta c_L C. Scellier and Bengio 2017 (gamma = 1); a gain gamma below 1 is the feedback scaling of FRE-RNN (arXiv
2508.11659), and exact here, since the contrast of W_l is divided by the gains above it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from brains.kernels.reference.laterals import Lateral, LateralEnergy
from brains.kernels.reference.links import DENSE, Link
from brains.kernels.reference.units import Units

States = list[Tensor]  # s_0 .. s_L


@dataclass(frozen=True)
class Net:
    """weights[l] (n_l, n_(l+1)) and biases[l] (n_(l+1),), units[l] of s_(l+1), for l = 0 .. L - 1.

    gains[l] is gamma_l for l = 1 .. L - 1; gains[0] has no meaning. `feedback`[l], where it is given, takes the place
    of W_l on the way down: then there is no energy, but a vector field (Scellier et al. 2018). links[l] says how W_l
    joins its layers, each unit with each where none are given; states are (B, n_l) whatever they are. laterals[l], of a
    layer 1 .. L, is what its units do to each other, and by which parameters: it adds an energy of its own to R(s_l).
    `gate`, (G (n_0, n_1), g (n_1,)), multiplies the drive of the first layer: (x W_0 + b_1)(x G + g), which only
    `contrast` learns.
    """

    weights: Sequence[Tensor]
    biases: Sequence[Tensor]
    units: Sequence[Units]
    gains: Sequence[float] = ()
    feedback: Sequence[Tensor] | None = None
    links: Sequence[Link] = ()
    laterals: Mapping[int, tuple[Lateral, Sequence[Tensor]]] = field(default_factory=dict)
    gate: tuple[Tensor, Tensor] | None = None

    @property
    def depth(self) -> int:
        """L, the layers that settle."""
        return len(self.weights)

    def link(self, layer: int) -> Link:
        """How W of a layer 0 .. L - 1 joins it and the next."""
        return self.links[layer] if self.links else DENSE

    def driven(self, layer: int, below: Tensor) -> Tensor:
        """What the layer below drives a layer 1 .. L with, and its bias."""
        return self.link(layer - 1).up(below, self.weights[layer - 1], self.biases[layer - 1])

    def gain(self, layer: int) -> float:
        """gamma of what comes down to a layer 1 .. L - 1 from the one above."""
        return self.gains[layer] if self.gains else 1.0

    def scale(self, layer: int) -> float:
        """c of a layer 1 .. L."""
        return math.prod(self.gain(below) for below in range(1, layer))

    def drive(self, x: Tensor) -> Tensor:
        """x W_0 + b_1, or that times the gate: what the clamped input does to the first layer, once a settling."""
        first, *other = self.factors(x)
        return first * other[0] if other else first

    def factors(self, x: Tensor) -> list[Tensor]:
        """Of the drive: one, or two where there is a gate."""
        first = self.driven(1, x)
        return [first, self.link(0).up(x, *self.gate)] if self.gate else [first]

    def field(self, states: States, layer: int, drive: Tensor) -> Tensor:
        """z of a layer 1 .. L."""
        z = drive if layer == 1 else self.driven(layer, states[layer - 1])
        if layer < self.depth:
            down = (self.feedback or self.weights)[layer]
            z = self.link(layer).down(z, states[layer + 1], down, self.gain(layer))
        if layer in self.laterals:
            lateral, parameters = self.laterals[layer]
            z = z + lateral.pull(states[layer], parameters)
        return z

    def forward(self, x: Tensor, drive: Tensor | None = None) -> States:
        """One pass upwards, without what comes down: where a free phase starts."""
        states, z = [x], self.drive(x) if drive is None else drive
        for layer, units in enumerate(self.units, start=1):
            if layer > 1:
                z = self.driven(layer, states[-1])
            states.append(units.of(z))
        return states

    def energy(self, states: States) -> Tensor:
        """E of each sample, (B,)."""
        total = torch.zeros(len(states[0]), dtype=states[0].dtype)
        for layer, units in enumerate(self.units, start=1):
            z = self.drive(states[0]) if layer == 1 else self.driven(layer, states[layer - 1])
            own = (units.potential(states[layer]) - states[layer] * z).sum(1)
            if layer in self.laterals:
                own = own + self.lateral_energy(layer).energy(states[layer], self.laterals[layer][1])
            total = total + self.scale(layer) * own
        return total

    @property
    def has_energy(self) -> bool:
        """Whether it is no vector field."""
        return not self.feedback and all(isinstance(own, LateralEnergy) for own, _ in self.laterals.values())

    def lateral_energy(self, layer: int) -> LateralEnergy:
        """The lateral of a layer. Raises TypeError where it has no energy."""
        lateral = self.laterals[layer][0]
        if not isinstance(lateral, LateralEnergy):
            raise TypeError(f"{type(lateral).__name__} has no energy: it is a vector field")
        return lateral


# --- costs of the last layer ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """`value(s_L)` (B,), and `pull(s_L)` = -dC / ds_L (B, n_L). `target` is that of half the squared error: with units
    in a box the nudged layer is then minimised exactly, (z + beta target) / (1 + beta)."""

    value: Callable[[Tensor], Tensor]
    pull: Callable[[Tensor], Tensor]
    target: Tensor | None = None


def squared_error(target: Tensor) -> Cost:
    """C = |s_L - y|^2 / 2."""
    return Cost(lambda s: ((s - target) ** 2).sum(1) / 2, lambda s: target - s, target)


def cross_entropy(target: Tensor, temperature: float = 1.0) -> Cost:
    """C = -log softmax(kappa s_L)[label], with one-hot targets and the inverse temperature kappa."""
    return Cost(
        lambda s: -(target * torch.log_softmax(temperature * s, 1)).sum(1),
        lambda s: temperature * (target - _softmax(temperature * s)),
    )


def read_out(target: Tensor, weight: Tensor, bias: Tensor) -> Cost:
    """Cross-entropy of logits o = s_L W_out + b_out outside of the system (Laborieux et al. 2021)."""

    def logits(s: Tensor) -> Tensor:
        return torch.addmm(bias.to(s.dtype), s, weight.to(s.dtype))

    return Cost(
        lambda s: -(target * torch.log_softmax(logits(s), 1)).sum(1),
        lambda s: (target - _softmax(logits(s))) @ weight.to(s.dtype).T,
    )


def _softmax(z: Tensor) -> Tensor:
    """Over the columns, of complex numbers too."""
    powers = torch.exp(z - z.real.amax(1, keepdim=True))
    return powers / powers.sum(1, keepdim=True)


def force(gradient: Tensor) -> Cost:
    """Any loss by its gradient at the free state, (B, n_L): C = gradient . s_L, which pulls with a constant force."""
    return Cost(lambda s: (gradient * s).sum(1), lambda s: -gradient.to(s.dtype).expand_as(s))


# --- dynamics: one sweep from states to states ---------------------------------------------------------------------


def blockwise(net: Net, states: States, drive: Tensor, beta: complex, cost: Cost | None) -> States:
    """Each layer becomes its own minimum, from the last to the first: E, or F, never rises for units in a box with a
    squared error and |beta| < 1 (Scellier et al. 2023). Units that do things to each other fire from what they were."""
    states = list(states)
    for layer in range(net.depth, 0, -1):
        states[layer] = _fired(net, layer, net.field(states, layer, drive), states[layer], beta, cost)
    return states


def discrete(net: Net, states: States, drive: Tensor, beta: complex, cost: Cost | None) -> States:
    """All layers at once, each from what the others just were (Ernoult et al. 2019)."""
    fired = [
        _fired(net, layer, net.field(states, layer, drive), states[layer], beta, cost)
        for layer in range(1, net.depth + 1)
    ]
    return [states[0], *fired]


EULER_STEP = 0.5


def euler(net: Net, states: States, drive: Tensor, beta: complex, cost: Cost | None) -> States:
    """All layers a step down the gradient of E, or F, within their boxes (Scellier and Bengio 2017).

    The slope of the units is 1 on the closed box, its borders too, or they would stick there.
    """
    moved = [states[0]]
    for layer, units in enumerate(net.units, start=1):
        s = states[layer]
        slope = net.field(states, layer, drive) - s
        if cost is not None and layer == net.depth:
            slope = slope + beta * cost.pull(s)
        moved.append(units.of(s + EULER_STEP * slope))
    return moved


Dynamics = Callable[[Net, States, Tensor, complex, Cost | None], States]
DYNAMICS: dict[str, Dynamics] = {"blockwise": blockwise, "discrete": discrete, "euler": euler}


def _fired(net: Net, layer: int, z: Tensor, s: Tensor, beta: complex, cost: Cost | None) -> Tensor:
    """sigma(z), nudged in the last layer: for a squared error in a box exactly, else by a force at what it just was."""
    units = net.units[layer - 1]
    if cost is None or layer < net.depth or beta == 0:
        return units.of(z)
    if cost.target is not None and units.box is not None:
        return units.of((z + beta * cost.target) / (1 + beta))
    return units.of(z + beta * cost.pull(s))


@dataclass(frozen=True)
class Settled:
    """Where a settling ended: the states before and after the last sweep, and how many it took."""

    before: States
    states: States
    sweeps: int

    @property
    def residual(self) -> float:
        """The largest change of a unit in the last sweep."""
        return moved(self.before, self.states)


def settle(
    net: Net,
    states: States,
    sweeps: int,
    *,
    beta: complex = 0.0,
    cost: Cost | None = None,
    dynamics: Dynamics = blockwise,
    drive: Tensor | None = None,
    tolerance: float | None = None,
) -> Settled:
    """At most so many sweeps from `states`, fewer if the residual falls to `tolerance`. The memory that it needs does
    not depend on how many."""
    drive = net.drive(states[0]) if drive is None else drive
    done, before = 0, states
    while done < sweeps and (tolerance is None or done == 0 or moved(before, states) > tolerance):
        before, states = states, dynamics(net, states, drive, beta, cost)
        done += 1
    return Settled(before, states, done)


def moved(before: States, after: States) -> float:
    """max |s(t) - s(t - 1)| over samples and units."""
    return max(float((new - old).abs().max()) for old, new in zip(before[1:], after[1:], strict=True))


def two_cycling(before: States, states: States, after: States) -> Tensor:
    """(B,): whether a sample goes to and fro between two states, in three states that follow each other: what parallel
    sweeps, two interleaved blockwise descents, can end in where settling is no contraction."""

    def moves(new: States, old: States) -> Tensor:
        return torch.stack([(b - a).abs().amax(1) for a, b in zip(new[1:], old[1:], strict=True)]).amax(0)

    return (moves(after, before) < 1e-4) & (moves(after, states) > 1e-3)
