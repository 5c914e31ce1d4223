"""What this core can do at best, as jobs to be timed: moving numbers, and products of matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agentsim.compiled import cache
from agentsim.studies.timing import Job
from brains.kernels.program.arrays import address_of, aligned
from brains.layers.plan import padded


def streaming(working_set: int) -> Job:
    """An iteration reads one half of `working_set` bytes and writes the other."""
    first, second = aligned((2, padded(max(1, working_set // 8))))
    return _repeated("stream", [first.size, address_of(first), address_of(second)], first, second)


def multiplying(shapes: Sequence[tuple[int, int, int]]) -> Job:
    """An iteration makes products (rows, inner) x (inner, outer) with a matrix of its own each."""
    shapes = [(rows, inner, padded(outer)) for rows, inner, outer in shapes]
    x, y = (aligned((max(rows * shape[size] for rows, *shape in shapes),)) for size in (0, 1))
    weights = aligned((sum(inner * outer for _, inner, outer in shapes),))
    addresses = [address_of(array) for array in (x, y, weights)]
    return _repeated(
        "multiply", [len(shapes), *addresses, *(size for shape in shapes for size in shape)], x, y, weights
    )


def _repeated(name: str, entries: Sequence[int], *arrays: NDArray[np.float32]) -> Job:
    """A kernel of `bench.kernels` whose frame begins with how often."""
    frame = np.array([0, *entries])
    run = cache.bound(f"agentsim.bench.kernels:{name}", frame, *arrays)

    def job(count: int) -> None:
        frame[0] = count
        run()

    return job
