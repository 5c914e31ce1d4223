"""From a run directory back to a running simulation: go on with it, or do it again and compare."""

from __future__ import annotations

from pathlib import Path

from agentsim.loop.clock import Clock
from agentsim.loop.simulation import Simulation
from agentsim.runs.checkpoint import CHECKPOINT, write_checkpoint
from agentsim.runs.directory import METRICS, MetricsLine, read_lines
from agentsim.runs.recorded import read_recording, read_result


def resume(directory: Path, clock: Clock | None = None) -> Simulation:
    """Go on with a run from its checkpoint, in the same directory, as if it had not been cut off.

    What was recorded after the checkpoint is taken out and will be written again; a person's commands stay, and take
    effect at their ticks. Raises UserError if something in the directory is not as agentsim wrote it.
    """
    simulation = restored(directory, clock)
    go_on_recording(simulation, directory)
    return simulation


def restored(directory: Path, clock: Clock | None = None) -> Simulation:
    """The simulation of a run at its checkpoint; the directory is only read. Raises UserError as `resume` does."""
    recording = read_recording(directory)
    simulation = Simulation(recording.config, clock=clock)
    simulation.restore(directory / CHECKPOINT)
    simulation.commands_due = recording.commands
    return simulation


def go_on_recording(simulation: Simulation, directory: Path) -> None:
    """Record a restored simulation in the directory that it came from."""
    simulation.record_to(directory, going_on=True)
    for row in read_lines(directory / METRICS, MetricsLine):
        simulation.telemetry.remember(row.model_dump())


def replay(directory: Path, clock: Clock | None = None) -> Simulation:
    """A simulation that does again what was recorded: `run` it, at any pace, and look at `first_difference`.

    Nothing is written. Raises UserError if something in the directory is not as agentsim wrote it.
    """
    recording = read_recording(directory)
    recording.result = result = read_result(directory)
    simulation = Simulation(recording.config, clock=clock)
    simulation.commands_due, simulation.slack_counts = recording.commands, recording.slack_counts
    simulation.expected, simulation.end_tick = recording.hashes, recording.ticks
    if result is not None and result.error is None and result.ticks == recording.ticks:
        simulation.expected_end = result.hash
    return simulation


def save_last_good_tick(directory: Path, tick: int) -> int:
    """A tick that failed has spoilt the state: live again from the checkpoint up to `tick` ticks, and save that.

    Returns the number of ticks that are saved, fewer if that fails too.
    """
    recording = read_recording(directory)
    again = Simulation(recording.config)
    again.restore(directory / CHECKPOINT)
    again.commands_due, again.slack_counts = recording.commands, recording.slack_counts
    saved = again.tick_index
    while again.tick_index < tick and again.error is None:
        again.tick()
    if again.error is None:
        write_checkpoint(directory / CHECKPOINT, *again.snapshot())
        saved = tick
    again.environment.close()
    return saved
