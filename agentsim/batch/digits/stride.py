"""Learning in stride: pairs of states that never stop, nudged to either side, without phases.

Images lie in lanes for `hold` ticks. In a tick a batch of new images takes the place of the oldest, whose states above
stay as they are; all layers of all lanes fire `sweeps` times, from what the others just were; and lanes whose image has
had `ripe` ticks give their contrast. (Dual propagation in time; eqprop-living.md, section 4.)
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from brains.kernels.reference.eqprop import Gradient, contrast
from brains.kernels.reference.settling import Cost, Net, discrete


class Lanes:
    """`plus` and `minus`: states (lanes, n_l) under +beta and -beta; `target` (lanes, classes); `age` (lanes,), the
    ticks that each image has had."""

    def __init__(self, net: Net, x: Tensor, target: Tensor, hold: int) -> None:
        """All lanes hold the first batch, from a pass upwards; it has left them after `hold` ticks."""
        self.plus = [s.repeat(hold, 1) for s in net.forward(x)]
        self.minus = [self.plus[0], *(s.clone() for s in self.plus[1:])]
        self.target = target.repeat(hold, 1)
        self.age = torch.zeros(len(self.target), dtype=torch.int64)
        self.first = torch.zeros((), dtype=torch.int64)  # lane of the oldest images

    def take(self, x: Tensor, target: Tensor) -> None:
        """Images (B, pixels) in the place of the oldest."""
        lanes = torch.arange(int(self.first), int(self.first) + len(x))
        self.plus[0][lanes], self.target[lanes], self.age[lanes] = x, target, 0
        self.first = (self.first + len(x)) % len(self.age)

    def sweep(self, net: Net, beta: float, sweeps: int, cost: Callable[[Tensor], Cost]) -> None:
        """A tick's parallel sweeps of both states of every lane; their images are a tick older. What is not finite
        begins anew, from zero: it would never leave its lane."""
        drive, own = net.drive(self.plus[0]), cost(self.target)
        for _ in range(sweeps):
            self.plus = discrete(net, self.plus, drive, beta, own)
            self.minus = discrete(net, self.minus, drive, -beta, own)
        for s in (*self.plus[1:], *self.minus[1:]):
            s.nan_to_num_(nan=0.0, posinf=0.0, neginf=0.0)
        self.age += 1

    def contrast(self, net: Net, beta: float, ripe: int) -> tuple[Gradient, Tensor, Tensor] | None:
        """The gradient of the ripe lanes, where there are any; their outputs, between the two sides; their targets."""
        lanes = self.age >= ripe
        if not lanes.any():
            return None
        plus, minus = ([s[lanes] for s in side] for side in (self.plus, self.minus))
        return contrast(net, plus, minus, 2 * beta), (plus[-1] + minus[-1]) / 2, self.target[lanes]

    @property
    def kept(self) -> dict[str, Tensor]:
        """What going on exactly needs."""
        plus = {f"plus.{layer}": s for layer, s in enumerate(self.plus)}
        minus = {f"minus.{layer}": s for layer, s in enumerate(self.minus) if layer}
        return {**plus, **minus, "target": self.target, "age": self.age, "first": self.first}

    @classmethod
    def of(cls, kept: dict[str, Tensor]) -> Lanes:
        """The lanes that `kept` was told of."""
        own = cls.__new__(cls)
        depth = sum(name.startswith("plus.") for name in kept)
        own.plus = [kept[f"plus.{layer}"] for layer in range(depth)]
        own.minus = [own.plus[0], *(kept[f"minus.{layer}"] for layer in range(1, depth))]
        own.target, own.age, own.first = kept["target"], kept["age"], kept["first"]
        return own
