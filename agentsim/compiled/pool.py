"""Compiles the kernels that are not there yet, in parallel: in processes of their own, one for each core.

So the process that waits can go on listening to a person, is rid of the work at once if that person leaves, and need
not import numba. The code that comes out is the same, whoever compiles it.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence

from agentsim.compiled import cache
from agentsim.compiled.waiting import Show, tell

PATIENCE = 0.04  # seconds until somebody is told again


def prepare(names: Sequence[str], wanted: Callable[[], bool] = lambda: True) -> None:
    """Have every kernel "module:function" of `names` in the cache; they are begun in this order, the slowest first.

    Whoever shows something `meanwhile` is told every 40 ms how far it is, and may end it by raising anything; once the
    kernels are no longer `wanted`, KeyboardInterrupt is raised. Then no process is left that compiles. Raises
    RuntimeError, naming the kernel, where one cannot be compiled.
    """

    def waiting(done: int, total: int) -> None:
        tell(done, total)
        if not wanted():
            raise KeyboardInterrupt

    missing = [name for name in dict.fromkeys(names) if cache.stored(name) is None]
    if not missing:
        return
    waiting(0, len(missing))
    processes = _start(min(_cores(), len(missing)))
    failed = missing
    if processes:
        try:
            failed = _share_out(missing, processes, waiting)
        finally:
            _end(processes)
    for done, name in enumerate(failed, len(missing) - len(failed)):  # there are no processes, or this one says why
        waiting(done, len(missing))
        _compile(name)
    cache.prune()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _compile(name: str) -> None:
    try:
        cache.address(name)
    except Exception as error:
        raise RuntimeError(f"the kernel {name} cannot be compiled: {_in_short(error)}") from error


def _in_short(error: Exception) -> str:
    """What numba says on many lines: the first of what, and where."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" >")]
    where = [line.rstrip(":") for line in lines if line.startswith('File "')][:1]
    return f"{type(error).__name__}: {' '.join([*lines[:3], *where])}"


def _start(count: int) -> list[subprocess.Popen[bytes]]:
    """As many processes that compile as can be made. Ctrl-C in a terminal does not reach them."""
    environment = {
        **os.environ,
        cache.FOLDER: str(cache.folder()),
        "NUMBA_OPT": "0",  # for what jit says of it, a code generator that does not try either
        "NUMBA_DISABLE_JIT": "0",  # what a person debugs with that are other functions
        "PYTHONPATH": os.pathsep.join(path or os.curdir for path in sys.path),
    }
    processes: list[subprocess.Popen[bytes]] = []
    with contextlib.suppress(OSError):
        while len(processes) < count:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "agentsim.compiled.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=environment,
                start_new_session=True,
            )
            processes.append(process)
    return processes


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
    for process in processes:
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _share_out(names: list[str], processes: list[subprocess.Popen[bytes]], waiting: Show) -> list[str]:
    """Have the names compiled, in order, each by the first process that is free; returns those that were not."""
    left, kept = deque(names), set[str]()
    news: queue.SimpleQueue[str | None] = queue.SimpleQueue()  # a name is kept; None: a process has no more to do
    for process in processes:
        threading.Thread(target=_employ, args=(process, left, news), daemon=True).start()
    busy = len(processes)
    while busy:
        try:
            name = news.get(timeout=PATIENCE)
        except queue.Empty:
            pass
        else:
            busy -= name is None
            kept.update([name] if name is not None else [])
        waiting(len(kept), len(names))
    return [name for name in names if name not in kept]


def _employ(process: subprocess.Popen[bytes], left: deque[str], news: queue.SimpleQueue[str | None]) -> None:
    """Ask a process for one name after the other, while there are any and while it answers."""
    assert process.stdin is not None and process.stdout is not None
    with contextlib.suppress(IndexError, OSError):
        while True:
            name = left.popleft()
            process.stdin.write(f"{name}\n".encode())
            answer = process.stdout.readline()
            if not answer:
                break
            if answer == b"kept\n":
                news.put(name)
    news.put(None)
