"""Imagined futures over the picture of the world."""

from __future__ import annotations

from typing import Any

import numpy as np
import pygame
import pytest
from pygame import Rect, Surface

from agentsim import window
from agentsim.config.load import load_config
from agentsim.loop.simulation import Simulation
from agentsim.window.canvas import Canvas
from agentsim.window.panels.world import draw_ghosts
from agentsim.window.showing import imagined_lines


def simulation_of(world: str, *overrides: str) -> Simulation:
    fast = ("clock.pacing=none", "brain.model={kind: linear}", "brain.babble=30", *overrides)
    return Simulation(load_config(world, brain=f"imagine-{world}", overrides=fast))


@pytest.mark.parametrize(("world", "ticks", "points"), [("cartpole", 15, 2), ("pendulum", 15, 2), ("acrobot", 40, 3)])
def test_every_world_that_is_imagined_has_ghosts_and_drawing_them_changes_nothing(
    world: str, ticks: int, points: int
) -> None:
    """None while it babbles; then the first of them is where the world is now, as far as the model is right."""
    headless, windowed = simulation_of(world), simulation_of(world)
    headless.run(25)
    assert imagined_lines(headless) is None
    headless.run(35)
    window.run(windowed, ticks=60, size=(960, 640))
    assert windowed.state_hash() == headless.state_hash()
    lines = imagined_lines(headless)
    assert lines is not None and lines.shape == (ticks, points, 2) and np.isfinite(lines).all()
    assert windowed.close()["frames"]["drawn"] > 0


def test_the_first_ghost_is_what_comes_next() -> None:
    """Of the pendulum, which a quadratic model predicts nearly exactly: the last tick's first ghost is the rod now."""
    simulation = simulation_of("pendulum", "brain.model={kind: quadratic}", "brain.babble=150")
    simulation.run(190)
    lines, (cosine, sine, _) = imagined_lines(simulation), simulation.environment.observation[0]
    assert lines is not None
    np.testing.assert_allclose(lines[0], [[0.5, 0.5], [0.5 - sine / 4.4, 0.5 - cosine / 4.4]], atol=0.01)


def test_a_brain_that_imagines_nothing_or_elsewhere_has_no_ghosts(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Simulation(load_config("cartpole", brain="random"))
    plain.run(1)
    assert imagined_lines(plain) is None
    simulation = simulation_of("cartpole")
    simulation.run(40)
    monkeypatch.setattr(simulation.environment, "id", "Other-v0")
    assert imagined_lines(simulation) is None


def test_ghosts_lie_where_they_are_imagined_and_fade() -> None:
    """Three upright lines at a quarter, a half and three quarters of the picture: the later the fainter, nothing beside
    them; a way of their ends, as high as those."""
    pygame.init()
    surface = Surface((200, 100))
    lines = np.array([[[x, 1.0], [x, 0.2]] for x in (0.25, 0.5, 0.75)])
    draw_ghosts(Canvas(surface, 1.0), Rect(100, 0, 100, 100), lines)
    picture: Any = pygame.surfarray.array3d(surface).astype(int)
    row = picture[:, 60].sum(axis=1)
    brightness = [row[100 + x - 2 : 100 + x + 3].max() for x in (25, 50, 75)]
    assert brightness[0] > 1.3 * brightness[1] > 1.3**2 * brightness[2] > 0
    assert not row[:120].any() and not row[180:].any()
    assert (picture[130:170, 18:23, 0].max(axis=1) > 150).all(), "the way, in orange"
