"""EGGROLL in torch, short: every matrix of noise is made, every member is made, and sums are taken over them.

Philox4x32-10 (Salmon, Moraes, Dror & Shaw 2011) on int64 tensors of 32-bit words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

LOW = 2**32 - 1
MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
STEPS = 0x9E3779B9, 0xBB67AE85


def _product(a: int, b: Tensor) -> tuple[Tensor, Tensor]:
    """The high and the low word of a 32-bit number times words: int64 has no room for all 64 bits."""
    low, high = (a & 0xFFFF) * b, (a >> 16) * b
    middle = high + (low >> 16)
    return middle >> 16, ((middle & 0xFFFF) << 16) | (low & 0xFFFF)


def philox(counter: Sequence[Tensor], key: Sequence[int]) -> list[Tensor]:
    """Four words of a counter of four words and a key of two."""
    words = list(counter)
    for turn in range(10):
        keys = [(word + turn * step) & LOW for word, step in zip(key, STEPS, strict=True)]
        (high0, low0), (high1, low1) = (_product(MULTIPLIERS[k], words[2 * k]) for k in range(2))
        words = [high1 ^ words[1] ^ keys[0], low1, high0 ^ words[3] ^ keys[1], low0]
    return words


def normals(seed: int, tensor: int, epoch: int, pairs: range, numbers: int) -> Tensor:
    """N(0, 1) of pairs, (pairs, numbers) float64: number e is word e // blocks of block e % blocks (Box & Muller)."""
    blocks = -(-numbers // 4)
    pair, block = torch.meshgrid(torch.tensor(list(pairs)), torch.arange(blocks), indexing="ij")
    counter = [block, pair, torch.full_like(block, epoch), torch.full_like(block, tensor)]
    words = philox(counter, (seed & LOW, seed >> 32))
    found = []
    for first, second in (words[:2], words[2:]):
        radius = (-2 * (((first >> 9).double() + 0.5) * 2.0**-23).log()).sqrt()
        angle = 2 * math.pi * (second >> 8).double() * 2.0**-24
        found += [radius * angle.cos(), radius * angle.sin()]
    return torch.cat(found, dim=1)[:, :numbers]


def perturbation(numbers: Tensor, shape: tuple[int, ...], rank: int) -> Tensor:
    """E (pairs, *shape) of a tensor's noise (pairs, n): A B' / sqrt(rank), or what it is itself for rank 0."""
    if rank == 0:
        return numbers.reshape(-1, *shape)
    high, wide = shape
    a, b = numbers[:, : high * rank].reshape(-1, high, rank), numbers[:, high * rank :].reshape(-1, wide, rank)
    return torch.einsum("por,pir->poi", a, b) / math.sqrt(rank)


def gradient(perturbations: Tensor, f: Tensor) -> Tensor:
    """The mean over pairs of f_p E_p."""
    return torch.einsum("p...,p->...", perturbations, f) / len(f)
