"""Steps of worlds: that the figures are what they say."""

from __future__ import annotations

import json

import pytest

from agentsim.bench import worlds
from worlds import WORLDS


def test_world_steps_add_up() -> None:
    """Every world and the yardstick in every way; the yardstick is once as fast as itself."""
    result = worlds.measure(repeats=2, block=2e-3, lane_counts=(1, 3))
    json.dumps(result, allow_nan=False)
    ways = [("make", 1), ("make_vec", 1), ("make_vec", 3)]
    found = {(row["world"], row["maker"], row["lanes"]): row for row in result["rows"]}
    assert found.keys() == {(world, *way) for world in (*WORLDS, worlds.YARDSTICK) for way in ways}
    for row in result["rows"]:
        assert row["us"] * row["steps_per_second"] == pytest.approx(1e6)
        yardstick = found[worlds.YARDSTICK, row["maker"], row["lanes"]]
        assert row["ratio"] == pytest.approx(yardstick["us"] / row["us"])
