"""CPU time of things to be compared: blocks that take turns, so that what disturbs one disturbs all.

CPU time is that of the whole process (all of its threads). Every job first runs long enough to be compiled and warm;
those iterations are not counted.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Job = Callable[[int], object]  # does its thing so many times


def times(step: Callable[[], object]) -> Job:
    """A job of one step."""

    def job(count: int) -> None:
        for _ in range(count):
            step()

    return job


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
