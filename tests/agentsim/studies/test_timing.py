"""Jobs that are timed take turns."""

from __future__ import annotations

import time

import numpy as np

from agentsim.studies import timing
from brains.kernels.program.arrays import address_of, aligned


def test_jobs_take_turns() -> None:
    """After the warm-up every repeat runs every job once, in order."""
    calls: list[str] = []

    def job(name: str) -> timing.Job:
        def run(count: int) -> None:
            calls.append(name)
            end = time.process_time() + 2e-5 * count
            while time.process_time() < end:
                pass

        return run

    seconds = timing.interleaved([job("a"), job("b")], repeats=3, block=1e-3, advance=lambda: calls.append("|"))
    assert seconds.shape == (3, 2) and (seconds >= 2e-5).all()
    assert "".join(calls)[-12:] == "a|b|a|b|a|b|"


def test_what_the_core_is_asked_to_do() -> None:
    """The stream goes back and forth, each time adding one; the products are NumPy's, with a matrix after the other."""
    first, second = aligned((2, 32))
    timing._repeated("stream", [32, address_of(first), address_of(second)], first, second)(3)
    assert (first == 2).all() and (second == 3).all()
    generator = np.random.default_rng(0)
    x, weights, y = aligned((5 * 7,)), aligned((3 * 16 + 7 * 32,)), aligned((5 * 32,))
    x[:], weights[:] = generator.normal(size=x.size), generator.normal(size=weights.size)
    shapes = [2, 3, 16, 5, 7, 32]
    timing._repeated("multiply", [2, *map(address_of, (x, y, weights)), *shapes], x, y, weights)(1)
    last = weights[48:].reshape(7, 32)
    np.testing.assert_allclose(y.reshape(5, 32), last[0] + x.reshape(5, 7) @ last, rtol=1e-4, atol=1e-5)


def test_jobs_of_the_bounds() -> None:
    """Of any size, in numbers that fill no vector."""
    for job in (timing.streaming(1), timing.streaming(999), timing.multiplying(((3, 5, 7), (1, 9, 4)))):
        job(2)
