"""Whom to tell while kernels are compiled. Light to import: whoever shows something to a person says so here."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

Show = Callable[[int, int], None]  # (kernels done, kernels to do)

_show: ContextVar[Show] = ContextVar("show", default=lambda done, total: None)


@contextlib.contextmanager
def meanwhile(show: Show) -> Iterator[None]:
    """Within, `show(done, total)` is called every 40 ms while this thread waits for kernels, whoever asked for them.

    It may listen to a person: what it raises ends the compiling at once.
    """
    before = _show.set(show)
    try:
        yield
    finally:
        _show.reset(before)


def tell(done: int, total: int) -> None:
    """So many kernels of so many are compiled."""
    _show.get()(done, total)
