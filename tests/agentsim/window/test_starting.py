"""A window that opens at once, and listens while what the first tick needs is compiled."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pygame
import pytest

from agentsim.compiled import cache, pool
from agentsim.compiled.waiting import meanwhile
from agentsim.config.load import Config
from agentsim.loop.simulation import Simulation
from agentsim.runs.recorded import record
from agentsim.window import display
from agentsim.window.app import App
from agentsim.window.display import display_problem, open_window
from tests.compilers import compilers

Make = Callable[..., Config]

SLOW = """
import sys, time
if "agentsim.compiled.worker" in " ".join(sys.orig_argv):
    time.sleep(60)
"""


@pytest.fixture
def starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_config: Make) -> Iterator[Simulation]:
    """A recorded simulation that needs two kernels, which take a minute and must not be compiled by its own process."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "kernels"))
    (tmp_path / "kernels").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "slow_for_the_window.py").write_text(SLOW)
    monkeypatch.setattr(cache, "compile_and_store", None)
    for remembered in (cache.folder, cache.path):
        remembered.cache_clear()
    simulation = record(make_config(), tmp_path / "run")
    names = ["slow_for_the_window:one", "slow_for_the_window:two"]
    simulation.brain.kernels = lambda: names  # type: ignore[attr-defined]
    yield simulation
    for remembered in (cache.folder, cache.path):
        remembered.cache_clear()
    pygame.display.quit()


class Person(App):
    """Somebody who does one thing after another while it compiles, and remembers what was to be seen before each."""

    def __init__(self, simulation: Simulation, *actions: pygame.event.Event) -> None:
        super().__init__(simulation, (960, 640))
        self.actions = iter(actions)
        self.seen: list[tuple[str, list[str], tuple[int, int]]] = []
        self.children: list[psutil.Process] = []
        self.at = 0.0

    def compiling(self, done: int, total: int) -> None:
        super().compiling(done, total)
        pills = [text for text, _ in self.picture._header()[2]]
        self.seen.append((self.picture._toast, pills, self.picture.layout.size))
        if self.children and (action := next(self.actions, None)) is not None:
            self.at = time.perf_counter()
            pygame.event.post(action)
        self.children = compilers()


def key(code: int) -> pygame.event.Event:
    return pygame.event.Event(pygame.KEYDOWN, key=code, unicode="", mod=0)


@pytest.mark.parametrize("leaving", [pygame.event.Event(pygame.QUIT), key(pygame.K_q)])
def test_it_closes_at_once_while_it_compiles(leaving: pygame.event.Event, starting: Simulation) -> None:
    person = Person(starting, leaving)
    person.run()
    assert time.perf_counter() - person.at < 1
    assert person.children and not any(child.is_running() for child in person.children)
    toast, pills, _ = person.seen[0]
    assert toast == "compiling 0 of 2" and "STARTING" in pills and "RUNNING" not in pills
    assert starting.error is None and starting.tick_index == 0 and starting.close()["probe"] is None


def test_it_draws_and_obeys_while_it_compiles(starting: Simulation) -> None:
    """The world is to be seen, help is shown, the window takes another size."""
    person = Person(
        starting, key(pygame.K_h), pygame.event.Event(pygame.VIDEORESIZE, size=(1280, 800)), key(pygame.K_q)
    )
    shown: list[Any] = []
    update = pygame.display.update
    resize = person.picture.resize

    def resized() -> None:
        if person.seen:
            pygame.display.set_mode((1280, 800))
        resize()

    person.picture.resize = resized  # type: ignore[method-assign]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pygame.display, "update", lambda *changed: (shown.append(len(person.seen)), update(*changed)))
        person.run()
    assert person.controls.help
    assert person.seen[0][2] == (960, 640) and person.seen[-1][2] == (1280, 800)
    assert 0 in shown, "drawn before anything was compiled"
    assert person.picture._image is not None


@pytest.mark.parametrize("leaving", [pygame.event.Event(pygame.QUIT), key(pygame.K_q)])
def test_it_closes_while_the_simulation_is_being_built(leaving: pygame.event.Event, starting: Simulation) -> None:
    open_window((960, 640))
    shown: list[bytes] = []

    def show(done: int, total: int) -> None:
        display.starting(done, total)
        shown.append(pygame.image.tobytes(pygame.display.get_surface(), "RGB"))
        if len(shown) == 5:
            pygame.event.post(leaving)

    with meanwhile(show), pytest.raises(KeyboardInterrupt):
        pool.prepare(["slow_for_the_window:one"])
    assert len(shown) == 5
    assert len(set(shown[0])) > 10, "there is writing on it"


def test_a_window_is_opened_once_and_kept(monkeypatch: pytest.MonkeyPatch, make_config: Make) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    open_window()
    first = pygame.display.get_surface()
    assert first is not None and display_problem() is None
    assert pygame.display.get_surface() is first
    App(Simulation(make_config()))
    assert pygame.display.get_surface() is first
    assert pygame.display.get_caption()[0] == "agentsim: agentsim/ChaseAvoid-v0"
    pygame.display.quit()


@pytest.mark.parametrize("driver", ["offscreen", "dummy"])
def test_a_display_that_does_not_answer_is_none(driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SDL falls back to a driver that shows nothing, of its own accord; asked for, as here in the tests, it is one."""
    pygame.display.quit()
    monkeypatch.setattr(pygame.display, "get_driver", lambda: driver)
    monkeypatch.setenv("DISPLAY", ":77")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy,offscreen")
    assert display_problem() is None
    monkeypatch.setattr(pygame.display, "init", lambda: None)
    monkeypatch.delenv("SDL_VIDEODRIVER")
    problem = display_problem()
    assert problem is not None and "no display answers at DISPLAY=:77" in problem
