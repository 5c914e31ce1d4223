"""What the tests of configs share: a kind of brain, in an empty directory."""

from __future__ import annotations

from pathlib import Path

import pytest

import brains
from tests.agentsim.config.fake_brain import FakeBrain


@pytest.fixture
def fake_brain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(brains.BRAINS, "fake", f"{FakeBrain.__module__}:FakeBrain")
    monkeypatch.chdir(tmp_path)
