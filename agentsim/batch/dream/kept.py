"""A trained net as a file: the brain that dreams what it dreams, which plays in agentsim/Dream-v0 too."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np

from agentsim.batch.dream.task import DreamLearner
from agentsim.config.brain_file import SUFFIX, BodyOfBrain, BrainHeader, read_brain_file, write_brain_file
from agentsim.errors import UserError
from agentsim.system.machine import versions
from brains.brain import Body, Float
from brains.eqprop.dream import Pools
from brains.eqprop.dreaming import DreamingBrain, DreamingConfig

STEPS = 200  # of a dream, where a file does not say


@dataclass(frozen=True, eq=False)
class KeptNet:
    """What a net dreams with: `pools`, and mean images (K, D) of height x width pixels; in so many steps, from so high
    a temperature."""

    pools: Pools
    means: Float
    height: int
    width: int
    steps: int
    temperature: float


def write_net(path: Path, learner: DreamLearner, height: int, width: int) -> None:
    """Write a brain with what a learner recognises and dreams with. Raises UserError where it cannot be written."""
    own, size, labels = learner.config, height * width, len(learner.means)
    body = Body(3 * size + 2 * labels + 1, size, discrete=False, low=(0.0,) * size, high=(1.0,) * size)
    config = DreamingConfig(labels=labels, hidden=own.hidden, temperature=own.temperature, learns=False)
    brain = DreamingBrain(config, body, np.random.SeedSequence(own.seed))
    brain.net.average, brain.net.means = learner.average, learner.means
    shape = {"height": height, "width": width, "steps": own.steps}
    trained: dict[str, Any] = {"world": own.data, "tasks": [], "seed": own.seed, "versions": versions(), **shape}
    header = BrainHeader(
        tick=int(learner.ages.max()),
        name=f"{own.data}-dream",
        brain=config.model_dump(mode="json"),
        body=BodyOfBrain.of(body),
        trained=trained,
    )
    write_brain_file(path, header, brain.state_dict())


def read_net(path: Path) -> KeptNet:
    """The net of a brain that dreams, trained offline or in its world. Raises UserError for a file that is missing,
    damaged, or of another brain."""
    header, arrays = read_brain_file(path)
    try:
        config = DreamingConfig.model_validate(header.brain)
        pools = Pools(*(arrays[f"net.average.{name}"][0] for name in Pools._fields))
        (labels, size, hidden), means = pools.W.shape, arrays["net.means"][0]
        side = isqrt(size)
        height, width = (int(header.trained.get(name, side)) for name in ("height", "width"))
        steps = int(header.trained.get("steps", STEPS))
    except (KeyError, ValueError, IndexError) as error:
        kind = header.brain.get("kind")
        raise UserError(
            f"{path}: the brain in it does not dream, its kind is {kind}; give one of `dreaming`"
        ) from error
    wanted = Pools(*((labels, size, hidden), (labels, size), (labels, hidden), (labels,)))  # type: ignore[arg-type]
    fits = size == height * width and means.shape == (labels, size) and steps > 0
    if not fits or tuple(each.shape for each in pools) != tuple(wanted):
        raise UserError(f"{path}: not a net that `agentsim train dream` made: its arrays do not fit each other")
    return KeptNet(pools, means, height, width, steps, config.temperature)


def find_net(where: Path | None) -> Path:
    """The file of a net: `where` itself, or the first by name in that folder; where none is given, in that folder under
    runs/ where one was last written. Raises UserError."""
    if where is not None and where.is_file():
        return where
    if where is None:
        found = sorted(Path("runs").glob(f"*/*{SUFFIX}"), key=lambda path: path.stat().st_mtime, reverse=True)
        newest = next(filter(_dreams, found), None)
        where = newest.parent if newest else Path("runs")
    if here := next(filter(_dreams, sorted(where.glob(f"*{SUFFIX}"))), None):
        return here
    raise UserError(f"{where}: no net that dreams is there; train one with `agentsim train dream`")


def _dreams(path: Path) -> bool:
    try:
        return read_brain_file(path)[0].brain.get("kind") == "dreaming"
    except UserError:  # damaged, or something else
        return False
