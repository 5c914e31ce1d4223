"""A trained net as a file: parameters, mean images, and what size its pictures are; safetensors with a header."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt

from agentsim.batch.dream.task import DreamLearner
from agentsim.config.stamped import Stamp, read_stamped, write_stamped
from agentsim.errors import UserError
from brains.brain import Float
from brains.eqprop.dream import Pools

SUFFIX = ".dream"


class Header(Stamp):
    """What such a file says besides its arrays."""

    format: Literal[1] = 1
    data: str
    height: PositiveInt
    width: PositiveInt
    steps: PositiveInt
    temperature: float = Field(ge=1)


@dataclass(frozen=True, eq=False)
class KeptNet:
    """What a net dreams with: `pools`, and mean images (K, D) of height x width pixels."""

    header: Header
    pools: Pools
    means: Float


def write_net(path: Path, learner: DreamLearner, height: int, width: int) -> None:
    """Write what a learner recognises and dreams with. Raises OSError."""
    config = learner.config
    header = Header(
        tick=int(learner.ages.max()),
        data=config.data,
        height=height,
        width=width,
        steps=config.steps,
        temperature=config.temperature,
    )
    write_stamped(path, header, {**learner.average._asdict(), "means": learner.means})


def read_net(path: Path) -> KeptNet:
    """Raises UserError for a file that is missing, damaged, or no net that dreams."""
    header, arrays = read_stamped(path, Header)
    try:
        pools = Pools(*(arrays[name] for name in Pools._fields))
        (labels, size, hidden), means = pools.W.shape, arrays["means"]
    except (KeyError, ValueError) as error:
        raise UserError(f"{path}: not a net that `agentsim train dream` made: {error}") from error
    wanted = Pools(*((labels, size, hidden), (labels, size), (labels, hidden), (labels,)))  # type: ignore[arg-type]
    fits = size == header.height * header.width and means.shape == (labels, size)
    if not fits or tuple(each.shape for each in pools) != tuple(wanted):
        raise UserError(f"{path}: not a net that `agentsim train dream` made: its arrays do not fit each other")
    return KeptNet(header, pools, means)


def find_net(where: Path | None) -> Path:
    """The file of a net: `where` itself, or the first by name in that folder; where none is given, in that folder under
    runs/ where one was last written. Raises UserError."""
    if where is not None and where.is_file():
        return where
    if where is None:
        newest = max(Path("runs").glob(f"*/*{SUFFIX}"), key=lambda path: path.stat().st_mtime, default=None)
        where = newest.parent if newest else Path("runs")
    if found := sorted(where.glob(f"*{SUFFIX}")):
        return found[0]
    raise UserError(f"{where}: no net that dreams is there; train one with `agentsim train dream`")
