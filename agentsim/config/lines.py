"""A config key by key: its value, what it means, and where it was written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel, TypeAdapter

from agentsim.config.brain import BrainConfig
from agentsim.config.located_yaml import Location


class Line(NamedTuple):
    """A key of a config: where it is in it, the value as YAML has it, what it means, and whether it holds others."""

    at: Location
    value: Any
    meaning: str
    holds_others: bool


def lines(value: Any, at: Location = (), meaning: str = "") -> Iterator[Line]:
    """A value and everything in it, from the top down."""
    inner = list(_inside(value))
    if at:
        yield Line(at, None if inner else _plain(value), meaning, bool(inner))
    for key, held, what in inner:
        yield from lines(held, (*at, key), what)


def _inside(value: Any) -> Iterator[tuple[str | int, Any, str]]:
    """What a value holds that has keys with a meaning: key, value, meaning."""
    match value:
        case BrainConfig():
            if "kind" not in type(value.settings).model_fields:
                yield "kind", value.kind, "What makes it."
            yield from _inside(value.settings)
        case BaseModel():
            for name, field in type(value).model_fields.items():
                yield name, getattr(value, name), field.description or ""
        case dict() if all(isinstance(held, BaseModel) for held in value.values()):
            yield from ((name, held, _first_line(held)) for name, held in value.items())
        case tuple() | list() if any(isinstance(held, BaseModel | tuple | list) for held in value):
            yield from ((index, held, _first_line(held)) for index, held in enumerate(value))


def _first_line(held: Any) -> str:
    """What an item of a list is, by its type or by what its model says."""
    if not isinstance(held, BaseModel):
        return ""
    kind = type(held).model_fields.get("type")
    return (kind and kind.description) or (type(held).__doc__ or "").partition("\n")[0]


def _plain(value: Any) -> Any:
    return (
        value.model_dump(mode="json")
        if isinstance(value, BaseModel)
        else TypeAdapter(Any).dump_python(value, mode="json")
    )
