"""The benchmark of windows compares the same work."""

from __future__ import annotations

import pytest

from agentsim.batch.collatz import bench, draws
from agentsim.batch.collatz.arithmetic import to_limbs, windows


def test_the_yardstick_of_the_benchmark_does_the_same_work() -> None:
    """Python's integers and the kernels, which `agentsim bench collatz` compares, give the same windows."""
    numbers = draws.evaluation_set()[:50]
    found = windows(to_limbs(numbers), 40)
    for row, (logs, halvings) in enumerate(bench.in_python(numbers, 40)):
        assert found.logs[row] == pytest.approx(logs, rel=1e-15)
        assert found.halvings[row].tolist() == halvings
    rows = bench.measure(repeats=1, block=1e-3)["rows"]
    assert [row["lookahead"] for row in rows] == list(bench.LOOKAHEADS)
    assert all(row["ratio"] == pytest.approx(row["windows_per_second"] / row["python"]) for row in rows)
