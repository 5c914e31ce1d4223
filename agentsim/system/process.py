"""What a real-time loop asks of its process: one compute thread, no garbage collection in a tick, a clean end."""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

PATIENCE = 0.5  # seconds until somebody is told that the end is waited for


def interrupts_are_quiet(words: Sequence[str]) -> None:
    """Where these words of a command line start agentsim, let Ctrl-C end the process without a traceback, until
    `interrupts_are_heard`: what is being imported by then can do nothing about it."""
    starts = len(words) > 1 and (Path(words[1]).stem == "agentsim" or list(words[1:3]) == ["-m", "agentsim"])
    main = threading.current_thread() is threading.main_thread()
    if starts and main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupts_are_heard() -> None:
    """From here on Ctrl-C raises KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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
def end_on_signals(end: Callable[[int], None], abort: Callable[[bool], None] | None = None) -> Iterator[None]:
    """The first SIGINT, SIGTERM or SIGHUP calls `end` with its number; a second one acts as it did before.

    Where Python is busy in somebody's compiled code, none of this would happen until that returns. So another thread
    hears signals too: it says that the first one was heard; on the third it ends the process. With `abort`, it calls
    that with True on the second one, and with False in the end; and a KeyboardInterrupt after the first signal leaves
    the block without a word. SIGHUP stays ignored where it is, as under nohup. In a thread
    other than the main one signals cannot be caught, and this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    ended: list[int] = []

    def caught(number: int, _frame: object) -> None:
        restore()
        ended.append(number)
        end(number)

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)  # the terminal is closed
    before = {number: signal.signal(number, caught) for number in numbers}
    ear, mouth = socket.socketpair()
    mouth.setblocking(False)
    wakes = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
    listening = threading.Thread(target=_hear, args=(ear, numbers, abort), daemon=True, name="signals")
    listening.start()
    try:
        yield
    except KeyboardInterrupt:
        if not ended or abort is None:
            raise
    finally:
        signal.set_wakeup_fd(wakes)
        mouth.close()
        listening.join()
        ear.close()
        if abort is not None:
            abort(False)
        restore()


def _hear(ear: socket.socket, numbers: list[signal.Signals], abort: Callable[[bool], None] | None) -> None:
    """Count signals until the other end is closed."""
    heard, said = 0, False
    while True:
        waits = heard == 1 and not said
        if waits and not select.select([ear], [], [], PATIENCE)[0]:
            said = True
            with contextlib.suppress(OSError, ValueError, AttributeError):
                sys.stderr.write("agentsim: finishing what was begun; once more ends it at once\n")
                sys.stderr.flush()
            continue
        if not (word := ear.recv(1)):
            return
        heard += word[0] in numbers
        if heard == 2 and abort is not None:
            abort(True)
        elif heard > 2:
            os._exit(128 + word[0])


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
