"""The cache of compiled kernels, over every room that has some: what a file's name depends on, what is in it."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from agentsim.compiled import cache, jit

ROOT = Path(__file__).parents[3]
ROOMS = ("worlds/kernels", "brains/kernels/cpu", "agentsim/batch")  # where kernels are declared
PACKAGES = ("agentsim", "brains", "worlds")


def declaring() -> list[str]:
    """The modules in ROOMS that use `agentsim.compiled.jit`."""
    files = [file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))]
    sources = {file: ast.parse(file.read_bytes()) for file in files}
    return [
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for file, source in sources.items()
        if any(isinstance(node, ast.ImportFrom) and node.module == "agentsim.compiled.jit" for node in ast.walk(source))
    ]


NAMES = [
    f"{module}:{name}"
    for module in declaring()
    for name, thing in vars(import_module(module)).items()
    if isinstance(thing, jit.Kernel)
]
MODULES = sorted({name.partition(":")[0] for name in NAMES})
OF_WORLDS = [name for name in NAMES if name.startswith("worlds.")]

# Edits one file after the other and says which names of MODULES' kernels changed with it.
EDITS = """
import json, sys
from pathlib import Path
from agentsim.compiled import cache, reach

def paths(names):
    for remembering in (cache.path, reach.sources, reach._content, reach._imports, reach._origin):
        remembering.cache_clear()
    return {name: str(cache.path(name)) for name in names}

names, files = json.load(sys.stdin)
before, changed = paths(names), {}
for file in files:
    text = Path(file).read_text()
    Path(file).write_text(text + "# edited\\n")
    after = paths(names)
    changed[file] = [name for name in names if after[name] != before[name]]
    Path(file).write_text(text)
assert paths(names) == before
assert "numba" not in sys.modules
print(json.dumps(changed))
"""


def run(code: str, tree: Path = ROOT, given: str = "", **environment: str) -> str:
    """What a fresh process says that finds agentsim in a tree."""
    words = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", **environment}
    command = [sys.executable, "-P", "-c", code]
    return subprocess.run(command, input=given, env=words, capture_output=True, text=True, check=True, cwd=tree).stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another checkout of the same sources."""
    copy = tmp_path_factory.mktemp("checkout")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


# Which files of ours, packages' own aside, Python itself loads when it imports each module.
LOADS = """
import json, sys
from importlib import import_module
from pathlib import Path

loaded = {}
for module in json.load(sys.stdin):
    for name in [name for name in sys.modules if name.partition(".")[0] in ("agentsim", "brains", "worlds")]:
        del sys.modules[name]
    import_module(module)
    files = {Path(found.__file__) for found in sys.modules.values() if getattr(found, "__file__", None)}
    here = [file.relative_to(Path.cwd()).as_posix() for file in files if file.is_relative_to(Path.cwd())]
    loaded[module] = [file for file in here if not file.endswith("__init__.py")]
print(json.dumps(loaded))
"""


def test_there_are_kernels_in_the_rooms() -> None:
    assert {f"worlds.kernels.{world}:advance" for world in ("chase_avoid", "chase_avoid_classic", "chase_evade")} <= {
        *NAMES
    }


def test_an_edit_of_what_a_kernel_reaches_changes_its_file_and_no_other_edit_does(tree: Path) -> None:
    """What Python itself loads for a kernel's module is the oracle."""
    reached = json.loads(run(LOADS, given=json.dumps(MODULES)))
    files = sorted({file for files in reached.values() for file in files} | {"worlds/drawing.py", "agentsim/errors.py"})
    changed = json.loads(run(EDITS, tree, json.dumps([NAMES, files])))
    rooms = ("agentsim/compiled/", "brains/", "worlds/", "agentsim/batch/")
    for file in files:
        ours = file.startswith(rooms)
        expected = [name for name in NAMES if ours and file in reached[name.partition(":")[0]]]
        assert changed[file] == expected, file
    assert changed["worlds/kernels/torus.py"] == [name for name in OF_WORLDS if "chase" in name]
    assert changed["worlds/drawing.py"] == []


STEPS = """
import numpy as np
from worlds.lanes import Lanes
lanes = Lanes(1, False, "avoid", 0.5, 1)
lanes.state[:, :4] = 0.999, 0.5, 0.5, 0.5
lanes.advance(np.array([[3]]))
print(lanes.state[0, 0])
"""


def test_the_next_run_moves_by_the_edited_physics(tree: Path, tmp_path: Path) -> None:
    """The edge of the torus is in another file than the world's kernel: without it, an agent walks out of the world."""
    kept = {cache.FOLDER: str(tmp_path)}
    assert float(run(STEPS, tree, **kept)) == pytest.approx(0.019)
    torus = tree / "worlds/kernels/torus.py"
    text = torus.read_text()
    torus.write_text(text.replace("inside - 1.0", "inside"))
    try:
        assert float(run(STEPS, tree, **kept)) == pytest.approx(1.019)
    finally:
        torus.write_text(text)


def test_another_cpu_has_other_files() -> None:
    code = f"from agentsim.compiled import cache; print(cache.path({NAMES[0]!r}))"
    paths = {run(code, NUMBA_CPU_NAME=cpu, NUMBA_CPU_FEATURES="") for cpu in ("haswell", "generic", "skylake-avx512")}
    paths |= {run(code, NUMBA_CPU_NAME="haswell", NUMBA_CPU_FEATURES="+avx2"), run(code)}
    assert len(paths) == 5


TINY = """
from agentsim.compiled.jit import INTEGERS, kernel

@kernel(INTEGERS)
def double(program):
    program[0] = program[0] + program[0]

@kernel(INTEGERS)
def triple(program):
    program[0] = 3 * program[0]
"""
DAMAGES = """
import json, sys
from pathlib import Path
import numpy as np
from agentsim.compiled import cache

def use(name="double"):
    cache._loaded.clear()
    program = np.array([21])
    cache.bound(f"tiny_kernels:{name}", program)()
    return int(program[0])

results = {"missing": [use(), "numba" in sys.modules]}
from agentsim.compiled import jit
file, compiled, use_jit = cache.path("tiny_kernels:double"), [], jit.object_code
jit.object_code = lambda name: compiled.append(name) or use_jit(name)
use("triple")
whole, other = file.read_bytes(), cache.path("tiny_kernels:triple").read_bytes()
for damage, content in {
    "none": whole,
    "torn": whole[:100] + bytes(100) + whole[200:],
    "truncated": whole[:-7],
    "empty": b"",
    "random": np.random.default_rng(0).bytes(5000),
    "foreign": other,
    "folder": None,
}.items():
    file.unlink()
    file.mkdir() if content is None else file.write_bytes(content)
    compiled.clear()
    results[damage] = [use(), bool(compiled), cache.stored("tiny_kernels:double") is not None]
print(json.dumps(results))
"""


def test_what_is_damaged_is_compiled_anew(tmp_path: Path) -> None:
    """Whatever lies where object code should be: no crash, the right number, and whole again if it can be replaced.
    What is whole is only loaded. Nothing else is left in the folder."""
    (tmp_path / "tiny_kernels.py").write_text(TINY)
    path = os.pathsep.join([str(ROOT), str(tmp_path)])
    results = json.loads(run(DAMAGES, PYTHONPATH=path, **{cache.FOLDER: str(tmp_path)}))
    assert results.pop("missing") == [42, True]
    assert results.pop("none") == [42, False, True]
    assert results.pop("folder") == [42, True, False]
    assert results.keys() == {"torn", "truncated", "empty", "random", "foreign"}
    assert all(result == [42, True, True] for result in results.values()), results
    assert len([*tmp_path.glob("*.o")]) == len([*tmp_path.iterdir()]) - 1 == 2


LIVES = """
import hashlib
import numpy as np
from worlds.lanes import Lanes
lanes, rng = Lanes(9, False, "chase", 0.5, 1), np.random.default_rng(3)
lanes.state[:, :6], lanes.stream[:] = rng.random((9, 6)), rng.integers(0, 2**63, (9, 2))
lanes.advance(rng.integers(0, 4, (300, 9)))
print(hashlib.blake2b(lanes.state.tobytes() + lanes.observation.tobytes()).hexdigest())
"""


def test_the_same_bits_whoever_compiled(tree: Path, tmp_path: Path) -> None:
    """The process that compiles, the next one, and one of another checkout that has compiled something else before."""
    kept, other = {cache.FOLDER: str(tmp_path)}, tmp_path / "other"
    first, second, checkout = run(LIVES, **kept), run(LIVES, **kept), run(LIVES, tree, **kept)
    assert len([*tmp_path.iterdir()]) == 1  # compiled once
    other.mkdir()
    busy = "from agentsim.compiled import jit\njit.object_code('worlds.kernels.chase_avoid_classic:advance')\n"
    assert first == second == checkout == run(busy + LIVES, tree, **{cache.FOLDER: str(other)})


def test_without_assertions_and_docstrings_the_bits_are_the_same(tmp_path: Path) -> None:
    """python -OO, which compiles for itself in a folder that is not there yet."""
    found = [run(LIVES, PYTHONOPTIMIZE=level, **{cache.FOLDER: str(tmp_path / f"new/{level}")}) for level in "02"]
    assert found[0] == found[1]
    assert [len([*(tmp_path / "new" / level).iterdir()]) for level in "02"] == [1, 1]


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of kernels for this process."""
    monkeypatch.setenv(cache.FOLDER, str(tmp_path))
    for remembered in (cache.folder, cache.path):
        remembered.cache_clear()
    yield tmp_path
    for remembered in (cache.folder, cache.path):
        remembered.cache_clear()


def test_what_somebody_else_has_put_there_is_not_executed(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole file of object code, but another person's."""
    cache.compile_and_store(OF_WORLDS[0])
    assert cache.stored(OF_WORLDS[0]) is not None
    if os.geteuid() == 0:
        os.chown(cache.path(OF_WORLDS[0]), 4242, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4242)
    assert cache.stored(OF_WORLDS[0]) is None


def test_what_is_not_used_for_two_months_goes(own_folder: Path) -> None:
    """By the file's time, which every use of an old one renews."""
    days = {"yesterday": 1, "last month": 31, "long ago": 61}
    for name, age in days.items():
        (own_folder / f"{name}.o").write_bytes(b"")
        os.utime(own_folder / f"{name}.o", (time.time() - age * 86_400,) * 2)
    (own_folder / "notes.txt").write_bytes(b"")
    os.utime(own_folder / "notes.txt", (0, 0))
    cache.compile_and_store(OF_WORLDS[0])
    used = cache.path(OF_WORLDS[0])
    os.utime(used, (0, 0))
    assert cache.stored(OF_WORLDS[0]) is not None
    cache.prune()
    assert {path.name for path in own_folder.iterdir()} == {"yesterday.o", "last month.o", "notes.txt", used.name}


def test_a_kernel_that_needs_numbas_process_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it would call is not there where it is loaded."""
    source = TINY.replace("program[0] = program[0] + program[0]", "print(program[0])")
    (tmp_path / "talking_kernels.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(TypeError, match=r"talking_kernels:double calls \w+, which"):
        jit.object_code("talking_kernels:double")
    with pytest.raises(AttributeError, match="talking_kernels:INTEGERS is not a kernel"):
        jit.object_code("talking_kernels:INTEGERS")
