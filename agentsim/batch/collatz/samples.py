"""What a V may know of a number, and pairs (n, T(n)) of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agentsim.batch.collatz.arithmetic import NOT_SEEN, Limbs, Windows, next_residues, residues, windows

POWER = 19  # the largest power of 3 with which T fits 64-bit arithmetic

Values = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """All that a V with lookahead L may know of N numbers.

    logs      (N, L + 1) float64   ln T^j(n), j = 0 .. L
    halvings  (N, L) uint16        k_1 .. k_L
    one       (N,) int64           the first j <= L with T^j(n) = 1, or NOT_SEEN
    residue   (N,) int64           n mod 3^POWER: which predecessors n can have
    """

    logs: Values
    halvings: NDArray[np.uint16]
    one: NDArray[np.int64]
    residue: NDArray[np.int64]

    @property
    def lookahead(self) -> int:
        """L."""
        return self.halvings.shape[1]

    def __len__(self) -> int:
        return len(self.one)


@dataclass(frozen=True)
class Pairs:
    """N numbers n > 1 with their successors T(n), T^2(n), ..., seen from windows that many steps longer than the
    largest lookahead."""

    windows: Windows
    residue: NDArray[np.int64]  # (N,), n mod 3^POWER

    @staticmethod
    def of(numbers: Limbs, lookahead: int, steps: int = 1) -> Pairs:
        """The pairs of (N, limbs) uint64. Raises ValueError and LimbOverflowError as `windows` does."""
        return Pairs(windows(numbers, lookahead + steps), residues(numbers, 3**POWER))

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, rows: slice | NDArray[np.int64] | NDArray[np.bool_]) -> Pairs:
        found = self.windows
        return Pairs(Windows(found.logs[rows], found.halvings[rows], found.one[rows]), self.residue[rows])

    @property
    def grows(self) -> NDArray[np.bool_]:
        """(N,): T(n) > n, which is k_1 = 1, which is n = 3 mod 4."""
        return self.windows.halvings[:, 0] == 1

    def here(self, lookahead: int) -> View:
        """What is seen of n."""
        found = self.windows
        one = np.where(found.one <= lookahead, found.one, NOT_SEEN)
        return View(found.logs[:, : lookahead + 1], found.halvings[:, :lookahead], one, self.residue)

    def there(self, lookahead: int, steps: int = 1) -> View:
        """What is seen of T(n), or of T^steps(n)."""
        found = self.windows
        one = np.where(found.one == NOT_SEEN, NOT_SEEN, np.maximum(found.one - steps, 0))
        residue = self.residue
        for step in range(steps):
            residue = next_residues(residue, found.halvings[:, step], 3**POWER)
        return View(
            found.logs[:, steps : lookahead + steps + 1],
            found.halvings[:, steps : lookahead + steps],
            np.where(one <= lookahead, one, NOT_SEEN),
            residue,
        )
