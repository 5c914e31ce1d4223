"""Exact windows of the Syracuse map T(n) = (3n + 1) / 2^k, k = v2(3n + 1), for many large odd n at once.

A number is a row of 64-bit limbs, the lowest first. One pass of `steps` steps yields everything about n, and about
T(n), T^2(n), ... with windows shorter by 1, 2, ...: logarithms and halvings do not stop at 1 (where k = 2, next 1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agentsim.compiled.cache import bound

WORD = 64  # bits of a limb
LIMBS = 6  # 384 bits: 2^128 - 1 peaks near 2^203, 2^200 - 1 near 2^317
MOST_LIMBS = 15  # beyond, a state is not a float64
NOT_SEEN = -1  # of the step on which 1 is reached

Limbs = NDArray[np.uint64]


@dataclass(frozen=True)
class Windows:
    """What the next steps of N numbers look like.

    logs         (N, steps + 1) float64   ln T^j(n), j = 0 .. steps
    halvings     (N, steps) uint16        k_1 .. k_steps
    one          (N,) int64               the first j with T^j(n) = 1, NOT_SEEN if none of 0 .. steps
    """

    logs: NDArray[np.float64]
    halvings: NDArray[np.uint16]
    one: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.one)


class LimbOverflowError(OverflowError):
    """An orbit left the limbs it was given."""


def to_limbs(numbers: Iterable[int], limbs: int = LIMBS) -> Limbs:
    """Python integers as (N, limbs) uint64. Raises ValueError below 0, LimbOverflowError for one that is too large."""
    size = WORD // 8 * limbs
    numbers = list(numbers)
    for n in numbers:
        if n < 0:
            raise ValueError(f"{n}: give a number that is not negative")
        if n.bit_length() > 8 * size:
            raise LimbOverflowError(f"a number of {n.bit_length()} bits does not fit {limbs} limbs; give more limbs")
    data = b"".join(n.to_bytes(size, "little") for n in numbers)
    return np.frombuffer(data, "<u8").reshape(-1, limbs).astype(np.uint64)


def to_integers(limbs: Limbs) -> list[int]:
    """(N, limbs) uint64 as Python integers."""
    return [int.from_bytes(row.tobytes(), "little") for row in limbs.astype("<u8")]


def windows(numbers: Limbs, steps: int) -> Windows:
    """The next `steps` steps of odd numbers, (N, limbs) uint64. All arithmetic is exact; logarithms are of the leading
    64 bits and so right to a few ulp.

    Raises ValueError for an even number, LimbOverflowError if 3n + 1 of any state does not fit the limbs of its row.
    """
    if numbers.shape[1] > MOST_LIMBS:
        raise ValueError(f"{numbers.shape[1]} limbs: give at most {MOST_LIMBS}")
    if not (numbers[:, 0] & np.uint64(1)).all():
        even = int(np.flatnonzero(~(numbers[:, 0] & np.uint64(1)).astype(bool))[0])
        raise ValueError(f"{to_integers(numbers[even : even + 1])[0]} is even; the Syracuse map is for odd numbers")
    count = len(numbers)
    values, halvings = np.empty((count, steps + 1)), np.empty((count, steps), np.uint16)
    one, overflown = np.full(count, NOT_SEEN), np.full(count, -1)
    moving = np.array(numbers, np.uint64, order="C")
    call("walk", count, numbers.shape[1], steps, moving, values, halvings, one, overflown)
    if (overflown >= 0).any():
        row = int(np.flatnonzero(overflown >= 0)[0])
        n = to_integers(numbers[row : row + 1])[0]
        shown = str(n) if n.bit_length() <= 200 else f"a number of {n.bit_length()} bits"
        raise LimbOverflowError(
            f"{shown} leaves {WORD * numbers.shape[1]} bits at its step {overflown[row] + 1}; give more than "
            f"{numbers.shape[1]} limbs"
        )
    return Windows(np.log(values, out=values), halvings, one)


def advance(numbers: Limbs, steps: NDArray[np.int64]) -> None:
    """T^steps(n), steps (N,), of each row of (N, limbs) odd numbers in place, or 1 where that comes first.

    Raises LimbOverflowError for one that does not fit its limbs on the way.
    """
    overflown = np.full(1, -1)
    call("advance", *numbers.shape, numbers, steps, overflown)
    if overflown[0] >= 0:
        raise LimbOverflowError(f"row {overflown[0]} leaves {WORD * numbers.shape[1]} bits; give more limbs")


def call(kernel: str, *given: int | NDArray[Any]) -> None:
    """Call a kernel of kernels.py with sizes and arrays; where not said otherwise, these must lie in one piece."""
    words = [each if isinstance(each, int) else each.ctypes.data for each in given]
    bound(f"agentsim.batch.collatz.kernels:{kernel}", np.array(words, np.int64))()


def residues(numbers: Limbs, modulus: int) -> NDArray[np.int64]:
    """n mod `modulus` of (N, limbs) uint64, `modulus` below 2^32."""
    modulo, base = np.uint64(modulus), np.uint64(2**WORD % modulus)
    found = np.zeros(len(numbers), np.uint64)
    for limb in reversed(range(numbers.shape[1])):
        found = (found * base + numbers[:, limb] % modulo) % modulo
    return found.astype(np.int64)


def next_residues(residue: NDArray[np.int64], halvings: NDArray[np.uint16], modulus: int) -> NDArray[np.int64]:
    """T(n) mod `modulus`, a power of 3 below 2^31, from n mod `modulus` and k_1."""
    half = (modulus + 1) // 2
    powers = np.array([pow(half, k, modulus) for k in range(int(halvings.max(initial=0)) + 1)])
    return (3 * residue + 1) % modulus * powers[halvings] % modulus
