"""A checkpoint: one safetensors file, the arrays as they are, everything else as JSON in its header; no pickle.

It is written beside the old one and put in its place in one step, so that a crash at any moment leaves a whole one,
and carries a digest of all it holds, so that a flipped bit is noticed before it becomes another run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Literal

from agentsim.config.load import Config
from agentsim.config.stamped import Stamp, read_stamped, write_stamped
from agentsim.errors import UserError
from agentsim.loop.simulation import Simulation
from agentsim.loop.snapshot import Snapshot
from brains.brain import State

CHECKPOINT = "checkpoint.safetensors"


class Header(Snapshot, Stamp):
    """What that of a simulation says. `config` is a digest of all that decides what a run computes."""

    format: Literal[2] = 2
    config: str


def config_digest(config: Config) -> str:
    """A digest of everything in a config that decides what a run computes; not of pace, length and what is kept."""
    data = config.model_copy(update={"brain_name": ""}).model_dump_json(
        exclude={
            "clock": {"pacing", "overrun", "max_catch_up", "speed"},
            "run": {"seconds", "checkpoint_every", "probe_states", "tensorboard"},
        }
    )
    return hashlib.blake2b(data.encode(), digest_size=16).hexdigest()


def checkpoint_of(simulation: Simulation) -> tuple[Header, State]:
    """What is to be written of a simulation; its later ticks do not change it."""
    snapshot, arrays = simulation.snapshot()
    return Header(**dict(snapshot), config=config_digest(simulation.config)), arrays


def restore(simulation: Simulation, path: Path) -> None:
    """Bring a new simulation to the state of its checkpoint. Raises UserError naming the file and what does not fit."""
    header, arrays = read_checkpoint(path)
    if header.config != config_digest(simulation.config):
        raise UserError(f"{path}: does not belong to the config beside it, which has been changed")
    try:
        simulation.restore(header, arrays)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def read_checkpoint(path: Path) -> tuple[Header, State]:
    """Header and arrays of a simulation's. Raises UserError as `read_stamped` does."""
    return read_stamped(path, Header)


class BackgroundWriter:
    """Writes checkpoints off the tick path; of those that come while another is being written only the newest waits."""

    def __init__(self, path: Path, failed: Callable[[Exception], None]) -> None:
        self.path, self._failed = path, failed
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._last: Future[None] | None = None

    def save(self, header: Header, arrays: State) -> None:
        """Start writing; nothing may change the arrays afterwards."""
        if self._last is not None:
            self._last.cancel()  # if it has not begun: this one is newer
        self._last = self._pool.submit(self._write, header, arrays)

    def wait(self) -> None:
        """Return when everything is on disk."""
        if self._last is not None:
            wait([self._last])

    def close(self) -> None:
        """Finish writing."""
        self._pool.shutdown()

    def _write(self, header: Header, arrays: State) -> None:
        try:
            write_stamped(self.path, header, arrays)
        except (OSError, ValueError) as error:
            self._failed(error)
