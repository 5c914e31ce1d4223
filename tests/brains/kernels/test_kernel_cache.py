"""The folder of compiled kernels: a new one for every change of the sources, and none where none can be written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from brains.kernels import compile as compiling

TINY = """
from brains.kernels.compile import FOLDER, OPTIONS, jit

@jit
def double(x):
    return x + x

print(double(21), sum(double.stats.cache_hits.values()), OPTIONS["cache"], FOLDER)
"""


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the kernels' sources, in place of the real ones, with a cache folder of its own."""
    copy = tmp_path / "kernels"
    shutil.copytree(Path(compiling.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(compiling, "__file__", str(copy / "compile.py"))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    return copy


def test_the_folder_changes_with_every_source_and_with_numba(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numba's own cache would not notice a change in a function called from another file."""
    names = [compiling.cache_folder()]
    assert names[0] is not None and names[0].is_dir() and names[0] == compiling.cache_folder()
    for source in sorted({*sources.glob("*.py")} - {*sources.glob("reference*")}):
        source.write_text(source.read_text() + "\n# changed\n")
        names.append(compiling.cache_folder())
    monkeypatch.setattr(compiling, "version", lambda _: "0.0.1")
    names.append(compiling.cache_folder())
    assert len(set(names)) == len(names) > 5


def test_no_folder_where_none_can_be_written(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in the way, a home that nobody knows."""
    (tmp_path / "file").write_text("")
    for name in ("file", "file/below"):
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / name))
        assert compiling.cache_folder() is None

    def homeless(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setattr(Path, "expanduser", homeless)
    assert compiling.cache_folder() is None


def run(script: Path, cache: Path) -> list[str]:
    """What a fresh process that compiles one tiny function says: result, cache hits, cached, folder."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_what_was_compiled_once_is_loaded(tmp_path: Path) -> None:
    script = tmp_path / "tiny.py"
    script.write_text(TINY)
    first, second = run(script, tmp_path / "cache"), run(script, tmp_path / "cache")
    assert (first[:3], second[:3]) == (["42", "0", "True"], ["42", "1", "True"])
    assert first[3] == second[3] and list(Path(first[3]).rglob("*.nbi"))


def test_where_nothing_lasts_a_private_folder_serves_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no folder can be written a function is compiled anew in every process, and right; nothing is left."""
    script = tmp_path / "tiny.py"
    script.write_text(TINY)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for _ in range(2):
        result, hits, cached, folder = run(script, tmp_path / "file")
        assert (result, hits, cached) == ("42", "0", "True")
        assert Path(folder).parent == tmp_path and not Path(folder).exists()


LIVES = """
import hashlib
import numpy as np
from brains.brain import Body, Experience
from brains.stepping.settings import SteppingConfig
from brains.stepping.kind import stepping

config = SteppingConfig(layers=[{"units": 33, "activation": "tanh"}, {"units": 17, "normalize": True}, {}],
                        optimizer="adam", learning_rate=0.01, replay={"per_tick": 8})
brain = stepping(config, Body(8, 4, teacher=True), np.random.SeedSequence(1))
rng, none = np.random.default_rng(2), np.zeros(1, bool)
for _ in range(100):
    x = rng.uniform(-1, 1, (1, 8)).astype(np.float32)
    brain.learn(Experience(x, brain.act(x), np.zeros(1, np.float32), x, none, none, rng.integers(0, 4, 1)))
print(hashlib.blake2b(brain.state_dict()["parameters"].tobytes()).hexdigest())
"""


@pytest.mark.slow  # compiles every kernel once more
def test_the_process_that_compiles_computes_the_same_bits_as_the_next(tmp_path: Path) -> None:
    """Fails where a process runs what it has compiled itself: shared functions are then linked in another copy."""
    script = tmp_path / "lives.py"
    script.write_text(LIVES)
    assert run(script, tmp_path / "cache") == run(script, tmp_path / "cache")
