"""Listeners: whatever goes along with a simulation without being part of it, such as its recording or a window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentsim.loop.commands import StampedCommand
from agentsim.loop.metrics import Metrics

if TYPE_CHECKING:
    from agentsim.loop.simulation import Simulation


class Listener:
    """What a simulation tells; here every method does nothing. They are called in its thread, in this order.

    `directory`: where the listener keeps the run, if it does. `problem`: why it no longer does what it should, if so.
    """

    directory: Path | None = None
    problem: str | None = None

    def begins(self) -> None:
        """`run` will tick now, unless it was stopped before: everything is compiled."""

    def command(self, stamped: StampedCommand) -> None:
        """A new command takes effect now. Those that the simulation was built with are not told."""

    def notice(self, text: str) -> None:
        """What a person should know, such as that a command had no effect, and why."""

    def learned(self, tick: int, steps: int) -> None:
        """With slack learning: how many learning steps the tick made."""

    def metrics(self, row: Metrics) -> None:
        """A simulated second is over, or cut short by a switch of the task."""

    def hashed(self, tick: int, value: str) -> None:
        """The rolling hash after `tick` ticks."""

    def ticked(self, simulation: Simulation) -> None:
        """A tick is done, but for what the listeners do with it."""

    def save(self, simulation: Simulation) -> None:
        """Somebody wants the present state kept."""

    def failed(self, simulation: Simulation, message: str, error: BaseException) -> str:
        """Something failed; unless `simulation.whole` the state is spoilt. Returns what to add to the message."""
        return ""

    def ending(self, simulation: Simulation) -> None:
        """The simulation is being closed: whatever must not be lost is brought to safety."""

    def figures(self) -> dict[str, Any]:
        """What to add to the figures of the run."""
        return {}

    def ended(self, figures: dict[str, Any]) -> None:
        """The simulation is closed, and this is what the run came to."""
