"""What a run ran on: versions and the modules that a person imported; and what of it is another thing today."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agentsim import registry
from agentsim.system.machine import versions

VERSIONS = "versions.json"
_MODULES = "modules"


def origin() -> dict[str, Any]:
    """Versions, and under "modules" each module given with --import with a digest of the sources that it reaches."""
    return {**versions(), _MODULES: dict(registry.IMPORTED)}


def modules_of(directory: Path) -> list[str]:
    """The modules that a run was started with; none where nothing, or nothing readable, says so."""
    return [str(name) for name in _read(directory).get(_MODULES, {})]


def changes_since(directory: Path) -> list[str]:
    """What is not as it was when a run began, a line each: it may compute something else now."""
    then, now = _read(directory), origin()
    lines = []
    for name, digest in then.get(_MODULES, {}).items():
        if name in now[_MODULES] and now[_MODULES][name] != digest:
            lines.append(f"{name} has been edited since this run began: it may do something else now")
    for name, version in versions().items():
        if name in then and then[name] != version:
            lines.append(f"this run began with {name} {then[name]}, now it is {version}")
    return lines


def missing_modules(directory: Path) -> list[str]:
    """The modules that a run was started with and that are not imported now."""
    return [name for name in modules_of(directory) if name not in registry.IMPORTED]


def _read(directory: Path) -> dict[str, Any]:
    try:
        found = json.loads((directory / VERSIONS).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # it only serves to say something
        return {}
    modules = found.get(_MODULES, {}) if isinstance(found, dict) else None
    return found if isinstance(modules, dict) else {}
