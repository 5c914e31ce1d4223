"""The window, on SDL's dummy driver: nothing it does changes the simulation; frames are shed, ticks are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pygame
import pytest
from pygame import Rect

from agentsim import window
from agentsim.config.load import Config
from agentsim.loop.clock import Clock
from agentsim.loop.simulation import Simulation
from agentsim.runs.recorded import record
from agentsim.window.canvas import Canvas
from agentsim.window.frames import Frames
from tests.agentsim.window.person import PHASES, Person, key

Make = Callable[..., Config]


@pytest.mark.parametrize("world", ["agentsim/ChaseAvoid-v0", "CartPole-v1"])
def test_a_windowed_run_has_the_hash_of_a_headless_one(world: str, make_config: Make) -> None:
    keys = {"phases": PHASES} if "Chase" in world else {}
    headless, windowed = (Simulation(make_config(world, **keys)) for _ in range(2))
    headless.run(200)
    window.run(windowed, ticks=200, size=(960, 640))
    assert windowed.tick_index == 200
    assert windowed.state_hash() == headless.state_hash()
    assert windowed.close()["frames"]["drawn"] > 0


def test_it_ends_where_the_run_ends(make_config: Make) -> None:
    simulation = Simulation(make_config(run__seconds=0.5))
    window.run(simulation, size=(960, 640))
    assert simulation.tick_index == 30


def test_an_error_shows_what_happened_and_the_window_stays(make_config: Make, tmp_path: Path) -> None:
    simulation = record(make_config(brain={"kind": "linear", "fail_at": 3}), tmp_path / "run")
    shown: list[str] = []
    person = Person(simulation, *[None] * 12)
    draw_text = Canvas.text

    def text(self: Canvas, words: str, *args: Any, **keys: Any) -> Rect:
        shown.append(words)
        return draw_text(self, words, *args, **keys)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Canvas, "text", text)
        person.run()
    assert simulation.error is not None
    assert next(person.actions, None) is None, "it stayed open until the person quit"
    everything = " ".join(shown)
    assert "act() failed" in everything and "STOPPED" in everything
    assert f"agentsim run --resume {tmp_path / 'run'}" in everything


def test_a_world_that_cannot_draw_itself_pauses_the_run(make_config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = Simulation(make_config())
    person = Person(simulation)
    monkeypatch.setattr(simulation.environment, "render", lambda: 1 / 0)
    seen: list[bool] = []
    space = key(pygame.K_SPACE, " ")
    person.actions = iter([None, lambda: seen.append(simulation.paused), space, None, None, key(pygame.K_q)])
    person.run()
    assert seen == [True]
    assert person.picture.problem is not None and "ZeroDivisionError" in person.picture.problem
    assert simulation.error is None and simulation.tick_index > 1


def test_a_slow_panel_is_shed_and_not_the_tick(make_config: Make, virtual_time: Any) -> None:
    """60 Hz for 4 s; a world that takes 100 ms to draw is drawn once a second at most, and only that costs a tick."""
    config = make_config(clock={"pacing": "sleep", "tick_hz": 60})
    simulation = Simulation(config, clock=Clock(config.clock, virtual_time))
    render = simulation.environment.render
    draws: list[int] = []

    def slow() -> Any:
        virtual_time.pass_ms(100)
        draws.append(virtual_time.now())
        return render()

    simulation.environment.render = slow  # type: ignore[method-assign]
    window.run(simulation, ticks=240, size=(960, 640))
    in_run = len(draws) - 2  # two are drawn before it
    assert 1 <= in_run <= 4
    assert simulation.clock.statistics.misses <= in_run
    assert simulation.close()["frames"]["shed"] > 60


def test_slices_are_drawn_in_the_slack_of_several_ticks(virtual_time: Any) -> None:
    """3 slices of 2 ms do not fit into the 3 ms of slack of a tick: each tick draws one, none overruns it."""
    frames = Frames(virtual_time.now)
    done: list[str] = []

    def drawing(name: str) -> tuple[str, Callable[[], None]]:
        return name, lambda: (virtual_time.pass_ms(2), done.append(name))[0]

    frame = [drawing(name) for name in "abc"]
    frames.draw(frame)
    done.clear()
    for _ in range(30):
        until = virtual_time.now() + 3_000_000
        frames.spend(until, lambda: list(frame))
        assert virtual_time.now() <= until
        virtual_time.time = until + 1_000_000
    assert "".join(done[:6]) == "abcabc"
    assert frames.drawn == len(done) // 3


def test_a_frame_with_nothing_new_counts_neither_way(virtual_time: Any) -> None:
    frames = Frames(virtual_time.now)
    for _ in range(100):
        frames.spend(None, list)
        virtual_time.pass_ms(20)
    assert (frames.drawn, frames.shed) == (0, 0)
