"""From a config's words to the parts of a simulation: the brain of a mapping, the timetable of the phases."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pydantic

import brains
from agentsim.config import Config
from agentsim.errors import UserError
from agentsim.settings import first_problem
from agentsim.validation import suggest
from brains.brain import Body, Brain


def checked_brain(mapping: dict[str, Any]) -> tuple[Any, Any]:
    """The class that a brain's mapping {kind, ...} names, and its own validated config. Raises UserError."""
    kind = str(mapping.get("kind"))
    if kind not in brains.BRAINS:
        raise UserError(f"brain.kind: unknown kind {kind!r}, {suggest(kind, brains.BRAINS, 'kinds')}")
    brain_class: Any = brains.load(kind)
    fields = {key: value for key, value in mapping.items() if key != "kind" or key in brain_class.Config.model_fields}
    try:
        return brain_class, brain_class.Config.model_validate(fields)
    except pydantic.ValidationError as error:
        raise UserError(f"brain.{first_problem(error)}") from error


def resolved_brain(mapping: dict[str, Any]) -> dict[str, Any]:
    """A brain's mapping with every default filled in. Raises UserError."""
    _, config = checked_brain(mapping)
    return {"kind": mapping["kind"], **config.model_dump(mode="json")}


def build_brain(mapping: dict[str, Any], body: Body, seed: np.random.SeedSequence) -> Brain:
    """The brain of a mapping. Raises UserError if it is not valid or does not fit the body."""
    brain_class, config = checked_brain(mapping)
    try:
        return brain_class(config, body, seed)
    except ValueError as error:
        key = "." if re.match(r"[\w.]+: ", str(error)) else f": {mapping['kind']} does not fit this world: "
        raise UserError(f"brain{key}{error}") from error


def timetable(config: Config, tasks: tuple[str, ...]) -> dict[int, int]:
    """Tick -> index of the task that starts there, from the config's phases. Raises UserError for unknown tasks."""
    starts, seconds = {}, 0.0
    for phase in config.phases:
        if phase.task not in tasks:
            hint = suggest(phase.task, tasks, "tasks")
            raise UserError(f"phases: {config.world.id} has no task {phase.task!r}, {hint}")
        starts[round(seconds * config.clock.tick_hz)] = tasks.index(phase.task)
        seconds += phase.seconds
    return starts
