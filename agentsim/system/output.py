"""Where results go: JSON for whoever reads them with a program, a rich console for a person."""

from __future__ import annotations

import json
import math
import os
import sys
from typing import IO, Any

import typer
from rich import console


def print_json(value: Any) -> None:
    """One JSON object, on one line of stdout."""
    text = json.dumps(finite(value), allow_nan=False)
    try:
        typer.echo(text)
    except BrokenPipeError:
        discard(sys.stdout)


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
