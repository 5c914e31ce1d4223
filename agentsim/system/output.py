"""Where results go: JSON for whoever reads them with a program, a rich console for a person."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections.abc import Iterator
from typing import IO, Any

from rich import console

_results: list[IO[str]] = []  # the stdout that is for results alone, while there is one


def print_json(value: Any) -> None:
    """One JSON object, on one line of stdout."""
    text, stream = json.dumps(finite(value), allow_nan=False), (_results or [sys.stdout])[-1]
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except BrokenPipeError:
        discard(stream)


@contextlib.contextmanager
def results_alone() -> Iterator[None]:
    """Within, stdout is for `print_json`; what anybody else writes there, in Python or not, goes to stderr."""
    stream = sys.stdout
    with contextlib.ExitStack() as after:
        with contextlib.suppress(OSError, ValueError):  # no file at all, in tests
            if stream.fileno() == 1:
                stream.flush()
                real = os.dup(1)
                os.dup2(2, 1)
                after.callback(os.close, real)
                after.callback(os.dup2, real, 1)
                stream = after.enter_context(os.fdopen(os.dup(real), "w", encoding="utf-8", errors="backslashreplace"))
        after.enter_context(contextlib.redirect_stdout(sys.stderr))
        _results.append(stream)
        after.callback(_results.pop)
        yield


class Console(console.Console):
    """A console whose reader may go away, as `| head` does: the command goes on, and ends with its own status."""

    def on_broken_pipe(self) -> None:
        """Show nothing more."""
        self.quiet = True
        discard(self.file)


def discard(stream: IO[str]) -> None:
    """Let what is still to be written to a stream, also when Python flushes it at exit, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def finite(value: Any) -> Any:
    """The value with null for every number that JSON has no word for."""
    if isinstance(value, dict):
        return {name: finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_percent(value: float | None) -> str:
    """A share as 12.3 %, or a dash."""
    return "-" if value is None else f"{100 * value:.1f} %"


def as_number(value: float | None, digits: int = 2) -> str:
    """A number, or a dash."""
    return "-" if value is None else f"{value:.{digits}f}"


def as_hz(hz: float | None, otherwise: str = "-") -> str:
    """A rate, or what there is to say otherwise."""
    return otherwise if hz is None else f"{hz:,.1f} Hz"
