"""What ticks and world steps cost: that the figures are what they say; never how fast it is."""

from __future__ import annotations

import json

import numpy as np
import pytest

from agentsim.bench import ticks

ALIGNMENTS = ("instant", "pipeline")


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


def test_bytes_of_a_tick_are_those_of_the_published_net() -> None:
    """12,672 weights and 260 biases of 4 bytes: read to act and back, written; velocities read and written.

    A fresh forward pass (align: instant) reads the weights once more; plain SGD has no velocities.
    """
    size = 4 * (12_672 + 260)
    bytes_of = {(rule, align): ticks.cost_of(cases(rule, align)[0])[0] for rule in ticks.RULES for align in ALIGNMENTS}
    assert bytes_of == {
        (rule, align): size * (3 + (align == "instant") + (0 if rule == "backprop" else 2))
        for rule in ticks.RULES
        for align in ALIGNMENTS
    }
    still = ticks.Case("net", "step alone", "", "numba", ticks.stepping_brain("backprop", "instant", "numba"), 0)
    assert ticks.cost_of(still)[:2] == (size, size // 2)  # one product and one sum a weight


@pytest.mark.parametrize("rule", ticks.RULES)
def test_the_compiled_loop_does_what_ticking_does(rule: str) -> None:
    """The same observations and labels give the same bits in every array of the brain."""
    by_tick, looped, _ = cases(rule, "pipeline", lanes=2)
    for case in (by_tick, looped):
        ticks.ticking(case, learning=True)(600)  # more than there are draws
    for name, array in by_tick.brain.state_dict().items():
        np.testing.assert_array_equal(array, looped.brain.state_dict()[name], err_msg=name)
    assert np.isfinite(looped.brain.network.parameters).all()


def test_headline_and_bars() -> None:
    row = {"net": ticks.HEADLINE[0], "rule": "tween_chain", "align": "instant", "lanes": 1, "backend": "numba"}
    rows = [row | {"us": 6.0, "ratio": 20.0}, row | {"backend": ticks.REFERENCE, "us": 120.0, "ratio": 1.0}]
    sentence, bars = ticks._headline(rows)
    assert (
        sentence == "step + tween_chain, 8-32-64-64-64-32-4, one lane, numba: 6.0 us, 20.0 x torch reference (120 us)"
    )
    assert [bar["met"] for bar in bars] == [True, True, True]
    assert ticks._headline([]) == (None, [])
