"""Each bar is measured against what it says."""

from __future__ import annotations

from typing import Any

from agentsim.bench import bars


def row(net: str, rule: str, backend: str, us: float, **more: Any) -> dict[str, Any]:
    return {"net": net, "rule": rule, "align": "instant", "backend": backend, "lanes": 1, "us": us, **more}


def test_headline() -> None:
    rows = [
        row(bars.PUBLISHED, "tween_chain", bars.NUMBA, 6.0),
        row(bars.PUBLISHED, "tween_chain", bars.REFERENCE, 120.0),
    ]
    assert bars.headline(rows) == (
        "step + tween_chain, 8-32-64-64-64-32-4, one lane, numba: 6.0 us, "
        "20.0 x torch reference (sample by sample) (120 us)"
    )
    assert bars.headline([]) is None


def test_bars_compare_the_rows_they_name() -> None:
    """A row of a pipeline or of several lanes is not one of them; what was not measured has no bar."""
    rows = [
        row(bars.PUBLISHED, "tween_chain", bars.NUMBA, 1.0) | {"align": "pipeline"},
        row(bars.PUBLISHED, "tween_chain", bars.NUMBA, 1.0) | {"lanes": 2},
        row(bars.PUBLISHED, "tween_chain", bars.NUMBA, 6.0),
        row(bars.PUBLISHED, "tween_chain", bars.REFERENCE, 84.0),
        row(bars.PUBLISHED, "tween", bars.NUMBA, 8.5),
        row(bars.SMALL, "tween_chain", bars.LOOP, 1.5),
        row(bars.SHIPPED, "backprop, 4 steps", bars.NUMBA, 150.0, learn_us=140.0, steps=4),
        row(bars.SHIPPED, "backprop, 4 steps", bars.BATCHED, 4000.0, learn_us=3500.0, steps=4),
    ]
    found = {bar["bar"]: (bar["measured"], bar["met"]) for bar in bars.of(rows)}
    assert found == {
        "step + tween_chain from Python, us <= 6.5": (6.0, True),
        "step + tween_chain from Python >= 15 x torch reference (sample by sample)": (14.0, False),
        "step + tween from Python, us <= 8": (8.5, False),
        "small layers in a compiled loop, us a layer <= 0.3": (0.25, True),
        "arena brain from Python, us <= 200": (150.0, True),
        "a batch of the arena brain, us <= 45": (35.0, True),
        "a batch of the arena brain >= 25 x torch, batched (fused Adam)": (25.0, True),
    }
