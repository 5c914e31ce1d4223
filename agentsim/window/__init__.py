"""The pygame window: watch a simulation live, and take part in it. Nothing else in agentsim imports pygame."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

# Before pygame is imported, anywhere in here.
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
# Without this SDL shows every frame, however small its change, by way of OpenGL: 20 ms instead of 0.6 ms at 2560 x 1440
# where that is done in software.
os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")
os.environ.setdefault("SDL_AUDIODRIVER", "dummy")  # worlds may call pygame.init(); nothing here makes a sound

if TYPE_CHECKING:
    from agentsim.loop.simulation import Simulation


def run(
    simulation: Simulation, *, ticks: int | None = None, size: tuple[int, int] | None = None, stay: bool = False
) -> None:
    """Run a simulation in a window until `ticks` more are done, its end is reached, or the person quits.

    With `stay` the window is there until the person closes it, after the end too. `size`: of the window, in pixels; by
    default 1280 x 800, or what fits the screen. What was drawn and what was shed is told by `simulation.close`, which
    is left to the caller. Raises UserError without a display.
    """
    from agentsim.window.app import App

    App(simulation, size).run(ticks, stay=stay)
