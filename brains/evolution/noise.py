"""Noise as a function of (run seed, tensor, epoch, pair), by a kernel, and in NumPy, what that must agree with."""

from __future__ import annotations

import numpy as np

from agentsim.compiled.cache import bound
from agentsim.compiled.random import philox
from brains.brain import Float

KERNEL = "brains.kernels.cpu.noise:fill"
WORDS = 4  # numbers of a block
LOW = 2**32 - 1


def key_of(seed: int) -> tuple[int, int]:
    """The two words of a run's key. Raises ValueError outside of 64 bits."""
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed {seed} is not one of 64 bits")
    return seed & LOW, seed >> 32


def fill(rows: Float, seed: int, tensor: int, epoch: int, first: int) -> None:
    """N(0, 1) into rows (pairs, numbers) float32, of pairs `first` and on; numbers a multiple of four, side by side."""
    blocks, stride = rows.shape[1] // WORDS, rows.strides[0] // rows.itemsize
    given = [*key_of(seed), epoch, tensor, first, len(rows), blocks, rows.ctypes.data, stride]
    bound(KERNEL, np.array(given, np.int64), rows)()


def normals(seed: int, tensor: int, epoch: int, pairs: range, numbers: int) -> Float:
    """The same (pairs, numbers) by NumPy alone, in float64 until the end: Box & Muller of Philox4x32-10."""
    blocks = -(-numbers // WORDS)
    block, pair = np.meshgrid(np.arange(blocks, dtype=np.uint64), np.array(pairs, np.uint64))
    rest = (np.full_like(block, each) for each in (epoch, tensor))
    key = (np.full_like(block, word) for word in key_of(seed))
    words = philox((block, pair, *rest), key)
    found = []
    for first, second in (words[:2], words[2:]):
        radius = np.sqrt(-2 * np.log(((first >> np.uint64(9)).astype(float) + 0.5) * 2.0**-23))
        angle = 2 * np.pi * (second >> np.uint64(8)).astype(float) * 2.0**-24
        found += [radius * np.cos(angle), radius * np.sin(angle)]
    return np.concatenate(found, axis=1)[:, :numbers].astype(np.float32)
