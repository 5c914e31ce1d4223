"""Small trainings of a V."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agentsim.batch.collatz import task
from agentsim.batch.collatz.settings import CollatzConfig

SMALL: dict[str, dict[str, Any]] = {  # what makes a network small; one that is not here is as it comes
    "published": {"hidden": [32, 16], "adaptive": True},
    "prefix": {"hidden": [32, 16]},
    "max_pool": {"units": 3, "temperature": [0.01, 0.01]},
    "two_sided": {"hidden": [32, 16], "bounds_power": 3, "residue_power": 2},
    "stepping": {"brain": {"layers": [{"units": 16}, {}], "readout": "linear", "schedule": {"accumulate": 12}}},
}


@pytest.fixture
def small_config() -> Callable[..., CollatzConfig]:
    """The config of a kind of network that is quickly trained, with other keys in their place."""

    def make(kind: str, **keys: Any) -> CollatzConfig:
        network = {"kind": kind, **SMALL.get(kind, {}), **keys.pop("network", {})}
        data = {"lookahead": 12, "batches": 10, "sampling": {"batch": 64}, "network": network} | keys
        return CollatzConfig.model_validate(data)

    return make


@pytest.fixture
def small_validation(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same kind of validation set, in less time."""
    monkeypatch.setattr(task, "VALIDATION", 500)
    monkeypatch.setattr(task, "QUICK", 100)
    task.validation_set.cache_clear()
    yield
    task.validation_set.cache_clear()
