"""What a kernel reaches: its own source file and every file of ours or of its author that this imports, on and on.

A digest of those files is part of the name under which a kernel is kept, so that an edit of anything that is compiled
into it, in whatever room, makes the next run compile it anew. Imports are read from the text: nothing is imported, and
what a file finds by `importlib` is not seen. Installed libraries do not count.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

OURS = ("agentsim", "brains", "worlds")
ROOMS = ("agentsim.compiled", "brains", "worlds")  # besides the room that the kernel itself is in
LIBRARIES = {"site-packages", "dist-packages", Path(ast.__file__).parent.name}  # folders


def digest(module: str) -> bytes:
    """A digest (16 bytes) of all sources that a module reaches."""
    total = hashlib.blake2b(digest_size=16)
    for path in sources(module):
        total.update(_content(path))
    return total.digest()


def unchanged(module: str) -> bool:
    """Whether the sources are still what they were when they were first read."""
    return all(path.exists() and _read(path) == _content(path) for path in sources(module))


@cache
def sources(module: str) -> tuple[Path, ...]:
    """The files of ours that a module reaches, its own among them, sorted by the name of their module.

    Raises ModuleNotFoundError where there is no such module.
    """
    origin = _origin(module)
    if origin is None:
        raise ModuleNotFoundError(f"there is no module {module!r}", name=module)
    found, waiting = {module: origin}, [module]
    while waiting:
        importing = waiting.pop()
        for name in _imports(importing, found[importing]):
            if name not in found and _counts(name, importing, module) and (path := _origin(name)) is not None:
                found[name] = path
                waiting.append(name)
    return tuple(path for _, path in sorted(found.items()))


def _counts(name: str, importing: str, kernel: str) -> bool:
    """Whether what a module imports can be compiled into a kernel: ours by its room, another's if not a library's."""
    rooms = (*ROOMS, kernel.partition(".")[0])
    if any(name == room or name.startswith(f"{room}.") for room in rooms):
        return True
    if importing.partition(".")[0] in OURS or name.partition(".")[0] in OURS:
        return False
    path = _origin(name)
    return path is not None and LIBRARIES.isdisjoint(path.parts)


@cache
def _content(path: Path) -> bytes:
    return _read(path)


def _read(path: Path) -> bytes:
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
def _imports(module: str, path: Path) -> tuple[str, ...]:
    """Dotted names that a file imports when it is imported itself; of `from a import b` both a and a.b. Of files that
    are not ours also what their functions import, and the packages that each lies in: nobody says how they are written.
    """
    ours = module.partition(".")[0] in OURS
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]

    def visit(node: ast.AST) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                above = package[: len(package) - child.level + 1] if child.level else []
                origin = ".".join([*above, *([child.module] if child.module else [])])
                yield origin
                yield from (f"{origin}.{alias.name}" for alias in child.names)
            elif not ours or not isinstance(child, ast.FunctionDef | ast.Lambda):
                yield from visit(child)

    names = list(dict.fromkeys(name for name in visit(ast.parse(path.read_bytes())) if name))
    if not ours:
        names += [name[:dot] for name in [*names, module] for dot, letter in enumerate(name) if letter == "."]
    return tuple(dict.fromkeys(names))
