"""What a person opens and closes: the list of brains, the list of keys, full screen; and that it comes at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pygame
import pytest
from pygame import Rect

from agentsim.config.load import Config
from agentsim.loop.clock import Clock
from agentsim.loop.simulation import Simulation
from agentsim.runs.recorded import record
from agentsim.window.app import App
from agentsim.window.showing import curves_of
from tests.agentsim.window.person import Person, key, recorded

Make = Callable[..., Config]


def test_every_brain_is_in_a_list_and_can_be_picked(make_config: Make, tmp_path: Path) -> None:
    """Tab, down to the twelfth, enter; then up again to the first one, which is as old as it was when it left."""
    simulation = record(make_config(brain={"kind": "random"}), tmp_path / "run")
    down, enter, tab = key(pygame.K_DOWN), key(pygame.K_RETURN, "\r"), key(pygame.K_TAB, "\t")
    rows: list[Any] = []
    look = lambda: rows.append(person.controls.shelf.menu_rows())  # noqa: E731
    person = Person(simulation)
    names = [name for name, _ in person.controls.shelf.brains]
    at = names.index("random")
    moves = [down] * 11 if at + 11 < len(names) else [key(pygame.K_UP)] * 11
    there = names[at + 11] if at + 11 < len(names) else names[at - 11]
    person.actions = iter(
        [tab, *moves, enter, None, None, None, tab, look, key(pygame.K_ESCAPE), None, key(pygame.K_q)]
    )
    person.run()
    assert len(names) > 20
    ((_, swap),) = recorded(simulation)
    assert swap.name == there and simulation.brain_name == there
    told = {name: (what, present) for name, what, present in rows[0]}
    assert set(told) == set(names)
    assert told[there][1] and told[there][0].startswith("lives now")
    assert told["random"] == (
        f"lived here, {simulation.tick_index - 0 - (simulation.tick_index - 13):,} ticks old",
        False,
    )
    assert not person.controls.shelf.menu, "escape closed it"


def test_a_key_that_is_held_down_steps_and_does_nothing_else_again(make_config: Make) -> None:
    """As the system repeats it: the same press again, before it is let go."""
    app = App(Simulation(make_config()), (960, 640))
    done: list[str] = []
    app.controls.perform = lambda action, argument: done.append(action) or ""  # type: ignore[method-assign, func-returns-value]
    for code, typed in ((pygame.K_PERIOD, "."), (pygame.K_t, "t"), (pygame.K_h, "h")):
        for _ in range(4):
            app._obey(key(code, typed))
        app._obey(pygame.event.Event(pygame.KEYUP, key=code, mod=0))
        app._obey(key(code, typed))
        app._obey(pygame.event.Event(pygame.WINDOWFOCUSLOST))
        app._obey(key(code, typed))
    assert done == ["step"] * 6 + ["switch_task"] * 3 + ["toggle_help"] * 3


def test_a_toast_does_not_lie_over_the_list(make_config: Make) -> None:
    person = Person(Simulation(make_config()))
    places: list[list[Rect]] = []
    wait = [lambda: setattr(person.frames, "_due", 0)] * 3
    look = lambda: places.append([rect for _, rect in person.picture._overlays])  # noqa: E731
    person.actions = iter([key(pygame.K_h, "h"), *wait, key(pygame.K_l, "l"), *wait, look, key(pygame.K_q)])
    person.run()
    (card, toast) = places[0]
    assert not card.colliderect(toast) and Rect(0, 0, 960, 640).contains(toast)


def test_what_a_person_asks_for_is_drawn_with_the_next_tick(make_config: Make, virtual_time: Any) -> None:
    """A world of 50 ms at 60 Hz: every tick is late, and `h` does not wait for a second."""
    config = make_config(clock={"pacing": "sleep", "tick_hz": 60})
    simulation = Simulation(config, clock=Clock(config.clock, virtual_time))
    step = simulation.environment.step
    simulation.environment.step = lambda action: virtual_time.pass_ms(50) or step(action)  # type: ignore[method-assign]
    person = Person(simulation)
    seen: list[int] = []
    look = lambda: seen.append(len(person.picture._overlays))  # noqa: E731
    person.actions = iter([*[None] * 5, key(pygame.K_h, "h"), None, look, key(pygame.K_q)])
    person.run()
    assert seen == [1]


def test_the_curves_show_all_the_last_minute_or_ten_seconds(make_config: Make) -> None:
    simulation = Simulation(make_config())
    simulation.run(90 * 60)
    for span, first in ((None, 1.0), (60.0, 30.0), (10.0, 80.0)):
        for curve in curves_of(simulation, span):
            assert curve.at[0] >= first and curve.at[-1] == 90.0
    app = App(simulation, (960, 640))
    spans = []
    for _ in range(4):
        spans.append(app.controls.span)
        app.controls.perform("next_span", 0)
    assert spans == [None, 60.0, 10.0, None]


def test_full_screen_and_back(make_config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """f takes the screen, f or escape gives it back, in the size that the window had. (The dummy driver does not.)"""
    person = Person(Simulation(make_config()))
    asked: list[tuple[tuple[int, int], int]] = []
    monkeypatch.setattr(pygame.display, "set_mode", lambda size, flags: asked.append((size, flags)))
    f, escape = key(pygame.K_f, "f"), key(pygame.K_ESCAPE)
    person.actions = iter([f, escape, escape, f, key(pygame.K_F11), key(pygame.K_q)])
    person.run()
    assert asked == [((0, 0), pygame.FULLSCREEN), ((960, 640), pygame.RESIZABLE)] * 2
