"""From pixels to classes: convolutions first, then layers of units each of which hears all of the one below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from agentsim.batch.digits.settings import ConvolutionSettings
from brains.kernels.reference.links import DENSE, Convolution, Link


@dataclass(frozen=True)
class Wire:
    """A link, the shapes of its weight and bias, how many inputs a unit hears, and how many units there are above."""

    link: Link
    weight: tuple[int, ...]
    bias: int
    inputs: int
    units: int

    def start(self, chance: torch.Generator) -> tuple[Tensor, Tensor]:
        """A weight and a bias, U(+-1 / sqrt(inputs))."""
        return uniform(self.weight, self.inputs, chance), uniform((self.bias,), self.inputs, chance)


def wires_of(convolutions: Sequence[ConvolutionSettings], sizes: Sequence[int], pixels: int) -> list[Wire]:
    """Of so many pixels, a square image where there are convolutions, with `sizes` of the layers after those."""
    side, wires = math.isqrt(pixels), []
    image = (1, side, side) if convolutions else (1, 1, pixels)
    for own in convolutions:
        link = Convolution(image, own.channels, own.kernel, own.stride)
        image = link.above
        wires.append(Wire(link, link.shape, own.channels, math.prod(link.shape[1:]), math.prod(image)))
    for below, above in pairwise([math.prod(image), *sizes]):
        wires.append(Wire(DENSE, (below, above), above, below, above))
    return wires


def uniform(shape: Sequence[int], inputs: int, chance: torch.Generator) -> Tensor:
    """U(+-1 / sqrt(inputs))."""
    return (torch.rand(*shape, generator=chance) * 2 - 1) / math.sqrt(inputs)
