"""Kernels are compiled by processes of their own, which end with whoever waits for them, however that ends."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from agentsim.compiled import cache, jit, pool
from agentsim.compiled.waiting import meanwhile
from tests.compilers import compilers

KERNELS = """
import math
from agentsim.compiled.jit import FLOATS, INTEGER, kernel

@kernel(FLOATS, INTEGER)
def double(x, count):
    for i in range(count):
        x[i] *= 2.0

@kernel(FLOATS, INTEGER)
def wave(x, count):
    last = x[0]
    for i in range(count):
        last = x[i] if x[i] > last else math.exp(-x[i] * last) + math.sqrt(abs(x[i]))
        x[i] = last
"""
IN_WORKER = "import os, sys, time\nworker = 'agentsim.compiled.worker' in ' '.join(sys.orig_argv)\n"
SLOW = IN_WORKER + "if worker: time.sleep(60)\n" + KERNELS
DEADLY = IN_WORKER + "if worker: os._exit(3)\n" + KERNELS
WRONG = KERNELS.replace("*= 2.0", "*= 'two'")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder, for this process and its children."""
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "kernels"))
    (tmp_path / "kernels").mkdir()
    for remembered in (cache.folder, cache.path):
        remembered.cache_clear()
    yield tmp_path / "kernels"
    for remembered in (cache.folder, cache.path):
        remembered.cache_clear()


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Writes a module of kernels that this process and its children can import."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(module: str, source: str) -> None:
        (tmp_path / f"{module}.py").write_text(source)

    return write


def run(name: str, numbers: list[float]) -> list[float]:
    """What a kernel of (FLOATS, INTEGER) makes of them."""
    frame = np.array(numbers, np.float32)
    function = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 3, ctypes.c_int64)(cache.address(name))
    unused = (ctypes.c_int64 * 8)()
    function(ctypes.addressof(unused), ctypes.addressof(unused), frame.ctypes.data, len(frame))
    return list(frame)


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process compile nothing."""

    def compile_here(name: str) -> bytes:
        raise AssertionError(f"{name} was compiled by the parent")

    monkeypatch.setattr(cache, "compile_and_store", compile_here)


def test_what_is_missing_is_compiled_once_by_others(
    write: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    write("pool_twice", KERNELS)
    forbid(monkeypatch)
    told: list[tuple[int, int]] = []
    names = ["pool_twice:double", "pool_twice:wave", "pool_twice:double"]
    with meanwhile(lambda *now: told.append(now)):
        pool.prepare(names)
    assert told[0] == (0, 2) and told[-1] == (2, 2) and told == sorted(told)
    assert run("pool_twice:double", [1.5, -2]) == [3, -4]
    told.clear()
    with meanwhile(lambda *now: told.append(now)):
        pool.prepare(names)
    assert told == []


def test_whoever_waits_is_asked_often_and_may_end_it(
    write: Callable[[str, str], None], empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("pool_slow", SLOW)
    forbid(monkeypatch)
    times: list[float] = []
    children: list[psutil.Process] = []

    def waiting(done: int, total: int) -> None:
        times.append(time.perf_counter())
        if len(times) == 20:
            children.extend(compilers())
            raise KeyboardInterrupt

    with meanwhile(waiting), pytest.raises(KeyboardInterrupt):
        pool.prepare(["pool_slow:double", "pool_slow:wave"])
    assert time.perf_counter() - times[-1] < 1
    assert np.median(np.diff(times)) < 0.05
    assert children and not any(child.is_running() for child in children)
    assert not list(empty_cache.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_the_one_it_compiles_for(write: Callable[[str, str], None], number: int) -> None:
    """As a terminal does, to the whole process group; with SIGKILL the parent cannot do anything about it."""
    write("pool_orphan", SLOW)
    program = "from agentsim.compiled import pool; print(1, flush=True); pool.prepare(['pool_orphan:double'])"
    path = os.pathsep.join(sys.path)
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )
    assert parent.stdout is not None and parent.stdout.readline() == b"1\n"
    children: list[psutil.Process] = []
    while not children:
        children = compilers(parent.pid)
        time.sleep(0.05)
    time.sleep(0.5)  # it begins to listen
    os.killpg(parent.pid, number)
    assert parent.wait(5) != 0
    assert not psutil.wait_procs(children, timeout=5)[1]
    parent.stdout.close()


def test_a_process_that_dies_leaves_the_work_to_this_one(write: Callable[[str, str], None]) -> None:
    write("pool_deadly", DEADLY)
    told: list[tuple[int, int]] = []
    with meanwhile(lambda *now: told.append(now)):
        pool.prepare(["pool_deadly:double", "pool_deadly:wave"])
    assert all(map(cache.stored, ["pool_deadly:double", "pool_deadly:wave"]))
    assert told[-1] == (1, 2)


def test_where_no_process_can_be_made(write: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("no processes here")

    write("pool_alone", KERNELS)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    told: list[tuple[int, int]] = []
    with meanwhile(lambda *now: told.append(now)):
        pool.prepare(["pool_alone:double", "pool_alone:wave"])
    assert told == [(0, 2), (0, 2), (1, 2)]
    assert run("pool_alone:double", [4.0]) == [8]


def test_a_kernel_that_cannot_be_compiled_is_named(write: Callable[[str, str], None]) -> None:
    write("pool_wrong", WRONG)
    with pytest.raises(RuntimeError, match="pool_wrong:double cannot be compiled: TypingError: ") as caught:
        pool.prepare(["pool_wrong:double", "pool_wrong:wave"])
    said = str(caught.value)
    assert "\n" not in said and len(said) < 400 and re.search(r'File ".*pool_wrong.py", line \d+', said), said
    assert cache.stored("pool_wrong:wave") is not None
    with pytest.raises(ModuleNotFoundError, match="pool_nowhere"):
        pool.prepare(["pool_nowhere:double"])


def test_a_person_who_debugs_has_kernels(write: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """NUMBA_DISABLE_JIT is for functions of their own."""
    write("pool_debugged", KERNELS)
    forbid(monkeypatch)
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    pool.prepare(["pool_debugged:double"])
    assert run("pool_debugged:double", [4.0]) == [8]


def test_what_cannot_be_kept_is_compiled_once(
    write: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: the processes compile for nobody, so this one does, and then has it."""

    def full(name: str, code: bytes) -> None:
        raise OSError(28, "No space left on device")

    compiled: list[str] = []
    object_code = jit.object_code
    write("pool_full", KERNELS)
    monkeypatch.setattr(pool, "_start", lambda count: [])
    monkeypatch.setattr(cache, "store", full)
    monkeypatch.setattr(jit, "object_code", lambda name: compiled.append(name) or object_code(name))
    pool.prepare(["pool_full:double"])
    assert run("pool_full:double", [4.0]) == [8] and compiled == ["pool_full:double"]


def test_the_same_code_whoever_compiles(
    write: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same object code from any two processes, whatever else they compiled, and the same numbers from this one."""
    names = ["pool_same:double", "pool_same:wave"]
    write("pool_same", KERNELS)
    codes = []
    for seed, order in (("1", names), ("2", names[::-1])):
        (folder := tmp_path / seed).mkdir()
        monkeypatch.setenv(cache.FOLDER, str(folder))
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        monkeypatch.setattr(pool, "_cores", lambda: 1)
        for remembered in (cache.folder, cache.path):
            remembered.cache_clear()
        pool.prepare(order)
        codes.append([cache.stored(name) for name in names])
    assert codes[0] == codes[1] and None not in codes[0]
    numbers = list(np.random.default_rng(0).normal(size=1001))
    elsewhere = run("pool_same:wave", numbers)
    write("pool_here", KERNELS)
    cache.address("pool_here:wave")  # compiled by this process
    assert run("pool_here:wave", numbers) == elsewhere
