"""A brain file, NAME.brain: a trained brain by itself, with its config and what it was trained on in the header.

A config names one (`brain: {from: my.brain}`); what it then says of the file is the digest of its contents, so that a
run is as repeatable as one without: a run directory keeps a copy under that name.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from agentsim.config.sections import Section
from agentsim.config.stamped import Stamp, read_stamped, write_stamped
from agentsim.errors import UserError
from agentsim.system.files import write_whole
from brains.brain import Body, State

SUFFIX = ".brain"
COPIES = "brains"  # the folder of a run directory that keeps them
_places: dict[str, Path] = {}  # DIGEST.brain -> where there is a file of these contents


class BodyOfBrain(Section):
    """The body that a brain was trained in."""

    observation_size: int = Field(ge=1)
    actions: int = Field(ge=1)
    discrete: bool
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    @classmethod
    def of(cls, body: Body) -> BodyOfBrain:
        """That of a brain's body."""
        return cls(**{name: getattr(body, name) for name in cls.model_fields})

    def __str__(self) -> str:
        kind = "choices" if self.discrete else f"numbers within {self.low} and {self.high}"
        return f"{self.observation_size} observations and {self.actions} {kind}"


class BrainHeader(Stamp):
    """What a brain file says besides the arrays; `tick` is how long the brain has lived. `brain` is its resolved
    mapping, `trained` what is known of how it came to be: world, tasks, seed, versions and the figures of its run."""

    format: Literal[1] = 1
    file: Literal["brain"] = "brain"
    name: str
    brain: dict[str, Any]
    body: BodyOfBrain
    trained: dict[str, Any]


def write_brain_file(path: Path, header: BrainHeader, arrays: State) -> None:
    """Write a brain file. Raises UserError if it cannot be written."""
    try:
        write_stamped(path, header, arrays)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error


def read_brain_file(path: Path) -> tuple[BrainHeader, State]:
    """Header and arrays. Raises UserError for a file that is missing, damaged or something else."""
    return read_stamped(path, BrainHeader)


def known_as(path: Path) -> str:
    """The name of a brain file by its contents, DIGEST.brain; by it `place_of` finds it. Raises UserError."""
    try:
        digest = hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; give a brain file (agentsim brain save)") from None
    name = f"{digest}{SUFFIX}"
    if path != _places.get(name):
        read_brain_file(path)
        _places[name] = path
    return name


def place_of(name: str) -> Path:
    """Where the brain file of that name by its contents is. Raises UserError if this process has seen none."""
    if name not in _places:
        raise UserError(f"from: {name}: the brain file of these contents is missing")
    return _places[name]


def keep_copy(name: str, directory: Path) -> None:
    """Have a copy of a brain file in a directory, under the name by its contents. Raises OSError."""
    if not (directory / name).exists():
        directory.mkdir(exist_ok=True)
        write_whole(directory / name, place_of(name).read_bytes())
    _places[name] = directory / name


def know_copies(directory: Path) -> None:
    """Let `place_of` find the copies that a directory has, each checked by its contents. Raises UserError."""
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        if known_as(path) != path.name:
            raise UserError(f"{path}: damaged: its contents are not those that its name says")
