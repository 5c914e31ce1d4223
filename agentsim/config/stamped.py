"""Arrays on disk with a header: one safetensors file, everything but the arrays as JSON in its header; no pickle.

It is written beside the old one and put in its place in one step, so that a crash at any moment leaves a whole one,
and carries a digest of all it holds, so that a flipped bit is noticed before it becomes another run. What is written is
first read by the reader's own rules: nothing that cannot be read replaces what can.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import numpy as np
import pydantic
from pydantic import NonNegativeInt

from agentsim.config.sections import Section
from agentsim.config.validation import first_problem
from agentsim.errors import UserError
from agentsim.system.files import write_whole
from agentsim.system.hashing import rolling_hash
from brains.brain import State

_HEADER, _DIGEST = "agentsim", "digest"


class Stamp(Section):
    """What every such file says besides its arrays: how far it is, in ticks or in batches."""

    format: int
    tick: NonNegativeInt


AnyStamp = TypeVar("AnyStamp", bound=Stamp)


def write_stamped(path: Path, header: Stamp, arrays: State) -> None:
    """Write and put in place atomically. Raises OSError, and ValueError for what could not be read again."""
    from safetensors import SafetensorError
    from safetensors.numpy import save

    text = header.model_dump_json()
    type(header).model_validate_json(text)
    metadata = {_HEADER: text, _DIGEST: rolling_hash(text, header.tick, arrays)}
    try:
        data = save({n: np.asarray(a, order="C") for n, a in arrays.items()}, metadata)
    except (SafetensorError, KeyError, TypeError) as error:  # an array of a type that it has no word for
        raise ValueError(f"a state array that cannot be saved: {error}") from error
    write_whole(path, data)


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
