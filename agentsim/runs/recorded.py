"""A recorded run: a simulation and the listeners that keep it in a directory; to go on with it, or to do it again."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from agentsim.config.load import Config
from agentsim.config.stamped import write_stamped
from agentsim.errors import FAILURES, UserError, said
from agentsim.loop.clock import Clock
from agentsim.loop.commands import Script
from agentsim.loop.listener import Listener
from agentsim.loop.metrics import Metrics
from agentsim.loop.simulation import Simulation
from agentsim.runs.checkpoint import CHECKPOINT, BackgroundWriter, checkpoint_of, restore
from agentsim.runs.directory import METRICS, Recorder, read_lines
from agentsim.runs.recording import read_recording, read_result
from agentsim.runs.tensorboard import Board
from agentsim.system.chance import state_of_shared

A_LONG_TICK, IN_A_HURRY = 0.5, 1.5  # seconds
LONG_EPISODE = 216_000  # ticks: an hour at 60 Hz


def record(config: Config, directory: Path, clock: Clock | None = None, *, drawn: bool = True) -> Simulation:
    """A new simulation that is recorded in a directory. Raises UserError, with nothing left there, if it cannot be."""
    simulation = Simulation(config, clock=clock, drawn=drawn)
    recorder = keep(simulation, directory)
    try:
        write_stamped(directory / CHECKPOINT, *checkpoint_of(simulation))
    except Exception as error:
        recorder.discard()
        if isinstance(error, OSError):
            raise UserError(f"{directory}: cannot be written: {error.strerror}; give another --out") from error
        raise
    return simulation


def keep(simulation: Simulation, directory: Path, *, going_on: bool = False) -> Recorder:
    """Record from here on; `going_on`: over what the directory holds from this tick on. Raises UserError."""
    config = simulation.config
    recorder = Recorder(directory, config, simulation.tick_index if going_on else None)
    simulation.listen(recorder)
    if config.run.tensorboard:
        simulation.listen(Board(recorder, config.clock.tick_hz))
    simulation.listen(Checkpoints(recorder, round(config.run.checkpoint_every * config.clock.tick_hz)))
    return recorder


def resume(directory: Path, clock: Clock | None = None) -> Simulation:
    """Go on with a run from its checkpoint, in the same directory, as if it had not been cut off.

    What was recorded after the checkpoint is taken out and will be written again; a person's commands stay, and take
    effect at their ticks. Raises UserError if something in the directory is not as agentsim wrote it.
    """
    simulation = restored(directory, clock)
    go_on_recording(simulation, directory)
    return simulation


def restored(directory: Path, clock: Clock | None = None, *, drawn: bool = True) -> Simulation:
    """The simulation of a run at its checkpoint; the directory is only read. Raises UserError as `resume` does."""
    recording = read_recording(directory)
    simulation = Simulation(recording.config, clock=clock, script=Script(recording.commands), drawn=drawn)
    restore(simulation, directory / CHECKPOINT)
    return simulation


def go_on_recording(simulation: Simulation, directory: Path) -> None:
    """Record a restored simulation in the directory that it came from."""
    keep(simulation, directory, going_on=True)
    for row in read_lines(directory / METRICS, Metrics):
        simulation.telemetry.remember(row)


def replay(directory: Path, clock: Clock | None = None, *, drawn: bool = True) -> tuple[Simulation, Check]:
    """A simulation that does again what was recorded, to be `run` at any pace, and what the comparison comes to.

    Nothing is written. Raises UserError if something in the directory is not as agentsim wrote it.
    """
    recording = read_recording(directory)
    recording.result = result = read_result(directory)
    simulation = Simulation(recording.config, clock=clock, script=recording.script, drawn=drawn)
    simulation.end_at(recording.ticks)
    simulation.orders.closed = "this is a replay: it does what was recorded"
    ended = result is not None and result.error is None and result.ticks == recording.ticks
    check = Check(recording.hashes, recording.ticks, result.hash if result is not None and ended else None)
    simulation.listen(check)
    return simulation, check


class Check(Listener):
    """Compares a run with the hashes of another.

    `first_difference`: ticks done when a hash first was not as expected, or where there is one in between that is not
    in both; None while all are.
    """

    def __init__(self, hashes: dict[int, str], last: int, last_hash: str | None) -> None:
        """`hashes`: ticks done -> rolling hash; `last_hash`: the one after `last` ticks, if it is known."""
        self.first_difference: int | None = None
        self._hashes, self._last, self._last_hash = hashes, last, last_hash
        self._hashed, self._known = (
            0,
            max(hashes, default=0),
        )  # ticks done at the last hash of this run, and of the other

    def hashed(self, tick: int, value: str) -> None:
        """Compare it, as long as hashes are known."""
        self._in_between(tick)
        self._compare(tick, value, self._hashes.get(tick, "" if tick < self._known else None))
        self._hashed = tick

    def ticked(self, simulation: Simulation) -> None:
        """Compare the state after the last tick."""
        if simulation.tick_index == self._last:
            self._in_between(self._last)
            self._compare(self._last, simulation.state_hash(), self._last_hash)

    def _in_between(self, tick: int) -> None:
        """None of the other run's hashes may be between this run's."""
        for other in sorted(self._hashes):
            if self._hashed < other < tick:
                self._compare(other, "", self._hashes[other])

    def _compare(self, tick: int, value: str, expected: str | None) -> None:
        if expected is not None and value != expected and self.first_difference is None:
            self.first_difference = tick


class Checkpoints(Listener):
    """Writes a checkpoint every so many ticks, after one that took long, whenever somebody wants it, and at the end."""

    def __init__(self, recorder: Recorder, every: int) -> None:
        self._recorder, self._every = recorder, max(1, every)
        self._saved: int | None = None
        self._told = set[str]()
        self._chance: str | None = None
        self._last = time.monotonic()
        self._writer = BackgroundWriter(recorder.directory / CHECKPOINT, recorder.fail)

    def begins(self) -> None:
        """See where the shared generators are."""
        self._chance = state_of_shared()

    def ticked(self, simulation: Simulation) -> None:
        """Save, if it is time, or if a tick takes so long that nobody will want to live it again."""
        before, self._last = self._last, time.monotonic()
        if simulation.tick_index % self._every == 0 or self._last - before > A_LONG_TICK:
            simulation.save()

    def save(self, simulation: Simulation) -> None:
        """Begin to write one."""
        self._recorder.flush_slack()
        header, arrays = checkpoint_of(simulation)
        self._writer.save(header, arrays)
        lived, world = len(arrays.get("environment/journal.actions", ())), simulation.config.world.id
        if lived > LONG_EPISODE:
            self._say_once(
                "length",
                simulation,
                f"{world} cannot tell its state, and its episode is {lived:,} ticks long: to resume, all of it is "
                "lived again; with get_state() and set_state() that takes no time",
            )
        if self._chance is not None and self._chance != state_of_shared():
            self._say_once(
                "chance",
                simulation,
                f"{world} or {simulation.brain_name} draws from Python's or NumPy's shared generator: a resumed run "
                "will not be the same; a world has self.np_random, a brain its seed",
            )

    def _say_once(self, what: str, simulation: Simulation, text: str) -> None:
        if what not in self._told:
            self._told.add(what)
            for listener in simulation.listeners:
                listener.notice(text)

    def wait(self) -> None:
        """Return when everything is on disk."""
        self._writer.wait()

    def failed(self, simulation: Simulation, message: str, error: BaseException) -> str:
        """Bring the last good tick to disk."""
        if simulation.whole:
            return ""
        self._recorder.flush_slack()
        self.wait()
        try:
            return f"; saved up to tick {save_last_good_tick(self._recorder.directory, simulation.tick_index)}"
        except FAILURES as problem:
            return f"; not saved: {problem}"

    def ending(self, simulation: Simulation) -> None:
        """The last one, if the state is whole; of a tick that was ended at once, of the one before."""
        if simulation.whole:
            try:
                self.save(simulation)
            except FAILURES as error:
                self._recorder.fail(UserError(f"the last state is not saved: {said(error)}"))
        elif simulation.error is None:
            self.wait()
            self._saved = save_last_good_tick(self._recorder.directory, simulation.tick_index, IN_A_HURRY)
        self._writer.close()

    def figures(self) -> dict[str, Any]:
        """How many ticks are saved, if not all."""
        return {} if self._saved is None else {"saved_ticks": self._saved}


def save_last_good_tick(directory: Path, tick: int, seconds: float = math.inf) -> int:
    """A tick that failed has spoilt the state: live again from the checkpoint up to `tick` ticks, and save that.

    Returns the number of ticks that are saved, fewer if that fails too or takes so many seconds.
    """
    recording = read_recording(directory)
    again = Simulation(recording.config, script=recording.script, drawn=False)
    restore(again, directory / CHECKPOINT)
    saved = again.tick_index
    end = time.monotonic() + seconds
    while again.tick_index < tick and again.error is None and time.monotonic() < end:
        again.tick()
    if again.tick_index == tick and again.error is None:
        write_stamped(directory / CHECKPOINT, *checkpoint_of(again))
        saved = tick
    again.environment.close()
    return saved
