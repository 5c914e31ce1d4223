"""Where configs are found, by name or path, and how `--set KEY=VALUE` changes what was read."""

from __future__ import annotations

import difflib
import importlib.resources
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from agentsim.config import located_yaml
from agentsim.config.located_yaml import Located, Location
from agentsim.config.validation import suggest
from agentsim.errors import UserError
from agentsim.system.files import is_there


def configs_directory() -> Path:
    """Where the shipped configs are: inside the installed package, or beside it in a checkout."""
    packaged = Path(str(importlib.resources.files("agentsim"))) / "configs"
    return packaged if packaged.is_dir() else packaged.parent.parent / "configs"


def names_in(directory: Path) -> list[str]:
    """Names of the configs in a directory."""
    return sorted(path.stem for path in directory.glob("*.yaml"))


def is_path(name: str) -> bool:
    """Whether a config is given by its path rather than by its name."""
    return name.endswith((".yaml", ".yml")) or "/" in name or "\\" in name


def shown(path: Path) -> Path:
    """The path as a person in the current directory would write it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def find(source: str | Path, directory: Path, also: Iterable[str] = ()) -> Path:
    """The config of that name in the directory of the shipped ones, or at that path. Raises UserError without one;
    `also` are other names that might have been meant."""
    names = names_in(directory)
    if not str(source) or source == Path():
        raise UserError(f"'': no name and no path; there are: {', '.join(names)}")
    if isinstance(source, str) and not is_path(source):
        if source in names:
            return shown(directory / f"{source}.yaml")
        if not is_there(source):
            raise UserError(
                f"{source!r}: no config of that name, {_meant(source, names, also)}\n"
                f"give the name of a shipped config,{' the id of a world,' if also else ''} or a path ending in .yaml"
            )
    path = Path(source)
    if not is_there(path):
        near = sorted(str(path.parent / other.name) for other in path.parent.glob("*.yaml"))
        raise UserError(f"{path}: no such file; there are: {', '.join([*names, *near[:20]])}")
    return path


def _meant(source: str, names: list[str], also: Iterable[str]) -> str:
    """What was probably meant: one of `also` only if it is as good as the same."""
    near = difflib.get_close_matches(source.lower(), (other.lower() for other in also), n=1, cutoff=0.75)
    others = [other for other in also if other.lower() in near]
    hint = suggest(source, names, "shipped configs")
    return f"did you mean {others[-1]}?" if others and source not in names else hint


def mapping_in(path: Path, least: str, what: str = "a config") -> Located:
    """The mapping that a config's file holds. Raises UserError, saying what it needs at least, if it does not."""
    located = located_yaml.read(path)
    if not isinstance(located.value, dict):
        held = "is empty" if located.value is None else "must hold a mapping of keys"
        raise UserError(f"{path}: {held}; {what} needs at least {least}")
    return located


def extended(located: Located, folder: Path, shipped: Path) -> Located:
    """What a mapping says together with the config that its `extends` names, if it has one: by a name among the
    `shipped`, or by a path from `folder`.

    Mappings are merged, anything else is replaced; null takes out what the other one says; a mapping of another `kind`
    replaces the whole of it. Raises UserError if there is no such config, or it extends one itself.
    """
    if "extends" not in located.value:
        return located
    name, where = located.value.pop("extends"), located.place(("extends",))
    if not isinstance(name, str) or not name:
        raise UserError(f"{where}: extends: should be the name of a config or its path, got {name!r:.40}")
    try:
        path = find(folder / name if is_path(name) else name, shipped)
    except UserError as error:
        raise UserError(f"{where}: extends: {error}") from None
    base = mapping_in(path, "what this one leaves out")
    if "extends" in base.value:
        raise UserError(f"{where}: extends: {path} extends a config itself; one may extend only what is whole")
    _merge(base, located, ())
    base.places[()] = located.place(())
    return base


def _merge(base: Located, located: Located, at: Location) -> None:
    """Put what `located` says at `at` over what `base` says there."""
    old, new = base.at(at).value, located.at(at).value
    if "kind" in new and new["kind"] != old.get("kind", new["kind"]):
        base.put(at, located.at(at))
        return
    for key, value in new.items():
        if value is None:
            base.take((*at, key))
        elif isinstance(value, dict) and isinstance(old.get(key), dict):
            _merge(base, located, (*at, key))
        else:
            base.put((*at, key), located.at((*at, key)))


def above(document: Any, location: Location) -> Any:
    """What the value at `location` stands in."""
    for key in location[:-1]:
        document = document[key]
    return document


def parse_override(text: str, example: str) -> tuple[Location, Located]:
    """Where "KEY=VALUE" puts what; "KEY=" takes out what the config says there. Raises UserError, showing the example,
    for a text that does not look like it."""
    key, equals, value = text.partition("=")
    source = f"--set {text}"
    if not equals or not all(key.split(".")):
        raise UserError(f"{source}: write it as KEY=VALUE, for example --set {example}")
    location = tuple(int(part) if part.isdecimal() else part for part in key.strip().split("."))
    return location, located_yaml.parse(value, source, numbered=False)


def override(located: Located, location: Location, value: Located) -> None:
    """Put an override in its place, making the mappings on the way that are not there yet; one that holds nothing
    takes out what is there."""
    source = value.places.get((), "") or f"--set {'.'.join(map(str, location))}="
    here = located.value
    for depth, key in enumerate(location):
        above = ".".join(map(str, location[:depth]))
        if isinstance(here, list):
            if not isinstance(key, int) or key >= len(here):
                raise UserError(
                    f"{source}: {above} is a list of {len(here)}; give an index below that, as in {above}.0"
                )
        elif not isinstance(here, dict):
            raise UserError(f"{source}: {above} is a single value, it has no key {key}")
        elif depth < len(location) - 1 and here.get(key) is None:
            located.put(location[: depth + 1], Located({}, {(): source}))
        if depth < len(location) - 1:
            here = here[key]
    if value.places:
        located.put(location, value)
    else:
        located.take(location)
