"""Nothing outside its own file writes an attribute of a simulation: read from every file of agentsim."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import agentsim

PACKAGE = Path(agentsim.__file__).parent
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "loop" / "simulation.py")
MAKERS = {"Simulation", "record", "restored", "resume", "replay", "start"}  # what returns a simulation, alone or first


def writes(source: str) -> Iterator[str]:
    """The assignments, deletions and setattr calls in a source whose target is an attribute of a simulation.

    A simulation is what is called so, whatever is annotated as one, and whatever its makers return.
    """
    tree = ast.parse(source)
    names = {"simulation"}
    for node in ast.walk(tree):
        match node:
            case ast.arg(arg=name, annotation=ast.expr() as kind) if "Simulation" in ast.unparse(kind):
                names.add(name)
            case ast.AnnAssign(target=ast.Name(id=name), annotation=kind) if "Simulation" in ast.unparse(kind):
                names.add(name)
            case ast.Assign(targets=[target], value=ast.Call(func=maker)) if last_name(maker) in MAKERS:
                first = target.elts[0] if isinstance(target, ast.Tuple) else target
                names.add(last_name(first))
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=owner, ctx=ast.Store() | ast.Del()) if last_name(owner) in names:
                yield ast.unparse(node)
            case ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[owner, *_]) if last_name(owner) in names:
                yield ast.unparse(node)


def last_name(node: ast.expr) -> str:
    """`simulation` of `simulation` and of `self.simulation`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_nobody_else_writes(path: Path) -> None:
    assert list(writes(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "simulation.frames = 3",
        "self.simulation.tick_index += 1",
        "a, simulation.end_tick = 1, 2",
        "again = Simulation(config)\nagain.error: int = 3",
        "again, check = recorded.replay(run)\ndel again.last",
        "def f(other: Simulation) -> None:\n    setattr(other, 'last', 3)",
    ],
)
def test_a_write_is_seen(source: str) -> None:
    assert len(list(writes(source))) == 1


def test_reading_and_writing_elsewhere_is_no_write() -> None:
    source = "simulation.clock.phase = 3\nsimulation.pause()\nself.tick = simulation.tick_index\nsimulation = None"
    assert list(writes(source)) == []
