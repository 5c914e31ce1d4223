"""Mean curves of several runs."""

from __future__ import annotations

from typing import Any

import pytest

from agentsim.studies import curves


def test_curves_of_runs_of_unequal_length() -> None:
    """Bins that one run does not reach hold the other's values alone."""

    def result(accuracy: list[float]) -> dict[str, Any]:
        ticks, none = [10 * (k + 1) for k in range(len(accuracy))], [None] * len(accuracy)
        curve = {"tick": ticks, "accuracy": accuracy, "score": none, "reward": none}
        return {"ticks": ticks[-1], "returns": [], "curve": curve}

    found = curves.mean_curves([result([0.5, 1.0]), result([0.7])], tick_hz=10)
    assert found["seconds"] == [1.0, 2.0] and found.keys() == {"seconds", "accuracy"}
    assert found["accuracy"]["mean"] == [pytest.approx(0.6), 1.0]
    assert found["accuracy"]["half_width"] == [pytest.approx(12.7062 * 0.1, abs=1e-4), None]
