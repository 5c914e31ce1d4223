"""The pygame window: watch a simulation live, and take part in it. Nothing else in agentsim imports pygame."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentsim.loop.simulation import Simulation


def run(simulation: Simulation, *, ticks: int | None = None, size: tuple[int, int] | None = None) -> None:
    """Run a simulation in a window until `ticks` more are done, its end is reached, or the person quits.

    `size`: of the window, in pixels; by default 1280 x 800, or what fits the screen. What was drawn and what was shed
    is in `simulation.frames`; closing the simulation is left to the caller. Raises UserError without a display.
    """
    from agentsim.window.app import App

    App(simulation, size).run(ticks)
