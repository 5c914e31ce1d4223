"""The window's loop: the simulation's own, with events and drawing in the slack of its ticks."""

from __future__ import annotations

import contextlib
from typing import Any

import pygame

from agentsim.compiled.waiting import meanwhile
from agentsim.loop.commands import StampedCommand
from agentsim.loop.listener import Listener
from agentsim.loop.simulation import Simulation
from agentsim.loop.timings import SECOND
from agentsim.window.controls import Controls
from agentsim.window.display import open_window
from agentsim.window.frames import Frames
from agentsim.window.keys import REPEATING, action_of
from agentsim.window.picture import Picture

POLL = SECOND // 120  # how often a person is listened to, at most
AT_ONCE = {"toggle_help", "toggle_menu", "move", "choose", "escape", "full_screen"}  # a late tick for these is welcome
LONG = SECOND // 60  # slack beyond this is spent here, listening; the clock sleeps through the rest


class App(Listener):
    """A window on a simulation."""

    def __init__(self, simulation: Simulation, size: tuple[int, int] | None = None):
        """In the window that is open, or a new one. Raises UserError if there can be none."""
        self.simulation = simulation
        open_window(size)
        pygame.display.set_caption(f"agentsim: {simulation.config.world.id}")
        pygame.key.set_repeat(400, 40)  # ms
        self.source = simulation.clock.source
        self.controls = Controls(simulation)
        self.frames = Frames(self.source.now)
        self.picture = Picture(simulation, self.controls, self.frames)
        simulation.listen(self)
        self._polled = 0
        self._rested = 0  # when, flat out, something may be drawn again
        self._dragging = False
        self._held = set[int]()  # keys that are down

    def run(self, ticks: int | None = None, *, stay: bool = False) -> None:
        """Until `ticks` more are done, the run's end, or the person quits; an error keeps the window open, and with
        `stay` the end does too."""
        simulation = self.simulation
        try:
            self.begins()
            with meanwhile(self.compiling):
                simulation.run(ticks, on_tick=self.between_ticks)
            if stay and simulation.interrupted is None and not self.controls.quitting:
                self.picture.end()
            while (simulation.error is not None or self.picture.ended) and not self.controls.quitting:
                self._turn(None)
                self.source.sleep(SECOND // 100)
        except KeyboardInterrupt:
            self.controls.quitting = True
        finally:
            self.controls.close()
            with contextlib.suppress(pygame.error):
                pygame.display.quit()

    def begins(self) -> None:
        """Draw everything anew: the first time loads fonts, the second one tells what drawing costs."""
        if pygame.display.get_surface() is None:
            return  # the window is closed, and the run goes on without it
        self.picture.toast("")
        self.picture.resize()
        self.frames.draw(self.picture.slices())

    def compiling(self, done: int, total: int) -> None:
        """Listen, and say how far it is."""
        self.picture.toast(f"compiling {done} of {total}")
        self._listen()
        self.frames.draw(self.picture.slices())

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

    def command(self, stamped: StampedCommand) -> None:
        """Mark it on the curves."""
        self.picture.mark(stamped.tick, stamped.command)

    def notice(self, text: str) -> None:
        """Show it for a while."""
        self.picture.toast(text)

    def figures(self) -> dict[str, Any]:
        """How many frames were drawn, and how many shed."""
        return {"frames": {"drawn": self.frames.drawn, "shed": self.frames.shed}}

    def _turn(self, until: int | None) -> None:
        """Listen, then draw what can be drawn `until` then; flat out, in a fifth of the time at most."""
        self._listen()
        begun = self.source.now()
        flat_out = until is None and not self.simulation.paused
        if flat_out and begun < self._rested:
            return
        self.frames.spend(until, self.picture.slices)
        end = self.source.now()
        self._rested = end + 4 * (end - begun)

    def _listen(self) -> None:
        if self.source.now() - self._polled >= POLL:
            self._polled = self.source.now()
            for event in pygame.event.get():
                self._obey(event)
                self._rested = 0  # a person sees at once what they did
            self.controls.follow_mouse()

    def _press(self, event: pygame.event.Event) -> None:
        """Do what a key means; while it is held down, again only what a person wants again."""
        action, again = action_of(event, self.controls.shelf.menu), event.key in self._held
        self._held.add(event.key)
        if action is None or (again and action[0] not in REPEATING):
            return
        if said := self.controls.perform(*action):
            self.picture.toast(said)
        if action[0] in ("full_screen", "escape") and pygame.display.get_surface() is not None:
            self.picture.resize()
        if action[0] in AT_ONCE:
            self.frames.hurry()

    def _obey(self, event: pygame.event.Event) -> None:
        match event.type:
            case pygame.QUIT:
                self.controls.quit()
            case pygame.KEYDOWN:
                self._press(event)
            case pygame.KEYUP:
                self._held.discard(event.key)
            case pygame.WINDOWFOCUSLOST:
                self._held.clear()  # whatever is let go now, another window hears of
            case pygame.MOUSEBUTTONDOWN if event.button == 1 and self.picture.world_rect.collidepoint(event.pos):
                self._dragging = True
                self.controls.drag(event.pos, self.picture.world_rect)
            case pygame.MOUSEMOTION if self._dragging and event.buttons[0]:
                self.controls.drag(event.pos, self.picture.world_rect)
            case pygame.MOUSEBUTTONUP:
                self._dragging = False
                self.controls.let_go()
            case pygame.VIDEORESIZE | pygame.VIDEOEXPOSE | pygame.WINDOWEXPOSED | pygame.WINDOWRESTORED:
                self.picture.resize()  # what another window covered is gone
