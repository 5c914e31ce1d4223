"""A snapshot: where a run stands, beside the arrays of its world and its brain. What a checkpoint holds."""

from __future__ import annotations

from typing import Any

from pydantic import Field, NonNegativeInt

from agentsim.config.brain import Brain
from agentsim.config.sections import MemberConfig, Section
from brains.brain import State


class Kept(Section):
    """A brain that lived here before: its name and config, in whose place of several, and for how many ticks."""

    name: str
    brain: Brain
    whose: str | None
    ticks: NonNegativeInt

    def __eq__(self, other: object) -> bool:
        """It is the same brain if name, config and place are, however old it has become."""
        mine = (self.name, self.brain, self.whose)
        return mine == ((other.name, other.brain, other.whose) if isinstance(other, Kept) else other)

    __hash__ = None  # type: ignore[assignment]


class Snapshot(Section):
    """`hash` is the rolling one so far; `swaps`, how often the brain was swapped, is part of the seed of the next;
    `shelf` are those that lived here before, and `born` says when the present ones would have been new."""

    tick: NonNegativeInt
    hash: str
    learning: bool
    brain_name: str
    brain: Brain | None
    brains: dict[str, MemberConfig] = Field(default={})
    swaps: NonNegativeInt
    shelf: tuple[Kept, ...] = ()
    born: dict[str, int] = Field(default={})
    telemetry: dict[str, Any]


def part(arrays: State, prefix: str) -> State:
    """The arrays whose names begin so, without that beginning."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
