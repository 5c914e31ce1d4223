"""What all benchmarks print: a table on stdout, a progress bar on stderr, or one JSON object with where it was made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import typer
from rich import console as rich_console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from agentsim.system.machine import machine, versions
from agentsim.system.output import Console, print_json


def report(what: str, **figures: Any) -> dict[str, Any]:
    """A benchmark's result as JSON data."""
    return {"bench": what, **figures, "machine": machine(), "versions": versions()}


def stdout() -> Console:
    """Where results go; wide where nobody looks at it directly."""
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = 200
    return console


def conclude(result: dict[str, Any], show: Callable[[dict[str, Any], Console], None], as_json: bool) -> None:
    """Print the result of a study or benchmark. Raises typer.Exit if it was interrupted (130) or, where it tells what
    failed, something did (1)."""
    if as_json:
        print_json(result)
    else:
        show(result, stdout())
    if result.get("interrupted"):
        typer.echo(f"interrupted; the same command with --out {result['out']} goes on", err=True)
        raise typer.Exit(130)
    if result.get("failed"):
        raise typer.Exit(1)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> Table:
    """A plain table, its first `words` columns text and the others numbers, without the columns that say nothing."""
    shown = [i for i in range(len(headings)) if any(row[i] not in ("", "-") for row in rows)]
    result = Table(box=None, padding=(0, 2, 0, 0))
    for i in shown:
        result.add_column(headings[i], justify="left" if i < words else "right", no_wrap=i > 0)
    for row in rows:
        result.add_row(*(row[i] for i in shown))
    return result


def print_table(
    console: rich_console.Console,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str = "",
    words: int = 1,
) -> None:
    """`table` under a title, rather wrapped by a narrow terminal than cut off, and an empty line."""
    found = table(headings, rows, words)
    unbounded = console.options.update(width=10_000)
    console.width = max(console.width, console.measure(found, options=unbounded).maximum)
    if title:
        console.print(title, style="bold")
    console.print(found)
    console.print()


def progress(what: str, total: int | None) -> tuple[Progress, Any]:
    """A progress bar on stderr where that is a terminal, to be entered with `with`; and its task. The total may be
    unknown."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    return bar, bar.add_task(what, total=total)
