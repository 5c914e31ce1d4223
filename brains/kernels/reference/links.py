"""How one layer of a settling network drives the next, and what comes down again by the same weights.

A link is the bilinear part s_(l+1) . up(s_l; W) of an energy: `down` is the transpose of `up`, and `outer` its
derivative by W, so whatever is built of links has an energy and its contrast is a gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as nn
from torch.nn import grad


class Link(Protocol):
    """Between layers of n and m units, (B, n) and (B, m), by a weight and a bias."""

    def up(self, below: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """What drives the layer above, (B, m)."""

    def down(self, z: Tensor, above: Tensor, weight: Tensor, gain: float) -> Tensor:
        """z + gain times what comes down, (B, n)."""

    def outer(self, below: Tensor, above: Tensor) -> Tensor:
        """The derivative of sum above . up(below) by the weight, shaped like it."""

    def over_rows(self, above: Tensor) -> Tensor:
        """The derivative of sum above . up(below) by the bias, shaped like it."""


class Dense:
    """W (n, m), b (m,): each unit with each."""

    def up(self, below: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """s W + b."""
        return torch.addmm(bias.to(below.dtype), below, weight.to(below.dtype))

    def down(self, z: Tensor, above: Tensor, weight: Tensor, gain: float) -> Tensor:
        """z + gain s W'."""
        return torch.addmm(z, above, weight.to(above.dtype).T, alpha=gain)

    def outer(self, below: Tensor, above: Tensor) -> Tensor:
        """s_l' s_(l+1)."""
        return below.T @ above

    def over_rows(self, above: Tensor) -> Tensor:
        """The sum over the rows."""
        return above.sum(0)


@dataclass(frozen=True)
class Convolution:
    """W (m channels, n channels, k, k), b (m channels,): images of n channels to images of m, k x k with a stride,
    padded by k // 2. Units are flat, channel by channel, row by row."""

    below: tuple[int, int, int]  # channels, height, width
    channels: int
    kernel: int
    stride: int

    @property
    def above(self) -> tuple[int, int, int]:
        """Channels, height, width of the layer above."""
        height, width = ((size + 2 * self._padding - self.kernel) // self.stride + 1 for size in self.below[1:])
        return self.channels, height, width

    @property
    def _padding(self) -> int:
        return self.kernel // 2

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the weight."""
        return self.channels, self.below[0], self.kernel, self.kernel

    def up(self, below: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """W * s + b."""
        images = below.view(-1, *self.below)
        own, shift = weight.to(below.dtype), bias.to(below.dtype)
        return nn.conv2d(images, own, shift, self.stride, self._padding).flatten(1)

    def down(self, z: Tensor, above: Tensor, weight: Tensor, gain: float) -> Tensor:
        """z + gain times the transposed convolution of s; the rows that the stride never reached get nothing."""
        images = above.view(-1, *self.above)
        left = tuple((size + 2 * self._padding - self.kernel) % self.stride for size in self.below[1:])
        own = weight.to(above.dtype)
        down = nn.conv_transpose2d(images, own, None, self.stride, self._padding, output_padding=left)
        return torch.add(z, down.flatten(1), alpha=gain)

    def outer(self, below: Tensor, above: Tensor) -> Tensor:
        """Correlations over images and places; of complex states in real parts, which torch has no kernel for."""
        if below.is_complex():
            real = self.outer(below.real, above.real) - self.outer(below.imag, above.imag)
            return torch.complex(real, self.outer(below.real, above.imag) + self.outer(below.imag, above.real))
        images, driven = below.reshape(-1, *self.below), above.reshape(-1, *self.above)
        return grad.conv2d_weight(images, self.shape, driven, self.stride, self._padding)  # type: ignore[no-untyped-call]

    def over_rows(self, above: Tensor) -> Tensor:
        """The sum over images and places, of each channel."""
        return above.view(-1, self.channels, self.above[1] * self.above[2]).sum((0, 2))


@dataclass(frozen=True)
class Patches:
    """W (k k, D), b (N D,): square images, cut into N patches of k x k pixels, to N tokens of D units, each patch by
    the same weights; the bias says where it is."""

    side: int
    patch: int

    @property
    def tokens(self) -> int:
        """N."""
        return (self.side // self.patch) ** 2

    def up(self, below: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Every patch times W, and b."""
        return (self._cut(below) @ weight.to(below.dtype)).flatten(1) + bias.to(below.dtype)

    def down(self, z: Tensor, above: Tensor, weight: Tensor, gain: float) -> Tensor:
        """z + gain times every token times W', put together again."""
        across = self.side // self.patch
        patches = above.reshape(-1, self.tokens, weight.shape[1]) @ weight.to(above.dtype).T
        placed = patches.view(-1, across, across, self.patch, self.patch).transpose(2, 3)
        return torch.add(z, placed.reshape(len(above), -1), alpha=gain)

    def outer(self, below: Tensor, above: Tensor) -> Tensor:
        """Over images and patches."""
        return torch.einsum("bnp,bnd->pd", self._cut(below), above.reshape(len(above), self.tokens, -1))

    def over_rows(self, above: Tensor) -> Tensor:
        """The sum over the images."""
        return above.sum(0)

    def _cut(self, images: Tensor) -> Tensor:
        """(B, N, k k)."""
        across = self.side // self.patch
        cut = images.reshape(-1, across, self.patch, across, self.patch).transpose(2, 3)
        return cut.reshape(len(images), self.tokens, -1)


DENSE = Dense()
