"""What the words of `agentsim train collatz` ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from agentsim.batch.collatz import study
from agentsim.batch.collatz.spreadsheet import read_numbers
from agentsim.errors import UserError
from agentsim.recording import new_run_directory

MOST = 1_000  # steps of a window; 8 kB of logarithms a number


def run(
    configs: Sequence[str],
    *,
    lookaheads: Sequence[int] | None,
    minutes: float | None,
    seeds: int,
    seed: int | None,
    overrides: Sequence[str],
    table: bool,
    ablation: bool,
    numbers: Path | None,
    jobs: int | None,
    out: Path | None,
) -> tuple[dict[str, Any], Callable[[dict[str, Any], Console], None]]:
    """The result and what shows it. Raises UserError."""
    chosen = read_numbers(numbers) if numbers else None
    command = "agentsim train collatz --table"
    if table:
        return study.table(lookaheads or study.LOOKAHEADS, chosen, command, directory(out)), study.show
    raise UserError("soon")


def directory(out: Path | None) -> Path:
    """Where the study is kept: `out`, made if it is not there, or a new directory under runs/. Raises UserError."""
    out = out or new_run_directory("collatz")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {out}: {error.strerror}; give a directory that can be written") from error
    return out
