"""What `import agentsim` offers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import gymnasium
import pytest

import agentsim
import worlds

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("name", agentsim.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(agentsim, name).__name__ == name if name != "NO_LABEL" else agentsim.NO_LABEL == -1
    assert name in dir(agentsim)


def test_there_are_no_other_names() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        agentsim.no_such_name  # noqa: B018


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert agentsim.__version__ == project["project"]["version"]
    assert f"\nversion: {agentsim.__version__}\n" in (ROOT / "CITATION.cff").read_text()


@pytest.mark.parametrize("world", worlds.WORLDS)
def test_worlds_are_registered(world: str) -> None:
    assert world in gymnasium.registry


REPORT = """
import sys; sys.orig_argv = sys.argv[1:]
import agentsim, json, os
print(json.dumps({name: value for name, value in os.environ.items() if name.endswith("_NUM_THREADS")}))
"""
VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def threads(*started_as: str, **environment: str) -> dict[str, str]:
    """The thread variables as a process sees them that is started like this and imports agentsim."""
    clean = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
    command = [sys.executable, "-c", REPORT, *started_as]
    answer = subprocess.run(command, env=clean | environment, capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)


def test_the_command_asks_for_one_thread_and_a_library_user_is_left_alone() -> None:
    one = dict.fromkeys(VARIABLES, "1")
    assert threads("python", "/usr/bin/agentsim", "run") == one
    assert threads("python", "-m", "agentsim") == one
    assert threads("python", "train.py") == {}
    assert threads("agentsim", OMP_NUM_THREADS="3") == one | {"OMP_NUM_THREADS": "3"}
