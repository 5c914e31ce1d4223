"""A snapshot: where a run stands, beside the arrays of its world and its brain. What a checkpoint holds."""

from __future__ import annotations

from typing import Any

from pydantic import Field, NonNegativeInt

from agentsim.config.brain import Brain
from agentsim.config.sections import MemberConfig, Section
from brains.brain import State


class Snapshot(Section):
    """`hash` is the rolling one so far; `swaps`, how often the brain was swapped, is part of the seed of the next."""

    tick: NonNegativeInt
    hash: str
    learning: bool
    brain_name: str
    brain: Brain | None
    brains: dict[str, MemberConfig] = Field(default={})
    swaps: NonNegativeInt
    telemetry: dict[str, Any]


def part(arrays: State, prefix: str) -> State:
    """The arrays whose names begin so, without that beginning."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
