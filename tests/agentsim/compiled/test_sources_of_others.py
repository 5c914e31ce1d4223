"""Kernels in files that are not ours: what they reach is what a fresh process, with an empty cache, would compile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentsim.compiled import cache

KERNEL = """
from agentsim.compiled.jit import INTEGERS, kernel
{imports}

@kernel(INTEGERS)
def times(program):
    program[0] = {factor} * program[0]
"""
CALL = """
import numpy as np
from agentsim.compiled import cache
number = np.array([8])
cache.bound("{module}:times", number)()
print(number[0])
"""
WAYS = {  # files besides the kernel's, its module, its imports, and what it multiplies with
    "beside it": ({"factors.py": "FACTOR = {0}"}, "user_kernel", "from factors import FACTOR", "FACTOR"),
    "all of it": ({"factors.py": "FACTOR = {0}"}, "user_kernel", "from factors import *", "FACTOR"),
    "relative": (
        {"mine/__init__.py": "", "mine/factors.py": "FACTOR = {0}"},
        "mine.user_kernel",
        "from .factors import FACTOR",
        "FACTOR",
    ),
    "in a function": (
        {"factors.py": "FACTOR = {0}"},
        "user_kernel",
        "def factor():\n    from factors import FACTOR\n    return FACTOR\n\nFACTOR = factor()",
        "FACTOR",
    ),
    "a package": (
        {"pack/__init__.py": "FACTOR = {0}", "pack/other.py": ""},
        "user_kernel",
        "import pack.other\nFACTOR = pack.FACTOR",
        "FACTOR",
    ),
    "far away": (
        {"near.py": "import factors\nFACTOR = factors.FACTOR", "factors.py": "FACTOR = {0}"},
        "user_kernel",
        "from near import FACTOR",
        "FACTOR",
    ),
}


def call(folder: Path, module: str, before: str = "") -> int:
    """Eight times the factor, as a fresh process computes it."""
    words = {**os.environ, cache.FOLDER: str(folder / "kernels"), "PYTHONDONTWRITEBYTECODE": "1"}
    words["PYTHONPATH"] = os.pathsep.join([str(folder), *sys.path])
    code = before + CALL.format(module=module)
    done = subprocess.run(
        [sys.executable, "-c", code], env=words, capture_output=True, text=True, check=True, cwd=folder
    )
    return int(done.stdout)


@pytest.mark.parametrize("way", WAYS)
def test_an_edit_of_what_another_persons_kernel_reaches_is_used(way: str, tmp_path: Path) -> None:
    files, module, imports, factor = WAYS[way]
    (tmp_path / "kernels").mkdir()
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text.format(2))
    (tmp_path / f"{module.replace('.', '/')}.py").write_text(KERNEL.format(imports=imports, factor=factor))
    assert call(tmp_path, module) == 16
    assert len(list((tmp_path / "kernels").iterdir())) == 1
    assert call(tmp_path, module) == 16
    assert len(list((tmp_path / "kernels").iterdir())) == 1
    for path, text in files.items():
        (tmp_path / path).write_text(text.format(3))
    assert call(tmp_path, module) == 24


IMPORT_FIRST = """
import agentsim.registry
from pathlib import Path
agentsim.registry.import_module("user_kernel")
Path("user_kernel.py").write_text(Path("user_kernel.py").read_text().replace("2 *", "3 *"))
"""


def test_what_was_imported_before_an_edit_is_not_kept_under_the_name_of_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "kernels").mkdir()
    (tmp_path / "user_kernel.py").write_text(KERNEL.format(imports="", factor=2))
    assert call(tmp_path, "user_kernel", IMPORT_FIRST) == 16
    assert not list((tmp_path / "kernels").iterdir())
    assert call(tmp_path, "user_kernel") == 24
