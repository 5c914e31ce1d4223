"""The direction of the arrows between the rooms, read from every file's imports; and how long a file may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("agentsim", "brains", "worlds")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LOOSE = {"__init__.py", "__main__.py", "errors.py", "registry.py"}  # in agentsim/ itself
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
LONGEST = 350  # lines of a file
HEAVY = ("torch", "numba", "pygame", "triton")

# Room -> the rooms right below it; what those may import it may import too. A loose file is a room of its own.
BELOW: dict[str, tuple[str, ...]] = {
    "compiled": (),
    "brains": ("compiled",),
    "worlds": ("compiled",),
    "errors": (),
    "system": ("errors",),
    "config": ("system", "brains"),  # of brains only the registries and Config models: a config is checked when loaded
    "loop": ("config", "brains", "worlds"),
    "runs": ("loop", "registry"),
    "studies": ("runs",),
    "bench": ("studies",),
    "adaptation": ("studies",),
    "batch": ("studies",),
    "window": ("loop",),
    "cli": ("bench", "adaptation", "batch", "window", "__init__"),
    "registry": ("errors", "brains", "worlds"),
    "testing": ("loop",),  # a world is what the loop can live in
    "templates": ("testing", "__init__"),
    "__init__": ("system", "worlds"),  # and whatever it offers by name, when it is asked for
    "__main__": ("cli",),
}


def imports(path: Path, *, top_only: bool = False) -> Iterator[str]:
    """Dotted names that a file imports; with `top_only`, only what runs when the file itself is imported."""
    return names(path.read_text(encoding="utf-8"), path.relative_to(ROOT).parts, top_only=top_only)


def names(source: str, where: tuple[str, ...], *, top_only: bool = False) -> Iterator[str]:
    def visit(node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = where[: -node.level] if node.level else ()
            module = ".".join([*package, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif not (is_for_types(node) or (top_only and isinstance(node, FUNCTIONS))):
            for child in ast.iter_child_nodes(node):
                yield from visit(child)

    def is_for_types(node: ast.AST) -> bool:
        return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"

    return visit(ast.parse(source))


def packages(path: Path, *, top_only: bool = False) -> set[str]:
    return {name.split(".")[0] for name in imports(path, top_only=top_only)}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def file_of(name: str) -> str | None:
    """The file of ours that a dotted name lies in: `worlds.scores.RATES` in worlds/scores.py. None if in none."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:length])
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if parts[0] in PACKAGES and path.is_file():
                return relative(path)
    return None


def room_of(file: str) -> str:
    package, *inner = file.split("/")
    return package if package != "agentsim" else inner[0].removesuffix(".py")


@cache
def below(room: str) -> frozenset[str]:
    """The rooms that a room may import."""
    return frozenset(BELOW[room]).union(*map(below, BELOW[room]))


@cache
def graph() -> dict[str, set[str]]:
    """File -> the files of ours that it imports, inside functions or not."""
    return {
        relative(path): {file for name in imports(path) if (file := file_of(name)) and file != relative(path)}
        for path in FILES
    }


def wrong(file: str) -> set[str]:
    """What a file imports from rooms that are not below its own."""
    return {other for other in graph()[file] if room_of(other) not in {room_of(file), *below(room_of(file))}}


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_arrows(path: Path) -> None:
    file, used, at_once = relative(path), packages(path), packages(path, top_only=True)
    room = room_of(file)
    assert not wrong(file), f"{room} may import of ours: {sorted(below(room))}"
    if "kernels" in file:
        own = [name for name in imports(path) if name.split(".")[0] in PACKAGES]
        assert all(".kernels" in name or name.startswith("agentsim.compiled.") for name in own), f"kernels import {own}"
    if "pygame" in used:
        assert room in ("window", "worlds"), "only the window, and the worlds that draw themselves, import pygame"
        assert room == "window" or "pygame" not in at_once, "import pygame inside the functions that draw"
    if "triton" in used:
        assert file.startswith("brains/kernels/gpu"), "only the gpu kernels import triton"
    if "torch" in at_once:
        allowed = file.startswith("brains/kernels/reference") or room in ("batch", "templates")
        assert allowed, "import torch inside functions"
    if file.startswith("agentsim/") and room not in ("compiled", "batch"):  # itself imported inside commands only
        assert "numba" not in at_once, "agentsim imports numba inside functions only"


@pytest.mark.parametrize("folder", [*PACKAGES, "tests"])
def test_every_file_can_be_read_in_one_sitting(folder: str) -> None:
    lines = {relative(path): len(path.read_bytes().splitlines()) for path in (ROOT / folder).rglob("*.py")}
    assert lines and not {file: count for file, count in lines.items() if count > LONGEST}


def test_nothing_is_loose() -> None:
    assert {path.name for path in (ROOT / "agentsim").glob("*.py")} == LOOSE
    assert {room_of(relative(path)) for path in FILES} <= {*BELOW}


def test_no_circles() -> None:
    """Taking away, again and again, the files that import none of those left takes all away."""
    left = graph()
    while free := {file for file, others in left.items() if not others & {*left}}:
        left = {file: others for file, others in left.items() if file not in free}
    assert not left, f"a circle is among: {sorted(left)}"


def test_the_reader_of_imports_sees_what_it_should() -> None:
    """The checker itself, on a source whose imports are known."""
    source = (
        "import a.b\nfrom c import d\nfrom .. import h\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import e\ndef f():\n    import g\n"
    )
    here = ("agentsim", "window", "canvas.py")
    assert set(names(source, here)) == {"a.b", "c.d", "agentsim.h", "typing.TYPE_CHECKING", "g"}
    assert "g" not in set(names(source, here, top_only=True))
    assert file_of("agentsim.loop.clock.SECOND") == "agentsim/loop/clock.py"
    assert file_of("agentsim.window.run") == "agentsim/window/__init__.py"
    assert file_of("numpy.random") is None


def modules_after(statement: str) -> set[str]:
    command = [sys.executable, "-c", f"{statement}\nimport sys; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import agentsim", HEAVY),
        ("import agentsim.cli", HEAVY),
        ("import agentsim.config.load", HEAVY),
        ("from agentsim.batch.collatz.settings import load, names; [load(name) for name in names()]", HEAVY),
        ("import brains, worlds; [brains.load(kind).Config for kind in brains.BRAINS]", HEAVY),
        ("from agentsim import load_config; load_config('arena')", ("torch", "pygame", "triton")),
    ],
)
def test_nothing_heavy_is_loaded_by(statement: str, heavy: tuple[str, ...]) -> None:
    """They cost seconds, or need a GPU or a display; checking a world's options loads the world, with its compiler."""
    assert not modules_after(statement) & set(heavy)
