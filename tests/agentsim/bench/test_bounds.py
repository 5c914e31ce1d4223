"""What the core is asked to do at best."""

from __future__ import annotations

import numpy as np

from agentsim.bench import bounds
from brains.kernels.program.arrays import address_of, aligned


def test_what_the_core_is_asked_to_do() -> None:
    """The stream goes back and forth, each time adding one; the products are NumPy's, with a matrix after the other."""
    first, second = aligned((2, 32))
    bounds._repeated("stream", [32, address_of(first), address_of(second)], first, second)(3)
    assert (first == 2).all() and (second == 3).all()
    generator = np.random.default_rng(0)
    x, weights, y = aligned((5 * 7,)), aligned((3 * 16 + 7 * 32,)), aligned((5 * 32,))
    x[:], weights[:] = generator.normal(size=x.size), generator.normal(size=weights.size)
    shapes = [2, 3, 16, 5, 7, 32]
    bounds._repeated("multiply", [2, *map(address_of, (x, y, weights)), *shapes], x, y, weights)(1)
    last = weights[48:].reshape(7, 32)
    np.testing.assert_allclose(y.reshape(5, 32), last[0] + x.reshape(5, 7) @ last, rtol=1e-4, atol=1e-5)


def test_jobs_of_the_bounds() -> None:
    """Of any size, in numbers that fill no vector."""
    for job in (bounds.streaming(1), bounds.streaming(999), bounds.multiplying(((3, 5, 7), (1, 9, 4)))):
        job(2)
