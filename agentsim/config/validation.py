"""From pydantic's errors to lines that a person can act on: where it was written, which key, what to do."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Iterable
from typing import Any, TypeVar

import pydantic
from pydantic import BaseModel

from agentsim.config.located_yaml import Located, Location
from agentsim.errors import UserError, said

Problem = tuple[Location, str]  # where in the document, and the message
Branch = tuple[Location, Any] | None  # where a union stands, and which of its alternatives a problem is about
OURS = "agentsim"  # the type of an error whose message is for people as it is
_Model = TypeVar("_Model", bound=BaseModel)


def first_problem(error: Exception) -> str:
    """What is wrong with data that did not fit a model, in one line: `key: problem`."""
    if not isinstance(error, pydantic.ValidationError):
        return said(error).partition(": ")[2] or said(error)
    first = error.errors()[0]
    return ": ".join(filter(None, [".".join(map(str, first["loc"])), first["msg"]]))


def suggest(word: str, known: Iterable[str], what: str = "known") -> str:
    """The end of an error message about an unknown word: what was probably meant, else what there is."""
    known = list(known)
    folded = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.6)
    if close:
        return f"did you mean {folded[close[0]]}?"
    return f"{what}: {', '.join(known)}" if known else f"there are no {what}"


def validate(model: type[_Model], located: Located, prefix: Location) -> tuple[_Model | None, list[Problem]]:
    """Validate the value at `prefix`; the problems are (location in the document, message)."""
    value = located.value
    for key in prefix:
        value = value[key]
    try:
        return model.model_validate(value), []
    except pydantic.ValidationError as error:
        found = [_problem(details, model, value, prefix) for details in error.errors() if not _follows(details)]
        return None, _most_likely(found)


def everything_wrong(located: Located, problems: list[Problem]) -> UserError:
    """One error that lists all problems, in the order of the file."""
    order = {place: index for index, place in enumerate(dict.fromkeys(located.places.values()))}
    lines = [(located.place(at), ".".join(map(str, at)), message) for at, message in problems]
    lines.sort(key=lambda line: order.get(line[0], -1))
    return UserError("\n".join(": ".join(filter(None, line)) for line in lines))


_SIGNS = ("did you mean", "unknown key")  # that a person meant this alternative, the surest first


def _most_likely(found: list[tuple[Problem, Branch]]) -> list[Problem]:
    """Where a value may be one thing or another, only what is wrong with the likelier: that of which a key was
    misspelt, else that with the fewest problems."""
    branches: dict[Location, dict[Any, list[str]]] = {}
    for (_, message), branch in found:
        if branch is not None:
            branches.setdefault(branch[0], {}).setdefault(branch[1], []).append(message)
    likely = {
        union: min(tags, key=lambda tag: (*(sign not in " ".join(tags[tag]) for sign in _SIGNS), len(tags[tag])))
        for union, tags in branches.items()
    }
    return list(dict.fromkeys(problem for problem, branch in found if branch is None or likely[branch[0]] == branch[1]))


def _problem(details: Any, model: type[BaseModel], value: Any, prefix: Location) -> tuple[Problem, Branch]:
    """One pydantic error. Its `loc` holds, besides keys and indices, the tags of unions; they are no keys of ours."""
    at, models, fields = list(prefix), [model], list[str]()
    branch: Branch = None
    for part in details["loc"]:
        fields = list(dict.fromkeys(name for m in models for name in m.model_fields))
        if (isinstance(value, dict) and part in value) or (isinstance(value, list) and isinstance(part, int)):
            at.append(part)
            value = value[part]
            if not isinstance(part, int):
                annotations = [_annotation(m.model_fields[part]) for m in models if part in m.model_fields]
                if annotations:  # else a name of someone's choice, with the model of all such names behind it
                    models = [m for annotation in annotations for m in _models_in(annotation, value)]
        elif details["type"] in ("missing", OURS) and part == details["loc"][-1]:
            at.append(part)
        else:
            branch = (tuple(at), part)
            models = [m for m in models if part == m.__name__ or _has_tag(m, part)] or models
    return (tuple(at), _message(details, value, str(at[-1]) if at else "", fields)), branch


def _follows(details: Any) -> bool:
    """Whether an error only says of a list with wrong items that it has none that are right."""
    return details["type"] == "too_short" and len(details["input"]) >= details["ctx"]["min_length"]


def _message(details: Any, value: Any, key: str, fields: list[str]) -> str:
    """What is wrong with `value`, and what to do; `fields` are the keys that there are."""
    message: str = details["msg"].removeprefix("Value error, ").replace("Input should", "should")
    match details["type"]:
        case "extra_forbidden":
            message = f"unknown key, {suggest(key, fields, 'keys')}"
        case "missing":
            message = "missing; add it"
        case "too_short":
            message = f"is empty; write at least {details['ctx']['min_length']}"
        case "tuple_type" | "list_type":
            message = f"should be a list, got {_short(value)}"
        case "literal_error" | "enum" if isinstance(value, str):
            choices = re.findall(r"'([^']*)'", details["ctx"]["expected"])
            message = f"unknown value {value!r:.40}, {suggest(value, choices, 'choices')}"
        case "union_tag_invalid":
            choices = re.findall(r"'([^']*)'", details["ctx"]["expected_tags"])
            tag, name = str(details["ctx"]["tag"]), details["ctx"]["discriminator"].strip("'_()")
            message = f"{name}: unknown value {tag!r:.40}, {suggest(tag, choices, 'choices')}"
        case "union_tag_not_found":
            message = f"{details['ctx']['discriminator'].strip('_()')}: missing; add it"
        case "model_type" | "dict_type" | "model_attributes_type":
            message = f"should be a mapping of keys, got {_short(value)}"
        case "value_error" | "agentsim":
            pass
        case _:
            message = f"{message}, got {_short(value)}"
    return message


def _has_tag(model: type[BaseModel], tag: Any) -> bool:
    return any(tag in typing.get_args(field.annotation) for field in model.model_fields.values())


def _annotation(field: Any) -> Any:
    """The whole annotation of a field: pydantic keeps the outermost metadata beside it."""
    return typing.Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _models_in(annotation: Any, value: Any) -> list[type[BaseModel]]:
    """The models that an annotation such as `tuple[A | B, ...] | None` speaks of, of this value."""
    if hasattr(annotation, "models_of"):  # whose choice is made when it validates
        return list(annotation.models_of(value))
    arguments = (*typing.get_args(annotation), *getattr(annotation, "__metadata__", ()))
    if isinstance(annotation, type) and not arguments and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in arguments for model in _models_in(argument, value)]


def _short(value: Any) -> str:
    return "nothing" if value is None else f"{value!r:.40}"
