"""What a real-time loop asks of its process: one compute thread, no garbage collection in a tick, a clean end."""

from __future__ import annotations

import contextlib
import gc
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def one_compute_thread() -> Iterator[None]:
    """Torch on one thread, where torch is in use: with shared cores, more make a 7 us product take milliseconds."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 1
    if torch:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if torch:
            torch.set_num_threads(before)


@contextlib.contextmanager
def end_on_signals(end: Callable[[int], None]) -> Iterator[None]:
    """The first SIGINT, SIGTERM or SIGHUP calls `end` with its number; a second one acts as it did before.

    SIGHUP stays ignored where it is, as under nohup. In a thread other than the main one signals cannot be caught, and
    this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def caught(number: int, _frame: object) -> None:
        restore()
        end(number)

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)  # the terminal is closed
    before = {number: signal.signal(number, caught) for number in numbers}
    try:
        yield
    finally:
        restore()


class CollectInSlack:
    """Keeps Python's garbage collector out of the tick: what exists is frozen, the rest collected where there is time.

    A context manager around the loop; `between_ticks` is called with the time left before the next due time.
    """

    _ENOUGH = 5_000  # new container objects worth a collection
    _TOO_MANY = 500_000  # with no slack at all, memory comes first

    def __enter__(self) -> CollectInSlack:
        self._was_enabled = gc.isenabled()
        gc.disable()
        gc.freeze()
        self._cost = 2_000_000  # ns, of the last collection; a guess before the first
        return self

    def __exit__(self, *_: object) -> None:
        gc.unfreeze()
        if self._was_enabled:
            gc.enable()

    def between_ticks(self, slack: int, paced: bool) -> None:
        """Collect if it is worth it and fits twice into `slack` ns; flat out there is nothing it could delay."""
        waiting = gc.get_count()[0]
        if (waiting > self._ENOUGH and (not paced or slack > 2 * self._cost)) or waiting > self._TOO_MANY:
            before = time.perf_counter_ns()
            gc.collect()
            self._cost = time.perf_counter_ns() - before
