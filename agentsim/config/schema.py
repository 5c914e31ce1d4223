"""The JSON Schemas of configs, for editors and other validators; they say what a config's own models say.

What they cannot see is what lies between keys (a rule and its layers, a brain and its world), the tasks of a world and
the options of a world that is not ours. Brains, layers, rules and worlds are those that there are when it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter

import brains
from agentsim.config.brain import ANY_BRAIN, Brain
from agentsim.config.load import Config, config_names, options_of
from agentsim.config.naming import brain_names

Schema = dict[str, Any]
_PATH = r"\.ya?ml$|[/\\]"
_LENGTHS = ("minutes", "batches")  # of a training: one of them


def config_schema(ours: Sequence[str]) -> Schema:
    """Of a config that `agentsim run` takes; `ours` are the ids of our worlds, whose options are known."""
    schema = Config.model_json_schema()
    kinds = TypeAdapter(Brain).json_schema()["anyOf"]
    world = schema["$defs"]["WorldConfig"]
    world["properties"]["id"] |= {"anyOf": [{"enum": [*ours]}, {"pattern": "^(?!agentsim/)[^:]+$"}]}
    world["allOf"] = [_options(world_id) for world_id in ours]
    one = {"required": ["brain"], "properties": {"brain": {"not": {"type": "null"}}}}
    several = {"required": ["brains"], "properties": {"brains": {"minProperties": 1}}}
    found = _file(schema, "agentsim config", config_names(), {"oneOf": [one, several]})
    return found | {"$defs": found["$defs"] | _brains(kinds)}


def brain_schema() -> Schema:
    """Of a brain config, a file of `configs/brains`."""
    schema = TypeAdapter(Brain).json_schema()
    return _file({**schema, "title": ""}, "agentsim brain", brain_names(), {})


def training_schema(model: type[BaseModel], mode: str, names: Sequence[str]) -> Schema:
    """Of a config of an offline mode."""
    one_length = {"oneOf": [{"required": [length], "properties": {length: {"type": "number"}}} for length in _LENGTHS]}
    return _file(model.model_json_schema(), f"agentsim {mode}", names, one_length)


def _file(schema: Schema, title: str, names: Sequence[str], whole: Schema) -> Schema:
    """The schema of a file that is whole, or says how it differs from another one that it `extends`."""
    definitions = schema.pop("$defs", {})
    extends = {"extends": _name(names, "The config that this one differs from: a name or a path.")}
    for name, part in list(definitions.items()):
        definitions |= {name: _finished(part, False), f"Part of {name}": _finished(part, True)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "anyOf": [_finished(schema, False) | whole, _extending(_finished(schema, True), extends)],
        "$defs": definitions,
    }


def _extending(schema: Schema, extends: Schema) -> Schema:
    """The schema with `extends`, which has to be there."""
    if "properties" not in schema:  # of one kind or another
        return schema | {"anyOf": [_extending(part, extends) for part in schema["anyOf"]]}
    return schema | {"properties": extends | schema["properties"], "required": ["extends"]}


def _finished(node: Any, partial: bool) -> Any:
    """A schema with names in the place of brains; `partial`: of what only changes something, where any key may be left
    out, or be null, to take out what is there."""
    if isinstance(node, list):
        return [_finished(item, partial) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("title") == ANY_BRAIN:
        return {"$ref": "#/$defs/Part of Brain" if partial else "#/$defs/Brain"}
    found = {key: _finished(value, partial) for key, value in node.items() if key not in ("discriminator", "title")}
    if "discriminator" in node:  # a tag has to be there, whatever the default of its key
        found["required"] = [node["discriminator"]["propertyName"]]
    if partial:
        if "$ref" in found:
            found["$ref"] = found["$ref"].replace("#/$defs/", "#/$defs/Part of ")
        found.pop("required", None)
        if "oneOf" in found:
            found["anyOf"] = found.pop("oneOf")
        if isinstance(found.get("properties"), dict):
            keys = found["properties"]
            found["properties"] = {key: {"anyOf": [value, {"type": "null"}]} for key, value in keys.items()}
    return found


def _brains(kinds: Sequence[Any]) -> dict[str, Schema]:
    """What stands in the place of a brain: a name, a mapping, or how it differs from another one."""
    names = [*brain_names(), *brains.BRAINS]
    extends = {"extends": _name(brain_names(), "The brain that this one differs from: a name or a path.")}
    parts = [_finished(kind, True) for kind in kinds]
    choices = [
        _name(names, "A brain's name, or the path of its file."),
        *(_finished(kind, False) for kind in kinds),
        *(_extending(part, extends) for part in parts),
    ]
    return {"Brain": {"anyOf": choices}, "Part of Brain": {"anyOf": [*choices, *parts]}}


def _name(names: Sequence[str], meaning: str) -> Schema:
    choices = [{"enum": list(dict.fromkeys(names))}, {"pattern": _PATH}]
    return {"type": "string", "description": meaning, "anyOf": choices}


def _options(world_id: str) -> Schema:
    """What the options of one of our worlds are called."""
    named = {"properties": {"id": {"const": world_id}}, "required": ["id"]}
    return {"if": named, "then": {"properties": {"options": {"propertyNames": {"enum": options_of(world_id)}}}}}
