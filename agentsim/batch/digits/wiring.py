"""From pixels to classes: convolutions or tokens, then layers of units each of which hears all of the one below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from agentsim.batch.digits.settings import BackpropNetwork, EqPropNetwork, Transformer
from brains.kernels.reference.laterals import EnergyTransformer, Lateral, LoopedBlock
from brains.kernels.reference.links import DENSE, Convolution, Link, Patches


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


def wires_of(network: EqPropNetwork | BackpropNetwork, sizes: Sequence[int], pixels: int) -> list[Wire]:
    """Of so many pixels, a square image where there are convolutions or patches, with `sizes` of the layers after
    those. Raises ValueError for patches that do not fill the image."""
    side, wires = math.isqrt(pixels), []
    image = (1, side, side) if network.convolutions else (1, 1, pixels)
    if transformer := network.transformer:
        size, width = transformer.patch, transformer.width
        if side % size:
            raise ValueError(f"patches of {size} x {size} pixels do not fill an image of {side} x {side}")
        patches = Patches(side, size)
        image = (patches.tokens, 1, width)
        wires.append(Wire(patches, (size**2, width), math.prod(image), size**2, math.prod(image)))
    for own in network.convolutions:
        link = Convolution(image, own.channels, own.kernel, own.stride)
        image = link.above
        wires.append(Wire(link, link.shape, own.channels, math.prod(link.shape[1:]), math.prod(image)))
    for below, above in pairwise([math.prod(image), *sizes]):
        wires.append(Wire(DENSE, (below, above), above, below, above))
    return wires


def lateral_of(
    transformer: Transformer | None, pixels: int, chance: torch.Generator
) -> dict[int, tuple[Lateral, list[Tensor]]]:
    """What the tokens of the first layer do to each other, and its parameters; nothing without a transformer."""
    if transformer is None:
        return {}
    tokens, width = Patches(math.isqrt(pixels), transformer.patch).tokens, transformer.width
    heads, inner, memories = transformer.heads, transformer.head_width, transformer.memories
    to_heads, back = (heads, width, inner), (heads, inner, width)
    if transformer.block == "energy":
        shapes, inputs = [to_heads, to_heads, (memories, width)], [width, width, width * memories]
        return {1: (EnergyTransformer(tokens), _drawn(shapes, inputs, chance))}
    shapes = [to_heads, to_heads, to_heads, back, (width, memories), (memories, width)]
    inputs = [width, width, width, heads * inner, width, memories]
    return {1: (LoopedBlock(tokens), _drawn(shapes, inputs, chance))}


def _drawn(shapes: Sequence[Sequence[int]], inputs: Sequence[int], chance: torch.Generator) -> list[Tensor]:
    return [uniform(shape, heard, chance) for shape, heard in zip(shapes, inputs, strict=True)]


def uniform(shape: Sequence[int], inputs: int, chance: torch.Generator) -> Tensor:
    """U(+-1 / sqrt(inputs))."""
    return (torch.rand(*shape, generator=chance) * 2 - 1) / math.sqrt(inputs)
