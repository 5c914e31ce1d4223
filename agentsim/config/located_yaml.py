"""YAML read as plain data that remembers the line of every key, so that an error can name it.

Values follow the YAML 1.2 core schema, not PyYAML's YAML 1.1: `on`, `off`, `yes` and `no` are words, `1e-3` is a
number, `010` is ten. Keys are plain words or numbers and must be unique. Tags, which could name code, are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from agentsim.errors import UserError

Location = tuple[str | int, ...]  # the keys and indices from the top of the document to a value

MAX_BYTES = 1_000_000
MAX_VALUES = 100_000  # after aliases are followed: stops "billion laughs" files

_CORE_SCHEMA = [  # (tag, what a plain scalar must look like, its possible first characters)
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+0123456789.",
    ),
]
_PREFIX = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012  a fresh one: PyYAML's own holds the 1.1 rules


class _Dumper(yaml.SafeDumper):
    """Quotes every string that YAML 1.1 or 1.2 would take for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _tag, _pattern, _first in _CORE_SCHEMA:
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(
            _PREFIX + _tag, re.compile(rf"^(?:{_pattern})$"), [*_first, *([""] * (_tag == "null"))]
        )


@dataclass
class Located:
    """Plain data, and for the location of every value in it the place to show: `configs/arena.yaml:14`."""

    value: Any
    places: dict[Location, str] = field(default_factory=dict)

    def place(self, location: Location) -> str:
        """Where the value at `location` was written, or else the nearest thing around it."""
        while location not in self.places and location:
            location = location[:-1]
        return self.places.get(location, "")

    def at(self, location: Location) -> Located:
        """The value at `location`, which must exist, with its places."""
        value = self.value
        for key in location:
            value = value[key]
        size = len(location)
        places = {at[size:]: place for at, place in self.places.items() if at[:size] == location}
        return Located(value, {(): self.place(location), **places})

    def take(self, location: Location) -> None:
        """Remove the value at `location`, whose parent must exist, if it is there."""
        parent: Any = self.value
        for key in location[:-1]:
            parent = parent[key]
        if isinstance(parent, dict):
            parent.pop(location[-1], None)
        else:
            del parent[int(location[-1])]
        size = len(location)
        self.places = {at: place for at, place in self.places.items() if at[:size] != location}

    def put(self, location: Location, other: Located) -> None:
        """Replace the value at `location`, whose parent must exist, by `other`, places and all."""
        size = len(location)
        if not size:
            self.value, self.places = other.value, dict(other.places)
            return
        parent = self.value
        for key in location[:-1]:
            parent = parent[key]
        parent[location[-1]] = other.value
        self.places = {at: place for at, place in self.places.items() if at[:size] != location}
        self.places |= {location + at: place for at, place in other.places.items()}


def read(path: Path) -> Located:
    """Read a YAML file. Raises UserError, naming file and line, if that cannot be done."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except IsADirectoryError:
        raise UserError(f"{path}: is a directory; give a YAML file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UserError(f"{path}: is UTF-16 text; save the file as UTF-8")
    if b"\0" in content:
        raise UserError(f"{path}: is a binary file; give a YAML file")
    if len(content) > MAX_BYTES:
        raise UserError(f"{path}: is larger than {MAX_BYTES:,} bytes; give a YAML file")
    try:
        return parse(content.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(f"{path}:{line}: is not UTF-8 text; save the file as UTF-8") from None


def parse(text: str, source: str, *, numbered: bool = True) -> Located:
    """Parse one YAML document; `source` (a file's name, or an option) is what errors name. An empty one is None."""

    def place(mark: Any) -> str:
        return f"{source}:{mark.line + 1}" if numbered else source

    try:
        node = _Loader(text).get_single_node()
        located = Located(None)
        if node is not None:
            budget = iter(range(MAX_VALUES))
            located.value = _plain(node, (), located.places, place, budget, frozenset())
        return located
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(filter(None, (error.context, error.problem))).replace("\t", "a tab")
        raise UserError(f"{place(mark) if mark else source}: not valid YAML: {problem}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{source}: not valid YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise UserError(f"{source}: nested too deeply") from None


def _plain(
    node: Any, at: Location, places: dict[Location, str], place: Any, budget: Iterator[int], above: frozenset[int]
) -> Any:
    """The data of a node; fills `places`. All duplicate keys of a mapping are reported at once."""
    where = place(node.start_mark)
    places.setdefault(at, where)
    if next(budget, None) is None:
        raise UserError(f"{where}: more than {MAX_VALUES:,} values (aliases counted each time); make the file smaller")
    if id(node) in above:
        raise UserError(f"{where}: an alias that contains itself")
    above |= {id(node)}
    if isinstance(node, yaml.SequenceNode) and node.tag == _PREFIX + "seq":
        return [_plain(item, (*at, index), places, place, budget, above) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, where)
    if not isinstance(node, yaml.MappingNode) or node.tag != _PREFIX + "map":
        raise UserError(f"{where}: the tag {node.tag} is not allowed; configs hold plain data only")

    mapping: dict[str | int, Any] = {}
    duplicates = []
    for key_node, value_node in node.value:
        where = place(key_node.start_mark)
        if not isinstance(key_node, yaml.ScalarNode):
            raise UserError(f"{where}: a key must be a word, not a list or a mapping")
        key = _scalar(key_node, where)
        if not isinstance(key, (str, int)) or isinstance(key, bool):
            key = key_node.value
        name = ".".join(map(str, (*at, key)))
        if key in mapping:
            duplicates.append(f"{where}: {name}: written twice (first at {places[(*at, key)]}); delete one")
            continue
        places[(*at, key)] = where
        mapping[key] = _plain(value_node, (*at, key), places, place, budget, above)
    if duplicates:
        raise UserError("\n".join(duplicates))
    return mapping


def _scalar(node: yaml.ScalarNode, where: str) -> str | int | float | bool | None:
    tag, text = node.tag.removeprefix(_PREFIX), node.value
    try:
        if tag == "str":
            return text
        if tag == "null":
            return None
        if tag == "bool":
            return {"true": True, "false": False}[text.lower()]
        if tag == "int":
            return int(text, 16 if text.startswith("0x") else 10)
        if tag == "float":
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    except (ValueError, KeyError):
        raise UserError(f"{where}: {text[:40]!r} is not a valid {tag}") from None
    raise UserError(f"{where}: the tag {node.tag} is not allowed; configs hold plain data only")


def dump(value: Any) -> str:
    """Plain data as YAML text that `parse` reads back equal."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=120)
