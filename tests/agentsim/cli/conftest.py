"""Where the tests of the command line run: an empty directory, with a brain of the user's own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import brains
from agentsim import registry
from agentsim.window.display import DISPLAY_VARIABLES
from brains.layers import LAYERS
from brains.rules import RULES
from tests.agentsim.cli.command_line import call


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory; what a test registers or imports is forgotten after it; no display."""
    monkeypatch.chdir(tmp_path)
    registers = [(known, dict(known)) for known in (brains.BRAINS, LAYERS, RULES, registry.IMPORTED)]
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    for name in DISPLAY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
    for known, before_it in registers:
        known.clear()
        known.update(before_it)


@pytest.fixture
def ant(folder: Path) -> None:
    """A brain of the user's own, in the arena."""
    assert call("new", "brain", "ant").exit_code == 0
