"""What this core can do at best: a stream of numbers, and products of matrices."""

from __future__ import annotations

import numpy as np

from agentsim.compiled.jit import INTEGERS, kernel
from agentsim.compiled.pointers import at, floats
from agentsim.compiled.vectors import WIDTH, load, splat, store
from brains.kernels.cpu.products import add_product

# entries of a frame: how often; how many numbers, or products; addresses; then the products' rows, inner and outer
TIMES, COUNT, FIRST, SECOND, THIRD, SHAPES = range(6)


@kernel(INTEGERS)
def stream(frame):
    """One half of the numbers is one more than the other, back and forth."""
    for turn in range(frame[TIMES]):
        source, target = floats(frame[FIRST + turn % 2]), floats(frame[SECOND - turn % 2])
        for k in range(0, frame[COUNT], WIDTH):
            store(target, k, load(source, k) + splat(np.float32(1.0)))


@kernel(INTEGERS)
def multiply(frame):
    """Products (rows, inner) x (inner, outer) one after the other, of one matrix after the other."""
    x, y = floats(frame[FIRST]), floats(frame[SECOND])
    for _ in range(frame[TIMES]):
        weights = floats(frame[THIRD])
        for i in range(frame[COUNT]):
            rows, inner, outer = frame[SHAPES + 3 * i], frame[SHAPES + 3 * i + 1], frame[SHAPES + 3 * i + 2]
            add_product(y, outer, weights, 0, x, inner, 1, weights, outer, rows, inner, outer)
            weights = at(weights, inner * outer)
