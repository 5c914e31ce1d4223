"""Trained brains out of runs, into brain files."""

from __future__ import annotations

from pathlib import Path

from agentsim.config.brain_file import BrainHeader
from agentsim.loop.keeping import save_brain
from agentsim.runs.recorded import restored
from agentsim.runs.recording import read_result


def save_brain_of_run(directory: Path, path: Path, whose: str | None = None) -> BrainHeader:
    """Write the brain at a run's checkpoint to a brain file. Raises UserError."""
    simulation = restored(directory, drawn=False)
    try:
        result = read_result(directory)
        known = {} if result is None or result.ticks != simulation.tick_index else {"hash": result.hash}
        return save_brain(simulation, path, whose, **known)
    finally:
        simulation.environment.close()
