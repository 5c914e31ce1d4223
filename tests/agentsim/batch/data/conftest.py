"""Where the tests of data sets run: an empty folder and an empty cache, whatever this machine has."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where what is fetched goes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AGENTSIM_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "cache" / "agentsim" / "data"
