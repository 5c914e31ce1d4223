"""Operations and rules by number: the arrays hold numbers alone, so what is found by its name is written as its place
in a list. The order holds for this process; no checkpoint says it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

OPERATIONS = ["brains.kernels.reference.move:Move"]  # "module:class"; the first is op.MOVE
RULES: list[str] = []  # modules, or "module:thing" with the same functions


def number_of(names: list[str], name: str) -> int:
    """The number of a name in one of the lists above, a new one if it has none yet."""
    if name not in names:
        names.append(name)
    return names.index(name)


def thing(name: str) -> Any:
    """What a name of one of the lists says, imported now."""
    module, _, part = name.partition(":")
    found = import_module(module)
    return getattr(found, part) if part else found
