"""Where lines lie in a world's picture, against the pictures that Gymnasium itself draws."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

from worlds.outlines import OUTLINES, outlines_of

COLOURS = {"CartPole-v1": [(202, 152, 101)], "Pendulum-v1": [(204, 77, 77)], "Acrobot-v1": [(0, 204, 204)] * 2}


def at_random(env: Any, chance: np.random.Generator) -> np.ndarray[Any, Any]:
    """The observation of a random state, and all of it in the picture."""
    env.reset(seed=0)
    inner = env.unwrapped
    if env.spec.id == "CartPole-v1":
        inner.state = np.array([chance.uniform(-1.5, 1.5), 0, chance.uniform(-1.5, 1.5), 0])
        return np.array(inner.state, np.float32)
    inner.state = chance.uniform(-3, 3, len(inner.state))
    return np.array(inner._get_obs() if env.spec.id == "Pendulum-v1" else inner._get_ob(), np.float32)


@pytest.mark.parametrize("world", COLOURS)
def test_lines_lie_on_what_is_drawn(world: str) -> None:
    """Along every link what is drawn there has its colour, but for the joints; beyond the tip nothing has."""
    env, chance = gymnasium.make(world, render_mode="rgb_array"), np.random.default_rng(0)
    for _ in range(12):
        observation = at_random(env, chance)
        picture = np.asarray(env.render())
        lines = outlines_of(world, observation[None])
        assert lines is not None and lines.shape == (1, len(COLOURS[world]) + 1, 2)
        points = lines[0] * picture.shape[1::-1]
        for start, end, colour in zip(points, points[1:], COLOURS[world], strict=False):
            for share in (0.2, 0.5, 0.85):
                column, row = (start + share * (end - start)).astype(int)
                assert tuple(picture[row, column]) == colour
        way = points[-1] - points[-2]
        column, row = (points[-1] + way / np.linalg.norm(way) * (4 if world == "CartPole-v1" else 14)).astype(int)
        inside = 0 <= row < len(picture) and 0 <= column < picture.shape[1]
        colours = [*COLOURS[world], (204, 204, 0)]
        beyond = tuple(picture[row, column]) if inside else None
        near_a_joint = (
            len(points) == 3 and np.linalg.norm(points[0] - (column, row)) < 140
        )  # the other link may be there
        assert near_a_joint or beyond not in colours
    assert outlines_of("Taxi-v3", observation[None]) is None and world.rpartition("-v")[0] in OUTLINES
