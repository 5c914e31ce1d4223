"""What a kernel reaches: its own source file and every file of ours that this one imports, on and on.

A digest of those files is part of the name under which a kernel is kept, so that an edit of anything that is compiled
into it, in whatever room, makes the next run compile it anew. Imports are read from the text: nothing is imported.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

ROOMS = ("agentsim.compiled", "brains", "worlds")  # besides the room that the kernel itself is in


def digest(module: str) -> bytes:
    """A digest (16 bytes) of all sources that a module reaches."""
    total = hashlib.blake2b(digest_size=16)
    for path in sources(module):
        total.update(_content(path))
    return total.digest()


@cache
def sources(module: str) -> tuple[Path, ...]:
    """The files of ours that a module reaches, its own among them, sorted by the name of their module.

    Raises ModuleNotFoundError where there is no such module.
    """
    origin = _origin(module)
    if origin is None:
        raise ModuleNotFoundError(f"there is no module {module!r}", name=module)
    rooms = (*ROOMS, module.partition(".")[0])
    found, waiting = {module: origin}, [module]
    while waiting:
        for name in _imports(found[waiting.pop()]):
            ours = any(name == room or name.startswith(f"{room}.") for room in rooms)
            if ours and name not in found and (path := _origin(name)) is not None:
                found[name] = path
                waiting.append(name)
    return tuple(path for _, path in sorted(found.items()))


@cache
def _content(path: Path) -> bytes:
    return hashlib.blake2b(path.read_bytes(), digest_size=16).digest()


@cache
def _origin(name: str) -> Path | None:
    """The source file of a module, or None where there is none of that name. Nothing but packages is imported."""
    parent = name.rpartition(".")[0]
    if parent and (inside := _origin(parent)) is not None and inside.name != "__init__.py":
        return None  # a name within a module; to look there for a module would import it
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):  # a parent is no package
        return None
    return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None


@cache
def _imports(path: Path) -> tuple[str, ...]:
    """Dotted names that a file imports when it is imported itself; of `from a import b` both a and a.b."""

    def visit(node: ast.AST) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom) and child.level == 0 and child.module:
                yield child.module
                yield from (f"{child.module}.{alias.name}" for alias in child.names)
            elif not isinstance(child, ast.FunctionDef | ast.Lambda):
                yield from visit(child)

    return tuple(dict.fromkeys(visit(ast.parse(path.read_bytes()))))
