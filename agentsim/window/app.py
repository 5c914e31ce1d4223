"""The window's loop: the simulation's own, with events and drawing in the slack of its ticks."""

from __future__ import annotations

import contextlib
import os
from typing import Any

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
# Without this SDL shows every frame, however small its change, by way of OpenGL: 20 ms instead of 0.6 ms at 2560 x 1440
# where that is done in software.
os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")
os.environ.setdefault("SDL_AUDIODRIVER", "dummy")  # worlds may call pygame.init(); nothing here makes a sound

import pygame

from agentsim.errors import UserError
from agentsim.loop.listener import Listener
from agentsim.loop.simulation import Simulation
from agentsim.loop.timings import SECOND
from agentsim.window.controls import Controls
from agentsim.window.frames import Frames
from agentsim.window.keys import action_of
from agentsim.window.picture import Picture

POLL = SECOND // 120  # how often a person is listened to, at most
LONG = SECOND // 60  # slack beyond this is spent here, listening; the clock sleeps through the rest


class App(Listener):
    """A window on a simulation."""

    def __init__(self, simulation: Simulation, size: tuple[int, int] | None = None):
        """Open the window. Raises UserError if that cannot be done."""
        self.simulation = simulation
        try:
            pygame.display.init()
            pygame.font.init()
            if size is None:
                screen = pygame.display.get_desktop_sizes()[0]
                size = min(1280, int(screen[0] * 0.95)), min(800, int(screen[1] * 0.9))
            pygame.display.set_mode(size, pygame.RESIZABLE)
        except pygame.error as error:
            raise UserError(f"no window: {error}; use --headless") from error
        pygame.display.set_caption(f"agentsim: {simulation.config.world.id}")
        self.source = simulation.clock.source
        self.controls = Controls(simulation)
        self.frames = Frames(self.source.now)
        self.picture = Picture(simulation, self.controls, self.frames)
        simulation.listen(self)
        self._polled = 0
        self._dragging = False

    def run(self, ticks: int | None = None) -> None:
        """Until `ticks` more are done, the run's end, or the person quits; an error keeps the window open."""
        simulation = self.simulation
        try:
            self.picture.toast("compiling …")
            self.frames.draw(self.picture.slices())
            simulation.warm_up()
            self.picture.toast("")
            for _ in range(2):  # the first frames load fonts, the later ones tell what drawing costs
                self.picture.resize()
                self.frames.draw(self.picture.slices())
            simulation.run(ticks, on_tick=self.between_ticks)
            while simulation.error is not None and not self.controls.quitting:
                self._turn(None)
                self.source.sleep(SECOND // 100)
        except KeyboardInterrupt:
            self.controls.quitting = True
        finally:
            self.controls.close()
            with contextlib.suppress(pygame.error):
                pygame.display.quit()

    def between_ticks(self, simulation: Simulation) -> None:
        """Listen and draw until shortly before the next tick is due."""
        clock = simulation.clock
        while True:
            pace = clock.pacing, clock.period
            if simulation.paused or clock.pacing == "none":
                self._turn(None)
                return
            self._turn(clock.due + clock.period)
            if (
                clock.slack() < LONG
                or simulation.paused
                or self.controls.quitting
                or pace != (clock.pacing, clock.period)
            ):
                return
            self.source.sleep(POLL)

    def notice(self, text: str) -> None:
        """Show it for a while."""
        self.picture.toast(text)

    def figures(self) -> dict[str, Any]:
        """How many frames were drawn, and how many shed."""
        return {"frames": {"drawn": self.frames.drawn, "shed": self.frames.shed}}

    def _turn(self, until: int | None) -> None:
        """Listen, then draw what can be drawn `until` then."""
        if self.source.now() - self._polled >= POLL:
            self._polled = self.source.now()
            for event in pygame.event.get():
                self._obey(event)
            self.controls.follow_mouse()
        self.frames.spend(until, self.picture.slices)

    def _obey(self, event: pygame.event.Event) -> None:
        match event.type:
            case pygame.QUIT:
                self.controls.quit()
            case pygame.KEYDOWN:
                if (action := action_of(event)) is not None and (said := self.controls.perform(*action)):
                    self.picture.toast(said)
            case pygame.MOUSEBUTTONDOWN if event.button == 1 and self.picture.world_rect.collidepoint(event.pos):
                self._dragging = True
                self.controls.drag(event.pos, self.picture.world_rect)
            case pygame.MOUSEMOTION if self._dragging and event.buttons[0]:
                self.controls.drag(event.pos, self.picture.world_rect)
            case pygame.MOUSEBUTTONUP:
                self._dragging = False
            case pygame.VIDEORESIZE:
                self.picture.resize()
