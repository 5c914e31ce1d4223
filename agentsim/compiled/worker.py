"""A process that compiles kernels for another one: `python -m agentsim.compiled.worker`.

It reads names from stdin, one a line, and answers each with a line on stdout: "kept", or "failed". Where stdin ends, so
does the process, whatever it is doing: nothing is left behind by a parent that was killed.
"""

from __future__ import annotations

import gc
import os
import queue
import sys
import threading


def main() -> None:
    """Compile what is asked for, until nobody is there to ask."""
    asked: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    gc.disable()  # it would take a tenth of the time, and the process is short
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a kernel's module prints is no answer
    import numba  # while nothing is asked for yet  # noqa: F401

    from agentsim.compiled import cache, jit

    jit.OPTIONS.update(jit.UNWRAPPED)  # here nobody calls a function from Python: a tenth of the time
    while True:
        try:
            cache.compile_and_store(name := asked.get())
            answer = "kept" if cache.stored(name) is not None else "failed"
        except Exception:  # the parent finds out why, where it can be said
            answer = "failed"
        print(answer, file=answers)


def _listen(asked: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        asked.put(line.strip())
    os._exit(0)


if __name__ == "__main__":
    main()
