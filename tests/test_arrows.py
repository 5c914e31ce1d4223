"""The direction of the arrows between the rooms, read from every file's imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("agentsim", "brains", "worlds")
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
HEAVY = ("torch", "numba", "pygame", "triton")


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
            yield module
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


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_arrows(path: Path) -> None:
    room = relative(path).split("/")[0]
    used = packages(path)
    if room in ("brains", "worlds"):
        assert not used & (set(ROOMS) - {room}), "brains and worlds import neither each other nor agentsim"
    if "kernels" in relative(path):
        own = [name for name in imports(path) if name.split(".")[0] in ROOMS]
        assert all(".kernels" in name for name in own), f"kernels import nothing of ours, but: {own}"
    if "pygame" in used:
        assert (
            relative(path).startswith("agentsim/window/") or room == "worlds" or relative(path) == "agentsim/doctor.py"
        )
        if room == "worlds" or not relative(path).startswith("agentsim/window/"):
            assert "pygame" not in packages(path, top_only=True), "import pygame inside the functions that draw"
    if "triton" in used:
        assert relative(path).startswith("brains/kernels/gpu"), "only the gpu kernels import triton"
    if room == "agentsim" and not relative(path).startswith("agentsim/batch/"):  # itself imported inside commands only
        heavy = packages(path, top_only=True) & {"torch", "numba", "triton"}
        assert not heavy, f"agentsim imports {heavy} inside functions only"


def test_the_reader_of_imports_sees_what_it_should() -> None:
    """The checker itself, on a source whose imports are known."""
    source = (
        "import a.b\nfrom c import d\nfrom .. import h\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import e\ndef f():\n    import g\n"
    )
    here = ("agentsim", "window", "canvas.py")
    assert set(names(source, here)) == {
        "a.b",
        "c",
        "c.d",
        "agentsim",
        "agentsim.h",
        "typing",
        "typing.TYPE_CHECKING",
        "g",
    }
    assert "g" not in set(names(source, here, top_only=True))


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
