"""The brains of a config: where they stand, and whom their names, files and paths mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import brains
from agentsim.config.brain import FROM, WANTED
from agentsim.config.brain_file import COPIES, SUFFIX, known_as, read_brain_file
from agentsim.config.located_yaml import Located, Location
from agentsim.config.sources import above, configs_directory, extended, is_path, mapping_in, names_in, override, shown
from agentsim.config.validation import Problem, suggest
from agentsim.errors import UserError
from agentsim.system.files import is_there

BRAIN: Location = ("brain",)


def brain_names() -> list[str]:
    """Names of the shipped brain configs."""
    return names_in(configs_directory() / "brains")


def brain_locations(document: dict[str, Any]) -> list[Location]:
    """Where the brains of a config stand: `brain`, or `brain` of every one of `brains`."""
    several = document.get("brains")
    if not isinstance(several, dict) or not several:
        return [BRAIN]
    alone: list[Location] = [BRAIN] if "brain" in document else []
    return [*alone, *(("brains", name, "brain") for name in several if isinstance(several[name], dict))]


def put_brains(located: Located, location: Location, value: Located) -> bool:
    """Put a change of a whole brain, or of several, in its place, before names are resolved; whether it is one."""
    if location == BRAIN:
        located.value.pop("brains", None)
    elif location == ("brains",):
        located.value.pop("brain", None)
    elif location[0] != "brains" or not (len(location) == 2 or (len(location) == 3 and location[2] == "brain")):
        return False
    override(located, location, value)
    above(located.value, location).pop("brain_name", None)
    return True


def resolve_brain(located: Located, at: Location, folder: Path) -> None:
    """Replace a brain that is named, by name or by path from `folder`, by its mapping, and one that extends another by
    both of them."""
    holder, where, shipped = above(located.value, at), located.place(at), configs_directory() / "brains"
    name, key = holder.get("brain"), ".".join(map(str, at))
    if isinstance(name, dict):
        if "extends" in name:
            located.put(at, extended(located.at(at), folder, shipped))
        if FROM in name:
            _put_from_file(located, at, folder)
        return
    if not isinstance(name, str):
        return
    if name.endswith(SUFFIX):
        holder["brain"] = {FROM: name}
        _put_from_file(located, at, folder)
        holder.setdefault("brain_name", Path(name).stem)
        return
    if is_path(name):
        path = folder / name
        if not is_there(path):
            raise UserError(f"{where}: {key}: {path}: no such file; give a path from {folder.resolve()}, or a name")
    elif name in brain_names():
        path = shown(shipped / f"{name}.yaml")
    elif name in brains.BRAINS:
        located.put(at, Located({"kind": name}, {(): where}))
        holder.setdefault("brain_name", name)
        return
    else:
        known = dict.fromkeys([*brain_names(), *brains.BRAINS])
        hint = f"{suggest(name, known, 'brains')} (a brain of your own needs --import MODULE, or its file's path)"
        raise UserError(f"{where}: {key}: unknown brain {name!r}, {hint}")
    located.put(at, extended(mapping_in(path, "`kind: stepping`", "a brain"), path.parent, shipped))
    holder.setdefault("brain_name", path.stem)


def _put_from_file(located: Located, at: Location, folder: Path) -> None:
    """Complete a brain that begins with the weights of a file: what it does not say is as in the file."""
    own = above(located.value, at)["brain"]
    name, where = own[FROM], located.place((*at, FROM))
    if not isinstance(name, str) or not name:
        raise UserError(f"{where}: {'.'.join(map(str, at))}.from: should be the path of a brain file, got {name!r:.40}")
    path = folder / name if is_there(folder / name) else folder / COPIES / name
    if not is_there(path):
        raise UserError(
            f"{where}: {'.'.join(map(str, at))}.from: {folder / name}: no such file; `agentsim brain save RUN --out "
            f"{Path(name).name}` writes one"
        )
    header, _ = read_brain_file(path)
    whole = header.brain if own.get("kind", header.brain.get("kind")) == header.brain.get("kind") else {}
    located.put(at, Located({**whole, **own, FROM: known_as(path)}, {**located.at(at).places, (): where}))


def check_number(located: Located) -> list[Problem]:
    """Whether there is one brain, or several."""
    document = located.value
    if document.get("brains") and "brain" in document:
        return [(("brains",), "one brain or several: give either brain or brains")]
    if not document.get("brains") and document.get("brain") is None:
        return [(BRAIN, f"missing; give {WANTED}")]
    return []
