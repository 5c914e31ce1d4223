"""What ticks and world steps cost: that the figures are what they say; never how fast it is."""

from __future__ import annotations

import json

import numpy as np
import pytest

from agentsim.bench import ticks


def cases(rule: str, align: str, lanes: int = 1) -> list[ticks.Case]:
    return [
        ticks.Case("net", rule, align, backend, ticks.stepping_brain(rule, align, name, lanes=lanes), 1)
        for backend, name in ticks.BACKENDS.items()
    ]


def test_ticks_add_up() -> None:
    """act + learn = a tick; ticks a second is its inverse; the reference is once as fast as itself."""
    result = ticks.measure_cases(cases("tween_chain", "pipeline"), repeats=2, block=1e-3)
    json.dumps(result, allow_nan=False)
    assert [row["backend"] for row in result["rows"]] == list(ticks.BACKENDS)
    reference = result["rows"][-1]["us"]
    for row in result["rows"]:
        assert row["act_us"] + row["learn_us"] == pytest.approx(row["us"])
        assert row["ticks_per_second"] * row["us"] == pytest.approx(1e6)
        assert row["ratio"] * row["us"] == pytest.approx(reference)
        assert row["share_of_memory_bound"] * row["us"] == pytest.approx(row["memory_bound_us"])
    assert result["machine"]["threads"] == 1


def test_the_shipped_brain_is_measured_against_ordinary_torch() -> None:
    """Once as fast as itself; every figure has a bar, and none of them is measured against what is not there."""
    cases = [case for case in ticks.shipped_cases() if case.backend != ticks.REFERENCE]
    result = ticks.measure_cases(cases, repeats=1, block=1e-3)
    numba, _, batched = result["rows"]
    assert batched["batched_ratio"] == 1 and batched["ratio"] is None
    assert numba["batched_ratio"] == pytest.approx(batched["us"] / numba["us"])
    assert [bar["against"] for bar in result["bars"]] == [None, None, ticks.BATCHED]


@pytest.mark.parametrize("rule", ticks.RULES)
def test_the_compiled_loop_does_what_ticking_does(rule: str) -> None:
    """The same observations and labels give the same bits in every array of the brain."""
    by_tick, looped, _ = cases(rule, "pipeline", lanes=2)
    for case in (by_tick, looped):
        ticks.ticking(case, learning=True)(600)  # more than there are draws
    for name, array in by_tick.brain.state_dict().items():
        np.testing.assert_array_equal(array, looped.brain.state_dict()[name], err_msg=name)
    assert np.isfinite(looped.brain.network.parameters).all()
