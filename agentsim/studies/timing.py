"""CPU time of things to be compared: blocks that take turns, so that what disturbs one disturbs all; and the bounds.

CPU time is that of the whole process (all of its threads). Every job first runs long enough to be compiled and warm;
those iterations are not counted.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Job = Callable[[int], object]  # does its thing so many times

METHOD = (
    "CPU seconds of the process (time.process_time), median of repeats; a repeat is a block of iterations of every job "
    "in turn; compilation and the first iterations (warm-up, until a block is long enough) are excluded"
)


def iterations(job: Job, seconds: float) -> int:
    """How often the job runs in about that much CPU time; compiles and warms it on the way."""
    job(1)
    count = 1
    while True:
        before = time.process_time()
        job(count)
        taken = time.process_time() - before
        if taken >= seconds / 2 or count >= 1 << 24:
            return max(1, round(count * seconds / max(taken, 1e-9)))
        count *= 2


def interleaved(
    jobs: Sequence[Job], repeats: int, block: float, advance: Callable[[], None] = lambda: None
) -> NDArray[np.float64]:
    """CPU seconds per iteration, (repeats, jobs), in blocks of about `block` s; `advance` is called for every block.

    The rows come after one round of warm-up, for which `advance` is called too.
    """
    counts = []
    for job in jobs:
        counts.append(iterations(job, block))
        advance()
    seconds = np.zeros((repeats, len(jobs)))
    collecting = gc.isenabled()
    gc.disable()
    try:
        for repeat in range(repeats):
            for j, (job, count) in enumerate(zip(jobs, counts, strict=True)):
                before = time.process_time()
                job(count)
                seconds[repeat, j] = (time.process_time() - before) / count
                advance()
            gc.collect()
    finally:
        if collecting:
            gc.enable()
    return seconds


def copying(working_set: int) -> Job:
    """Copies one half of `working_set` bytes into the other: an iteration reads and writes that many in all."""
    import numba

    first, second = np.ones((2, max(1, working_set // 8)), np.float32)

    def copy(one: NDArray[np.float32], other: NDArray[np.float32], count: int) -> None:
        for turn in range(count):
            source, target = (one, other) if turn % 2 else (other, one)
            for k in range(source.size):  # numba's own target[:] = source is four times slower
                target[k] = source[k]

    compiled: Any = numba.njit(copy)
    return lambda count: compiled(first, second, count)


MULTIPLICATIONS = 2 * 256**3  # operations of an iteration of `multiplying`


def multiplying() -> Job:
    """A float32 matrix product (256, 256) x (256, 256) by torch on one thread: the arithmetic rate of this core."""
    import torch

    a, b, product = torch.rand(3, 256, 256)

    def multiply(count: int) -> None:
        for _ in range(count):
            torch.mm(a, b, out=product)

    return multiply
