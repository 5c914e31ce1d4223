"""Where everything is drawn: panels, strips, texts, cells and curves."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pygame
import pytest
from pygame import Rect

from agentsim.config.load import Config, load_config
from agentsim.loop.simulation import Simulation
from agentsim.runs.recorded import record
from agentsim.window import layout
from agentsim.window.app import App
from agentsim.window.canvas import BLUE, GREEN, ORANGE, RED, WELL, Canvas
from agentsim.window.panels.brain import draw_brain
from agentsim.window.panels.curves import decimate
from agentsim.window.shown import Layer
from tests.agentsim.window.person import PHASES, Person, key

Make = Callable[..., Config]
SMALL = [(400, 300), (1590, 300), (420, 700), (240, 160), (719, 2000), (960, 479)]
SIZES = [(960, 640), (1280, 800), (1920, 1080), (2560, 1440), (1000, 1600)]


@pytest.mark.parametrize("size", [*SIZES, *SMALL, (100, 100)])
def test_panels_do_not_overlap(size: tuple[int, int]) -> None:
    arranged = layout.arrange(size)
    everything = Rect(0, 0, *arranged.size)
    places = arranged.panels()
    assert all(everything.contains(rect) for rect in places.values())
    for one, other in itertools.combinations(places.values(), 2):
        assert not one.colliderect(other)


@pytest.mark.parametrize(
    "units", [[1], [4], [8, 64, 32, 4], [8, 32, 64, 64, 64, 32, 4], [8, 288, 512, 2000, 4], [16] * 40]
)
@pytest.mark.parametrize("size", SIZES)
def test_strips_hold_every_unit_and_stay_inside(units: list[int], size: tuple[int, int]) -> None:
    arranged = layout.arrange(size)
    shown, placed = layout.shown_layers(units, arranged.brain, arranged.scale)
    assert shown[-1] == len(units) - 1 and shown[:-1] == [*range(len(shown) - 1)], "the first ones, and the output"
    for count, (rect, rows, columns) in zip([units[index] for index in shown], placed, strict=True):
        assert (rows - 1) * columns < count <= rows * columns
        assert arranged.brain.contains(rect)
        assert rect.width >= columns
    for (one, _, _), (other, _, _) in itertools.pairwise(placed):
        assert one.bottom < other.top


@pytest.mark.parametrize("size", SIZES)
def test_no_text_is_cut_off_or_covers_another(size: tuple[int, int], make_config: Make, tmp_path: Path) -> None:
    """Every text lies inside the panel that drew it, unshortened, and clear of the panel's other texts."""
    simulation = record(make_config(phases=PHASES), tmp_path / "run")
    simulation.run(120)
    app = App(simulation, size)
    texts: dict[str, list[tuple[str, Rect]]] = {}
    drawing = [""]
    draw_text, render = Canvas.text, Canvas.render

    def text(self: Canvas, words: str, *args: Any, **keys: Any) -> Rect:
        rect = draw_text(self, words, *args, **keys)
        assert rect.width == render(self, words, keys.get("size", 12), bold=keys.get("bold", False)).get_width(), words
        texts.setdefault(drawing[0], []).append((words, rect))
        return rect

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Canvas, "text", text)
        for name, draw in app.picture.slices():
            drawing[0] = name
            draw()
    places = app.picture.layout.panels()
    assert set(texts) == set(places)
    for name, drawn in texts.items():
        for words, rect in drawn:
            assert places[name].contains(rect), (name, words)
        for (a, one), (b, other) in itertools.combinations(drawn, 2):
            assert not one.colliderect(other.inflate(-2, -4)), (name, a, b)


def test_what_does_not_fit_is_left_out_and_not_drawn_over(tmp_path: Path) -> None:
    """The duel in the smallest window that has all panels: two brains' layers by their whole names, and of the figures
    of the pace as many as there are lines."""
    simulation = Simulation(load_config("duel", overrides=["clock.pacing=none"]))
    simulation.run(120)
    app = App(simulation, (960, 640))
    drawn: dict[str, list[tuple[str, Rect]]] = {"brain": [], "pace": []}
    draw_text = Canvas.text
    for name, texts in drawn.items():
        with pytest.MonkeyPatch.context() as patch:

            def text(self: Canvas, words: str, *args: Any, **keys: Any) -> Rect:
                rect = draw_text(self, words, *args, **keys)
                texts.append((words, rect))  # noqa: B023
                return rect

            patch.setattr(Canvas, "text", text)
            app.picture._drawer(name)()
    words = [said for said, _ in drawn["brain"]]
    assert {"chaser senses", "evader senses", "chaser 2 dense", "evader 2 dense"} <= {*words}
    assert {"chaser, score", "evader, score"} <= {said for said, _ in drawn["pace"]}
    for texts in drawn.values():
        for (a, one), (b, other) in itertools.combinations(texts, 2):
            assert not one.colliderect(other.inflate(-2, -4)), (a, b)


def test_activity_that_is_not_finite_cries_out() -> None:
    """A red edge and words, in a layer of which one number is not one."""
    pygame.display.init()
    pygame.font.init()
    for value in (np.nan, np.inf, -np.inf):
        canvas = Canvas(pygame.Surface((500, 200), depth=32), 1.0)
        draw_brain(canvas, Rect(0, 0, 500, 200), [Layer("0 dense", np.array([0.1, value]), 1.0)], "")
        pixels = pygame.surfarray.array3d(canvas.surface).reshape(-1, 3)
        assert (pixels == RED).all(1).sum() > 200
    calm = Canvas(pygame.Surface((500, 200), depth=32), 1.0)
    draw_brain(calm, Rect(0, 0, 500, 200), [Layer("0 dense", np.array([0.1, 0.2]), 1.0)], "")
    assert not (pygame.surfarray.array3d(calm.surface).reshape(-1, 3) == RED).all(1).any()


def test_the_right_answer_is_green_where_it_was_chosen_and_red_where_not() -> None:
    pygame.display.init()
    pygame.font.init()
    for right, colour, other in ((1, GREEN, RED), (0, RED, GREEN)):
        canvas = Canvas(pygame.Surface((500, 200), depth=32), 1.0)
        draw_brain(canvas, Rect(0, 0, 500, 200), [Layer("out", np.zeros(3), 1.0, chosen=1, right=right)], "")
        pixels = pygame.surfarray.array3d(canvas.surface)
        assert (pixels == colour).all(2).any() and not (pixels == other).all(2).any()
        columns = np.flatnonzero((pixels == colour).all(2).any(1))
        whole = np.flatnonzero((pixels == WELL).all(2).any(1))
        place = (columns.mean() - whole.min()) / (whole.max() - whole.min())
        assert int(3 * place) == right


def test_a_resized_window_is_arranged_anew(make_config: Make) -> None:
    person = Person(Simulation(make_config()))

    def resize() -> None:
        pygame.display.set_mode((1500, 900), pygame.RESIZABLE)
        pygame.event.post(pygame.event.Event(pygame.VIDEORESIZE, size=(1500, 900), w=1500, h=900))

    def shrink() -> None:
        pygame.display.set_mode((400, 300), pygame.RESIZABLE)
        pygame.event.post(pygame.event.Event(pygame.VIDEORESIZE, size=(400, 300), w=400, h=300))

    sizes: list[tuple[int, int]] = []
    look = lambda: sizes.append(person.picture.layout.size)  # noqa: E731
    person.actions = iter([resize, None, None, look, shrink, None, None, look, key(pygame.K_q)])
    person.run()
    assert sizes == [(1500, 900), (400, 300)]


@pytest.mark.parametrize(
    ("size", "panels"),
    [
        ((1590, 300), {"world", "brain", "curves"}),
        ((400, 300), {"world"}),
        ((640, 300), {"world", "brain"}),
        ((420, 700), {"world", "brain", "curves"}),
        ((400, 490), {"world", "brain"}),
        ((960, 640), {"world", "brain", "curves", "ticks", "pace"}),
    ],
)
def test_a_small_window_shows_what_there_is_room_for(
    size: tuple[int, int], panels: set[str], make_config: Make
) -> None:
    """The world in all of them; and a run in it is drawn without a word of complaint."""
    arranged = layout.arrange(size)
    assert set(arranged.panels()) == {"header", "footer"} | panels
    assert all(rect.width >= 100 and rect.height >= 100 for name, rect in arranged.panels().items() if name in panels)
    person = Person(Simulation(make_config(phases=PHASES)), *[None] * 6, key(pygame.K_h), *[None] * 6, size=size)
    person.run()
    assert person.picture.problem is None and person.simulation.error is None


def test_cells_have_the_colour_of_their_level() -> None:
    """0 is the grey of the well; -1 is blue, 1 is orange; unknown is grey; beyond is clipped."""
    pygame.display.init()
    pygame.font.init()
    canvas = Canvas(pygame.Surface((300, 40), depth=32), 1.0)
    xs, ys = canvas.cells(Rect(0, 0, 300, 40), 1, 6, np.array([0.0, -1.0, 1.0, np.nan, -np.inf, 7.0]))
    colours = [canvas.surface.get_at((x + 20, ys[0] + 20)) for x in xs[:-1]]
    assert colours[0] == colours[3] == WELL
    assert colours[1] == colours[4] == BLUE
    assert colours[2] == colours[5] == ORANGE


def test_decimated_curves_keep_their_mean() -> None:
    """Means of equal stretches: 1000 points in 100 stretches of 10 keep the overall mean exactly."""
    at = np.arange(1000.0)
    values = np.random.default_rng(0).normal(size=1000)
    few_at, few = decimate(at, values, 100)
    assert len(few) == 100
    assert few.mean() == pytest.approx(values.mean())
    assert few_at[0] == 4.5
    assert few[7] == pytest.approx(values[70:80].mean())
