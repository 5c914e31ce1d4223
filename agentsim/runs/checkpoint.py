"""A checkpoint: one safetensors file, the arrays as they are, everything else as JSON in its header; no pickle.

It is written beside the old one and put in its place in one step, so that a crash at any moment leaves a whole one,
and carries a digest of all it holds, so that a flipped bit is noticed before it becomes another run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import pydantic
from pydantic import NonNegativeInt

from agentsim.config.load import Config
from agentsim.config.sections import Section
from agentsim.config.validation import first_problem
from agentsim.errors import UserError
from agentsim.loop.simulation import Simulation
from agentsim.loop.snapshot import Snapshot
from agentsim.system.files import write_whole
from agentsim.system.hashing import rolling_hash
from brains.brain import State

CHECKPOINT = "checkpoint.safetensors"
_HEADER, _DIGEST = "agentsim", "digest"


class Stamp(Section):
    """What every checkpoint says besides its arrays: how far it is, in ticks or in batches."""

    format: int
    tick: NonNegativeInt


class Header(Snapshot, Stamp):
    """What that of a simulation says. `config` is a digest of all that decides what a run computes."""

    format: Literal[2] = 2
    config: str


AnyStamp = TypeVar("AnyStamp", bound=Stamp)


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


def write_checkpoint(path: Path, header: Stamp, arrays: State) -> None:
    """Write and put in place atomically. Raises OSError."""
    from safetensors.numpy import save

    text = header.model_dump_json()
    metadata = {_HEADER: text, _DIGEST: rolling_hash(text, header.tick, arrays)}
    write_whole(path, save({n: np.asarray(a, order="C") for n, a in arrays.items()}, metadata))


def read_checkpoint(path: Path) -> tuple[Header, State]:
    """Header and arrays of a simulation's. Raises UserError as `read_stamped` does."""
    return read_stamped(path, Header)


def read_stamped(path: Path, model: type[AnyStamp]) -> tuple[AnyStamp, State]:
    """Header and arrays. Raises UserError for a file that is missing, damaged, foreign, or of another version."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise UserError(f"{path}: no checkpoint there")
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path}: damaged or cut off: {error}") from error
    if (text := metadata.get(_HEADER)) is None:
        raise UserError(f"{path}: a safetensors file, but no checkpoint of agentsim")
    try:
        header = model.model_validate_json(text)
    except pydantic.ValidationError as error:
        if any(details["loc"] == ("format",) for details in error.errors()):
            raise UserError(f"{path}: written by another version of agentsim, which this one cannot read") from error
        raise UserError(f"{path}: header: {first_problem(error)}") from error
    if metadata.get(_DIGEST) != rolling_hash(text, header.tick, arrays):
        raise UserError(f"{path}: damaged: what it holds is not what was written (its digest differs)")
    return header, arrays


class BackgroundWriter:
    """Writes checkpoints off the tick path; one that comes while another is being written waits for it."""

    def __init__(self, path: Path, failed: Callable[[OSError], None]) -> None:
        self.path, self._failed = path, failed
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._last: Future[None] | None = None

    def save(self, header: Header, arrays: State) -> None:
        """Start writing; nothing may change the arrays afterwards."""
        self._last = self._pool.submit(self._write, header, arrays)

    def wait(self) -> None:
        """Return when everything is on disk."""
        if self._last is not None:
            self._last.result()

    def close(self) -> None:
        """Finish writing."""
        self._pool.shutdown()

    def _write(self, header: Header, arrays: State) -> None:
        try:
            write_checkpoint(self.path, header, arrays)
        except OSError as error:
            self._failed(error)
