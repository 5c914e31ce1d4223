"""The dream world in the window: digits choose the label, the mouse draws, bars and a line are drawn as such."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pygame
import pytest
from pygame import Rect, Surface

from agentsim.config.load import load_config
from agentsim.loop.commands import Draw, SwitchTask
from agentsim.loop.simulation import Simulation
from agentsim.runs.recorded import record
from agentsim.window.canvas import ORANGE, Canvas
from agentsim.window.conversion import layers_of
from agentsim.window.keys import KEYS
from agentsim.window.panels.brain import draw_brain
from agentsim.window.showing import curves_of, layers_of_brain
from agentsim.window.shown import Layer
from tests.agentsim.window.person import Person, key, recorded


@pytest.fixture
def simulation(tmp_path: Path) -> Simulation:
    return record(load_config("dreaming", overrides=["clock.tick_hz=240"]), tmp_path / "run")


def test_digits_choose_the_label_and_the_same_again_anything(simulation: Simulation) -> None:
    person = Person(simulation, key(pygame.K_3), None, key(pygame.K_0), None, key(pygame.K_0), None, key(pygame.K_KP7))
    person.run()
    assert [command for _, command in recorded(simulation)] == [SwitchTask(task=task) for task in (3, 0, 10, 7)]
    offered = {key.label: key.what for key in KEYS if person.controls.offers(key)}
    assert "dream" in offered["0 … 9"] and "draw" in offered["pen"] and not {"1 … 9", "mouse"} & {*offered}


def test_the_mouse_draws_lines_from_where_it_was(simulation: Simulation) -> None:
    """Down, two moves, one of them too short to be worth a line, up; then down elsewhere: a line of its own."""
    person = Person(simulation)
    places = [(0.2, 0.25), (0.5, 0.25), (0.505, 0.25), (0.5, 0.75)]

    def event(kind: int, place: tuple[float, float]) -> pygame.event.Event:
        picture = person.picture.world_rect
        at = picture.left + round(place[0] * picture.width), picture.top + round(place[1] * picture.height)
        keys = {"buttons": (1, 0, 0), "rel": (0, 0)} if kind == pygame.MOUSEMOTION else {"button": 1}
        return pygame.event.Event(kind, pos=at, **keys)

    def stroke() -> None:
        pygame.event.post(event(pygame.MOUSEBUTTONDOWN, places[0]))
        for place in places[1:]:
            pygame.event.post(event(pygame.MOUSEMOTION, place))
        pygame.event.post(event(pygame.MOUSEBUTTONUP, places[3]))
        pygame.event.post(event(pygame.MOUSEBUTTONDOWN, (0.1, 0.1)))

    person.actions = iter([None, stroke, None, key(pygame.K_q)])
    person.run()
    lines = [command for _, command in recorded(simulation) if isinstance(command, Draw)]
    wanted = [(0.2, 0.75, 0.2, 0.75), (0.2, 0.75, 0.5, 0.75), (0.5, 0.75, 0.5, 0.25), (0.1, 0.9, 0.1, 0.9)]
    assert [(c.x, c.y, c.to_x, c.to_y) for c in lines] == [pytest.approx(line, abs=0.005) for line in wanted]
    assert person.picture.marks == [(lines_at(simulation), "draw")]


def lines_at(simulation: Simulation) -> int:
    return next(tick for tick, command in recorded(simulation) if isinstance(command, Draw))


def test_what_the_brain_says_of_its_layers_is_shown_so(simulation: Simulation) -> None:
    simulation.run(250)
    layers = {
        layer.name: layer for layer in layers_of_brain(simulation, layers_of(simulation.brain.activity()), {}, {})
    }
    shown = {name: layer.drawn_as for name, layer in layers.items()}
    assert shown == {"observation": "cells", "units": "cells", "label": "bars", "energy": "line"}
    assert layers["label"].names == (*"0123456789",)
    assert [curve.name for curve in curves_of(simulation)] == ["named", "loss"], "no episode has ended"


def orange(layer: Layer) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Where the panel of one layer is orange, (columns, rows) of its strip."""
    surface = Surface((400, 200))
    draw_brain(Canvas(surface, 1.0), Rect(0, 0, 400, 200), [layer], "")
    return (pygame.surfarray.array3d(surface) == ORANGE).all(axis=2)


def test_bars_are_as_high_as_their_values(simulation: Simulation) -> None:
    Person(simulation).run()  # fonts
    pygame.init()
    heights = []
    for value in (0.25, 0.5, 1.0):
        where = orange(Layer("bars", np.array([value, 0.0]), 1.0, drawn_as="bars"))
        columns = np.flatnonzero(where.any(axis=1))
        assert columns.max() < 300, "the second one has no height"
        heights.append(where.sum(axis=1).max())
    np.testing.assert_allclose(np.array(heights) / heights[2], [0.25, 0.5, 1.0], atol=0.03)


def test_a_line_rises_from_the_least_to_the_largest(simulation: Simulation) -> None:
    Person(simulation).run()
    pygame.init()
    where = orange(Layer("line", np.linspace(-7, -3, 50), 1.0, drawn_as="line"))
    columns = np.flatnonzero(where.any(axis=1))
    rows = np.array([np.flatnonzero(where[column]).mean() for column in columns])
    assert len(columns) > 200 and (np.diff(rows) <= 0).all() and rows[0] - rows[-1] > 50
    assert not orange(Layer("line", np.array([np.nan, 1.0]), 1.0, drawn_as="line")).any()
