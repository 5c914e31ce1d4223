"""A brain as a config has it: the mapping {kind, ...}, checked once by the model that its kind has beside its code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import pydantic
from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

import brains
from agentsim.config.validation import OURS, first_problem, suggest
from agentsim.errors import UserError

FROM = "from"  # the key of a brain file
ANY_BRAIN = "any brain"  # the title of its JSON Schema
WANTED = "a name, a path or a mapping {kind: ...}"


class BrainConfig(Mapping[str, Any]):
    """A checked brain: `kind` names what makes it, `settings` is the model of that kind; `weights` is the name by its
    contents of the brain file that it begins with, if it does not begin with nothing.

    As a mapping it is what YAML would say: {kind, all keys of that model, and `from`, if there are weights}. It never
    changes; `brain | {...}` is a plain dict, to be checked again.
    """

    __slots__ = ("_data", "kind", "settings", "weights")

    def __init__(self, mapping: Mapping[str, Any]) -> None:
        """Raises pydantic.ValidationError, with locations as in the mapping."""
        kind = mapping.get("kind")
        model = _model(mapping)
        ours = {"kind", FROM} - {*model.model_fields}
        fields = {key: value for key, value in mapping.items() if key not in ours}
        self.kind, self.settings = str(kind), model.model_validate(fields)
        self.weights: str | None = mapping.get(FROM)
        self._data: dict[str, Any] = {"kind": kind, **self.settings.model_dump(mode="json")}
        if self.weights is not None:
            self._data[FROM] = self.weights

    def __getitem__(self, key: str) -> Any:
        return self._data[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**self._data, **other}

    def __repr__(self) -> str:
        return f"BrainConfig({self._data})"


def checked(mapping: Mapping[str, Any], at: str = "brain") -> BrainConfig:
    """A brain's mapping {kind, ...}, checked. Raises UserError naming the key; `at` is the key of the mapping."""
    if isinstance(mapping, BrainConfig):
        return mapping
    try:
        return BrainConfig(mapping)
    except pydantic.ValidationError as error:
        raise UserError(f"{at}.{first_problem(error)}") from error


class AnyBrain:
    """How a config reads a brain: by the kinds that there are when it does so, those from outside among them."""

    @staticmethod
    def models_of(value: Any) -> list[type[BaseModel]]:
        """The model of the kind that a mapping names, if there is one."""
        try:
            return [_model(value)] if isinstance(value, dict) else []
        except pydantic.ValidationError:
            return []

    @staticmethod
    def validate(value: Any) -> BrainConfig:
        """From a mapping {kind, ...}. Raises ValidationError."""
        if isinstance(value, BrainConfig):
            return value
        if not isinstance(value, dict):
            raise _wrong((), f"should be {WANTED}, got {value!r:.40}", value)
        return BrainConfig(value)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        written = core_schema.plain_serializer_function_ser_schema(dict)
        return core_schema.no_info_plain_validator_function(self.validate, serialization=written)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A mapping of any kind of today."""
        kinds = []
        for kind in brains.BRAINS:
            model = brains.load(kind).Config
            found = dict(handler.resolve_ref_schema(handler(model.__pydantic_core_schema__)))
            own = {key: value for key, value in found.get("properties", {}).items() if key != "kind"}
            found["properties"] = {"kind": {"const": kind}, **own, FROM: _FILE}
            kinds.append(found | {"required": ["kind", *found.get("required", ())]})
        return {"title": ANY_BRAIN, "anyOf": kinds}


_FILE = {"type": "string", "description": "The brain file whose weights it begins with.", "pattern": r"\.brain$"}
Brain = Annotated[BrainConfig, AnyBrain()]


def _model(mapping: Any) -> type[BaseModel]:
    """The model of the kind that a mapping names. Raises ValidationError where there is none."""
    if "kind" not in mapping:
        raise _wrong(("kind",), f"missing; kinds: {', '.join(brains.BRAINS)}", mapping)
    kind = mapping["kind"]
    if not isinstance(kind, str) or kind not in brains.BRAINS:
        hint = suggest(str(kind), brains.BRAINS, "kinds")
        raise _wrong(("kind",), f"unknown kind {kind!r:.40}, {hint} (a kind of your own needs --import MODULE)", kind)
    try:
        return brains.load(kind).Config
    except Exception as error:  # other people's code can raise anything
        raise _wrong(("kind",), f"the class of kind {kind!r} cannot be loaded: {error}", kind) from error


def _wrong(at: tuple[str, ...], message: str, value: Any) -> pydantic.ValidationError:
    """An error whose message is for people as it is."""
    problem = PydanticCustomError(OURS, "{message}", {"message": message})
    details = InitErrorDetails(type=problem, loc=at, input=value)
    return pydantic.ValidationError.from_exception_data("brain", [details])
