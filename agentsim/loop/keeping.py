"""The brain that lives in a simulation, out of it into a brain file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentsim.config.brain_file import BodyOfBrain, BrainHeader, write_brain_file
from agentsim.config.validation import suggest
from agentsim.errors import UserError
from agentsim.loop.simulation import Simulation
from agentsim.system.machine import versions
from brains.brain import Brain
from brains.team import Team


def save_brain(simulation: Simulation, path: Path, whose: str | None = None, **known: Any) -> BrainHeader:
    """Write the brain that lives now, or one of several, to a brain file, and return its header.

    `known` is said of it besides. Raises UserError if nobody says whose, or it cannot be written.
    """
    resident, config = simulation.resident, simulation.config
    brain: Brain = resident.brain
    several = resident.present.brains
    if isinstance(resident.brain, Team):
        if whose not in several:
            raise UserError(f"several brains live here; say whose: --whose {', --whose '.join(several)}")
        brain, member = resident.brain.members[whose].brain, several[whose]
        name, mapping, body = member.brain_name or member.brain.kind, member.brain, resident.brain.body_of(whose)
    else:
        if whose is not None:
            raise UserError(f"--whose {whose}: one brain lives here, {suggest(whose, [resident.name], 'brains')}")
        name, mapping, body = resident.name, resident.present.one_brain, simulation.environment.body
    trained = {
        "world": config.world.id,
        "tasks": list(simulation.environment.tasks),
        "seed": config.run.seed,
        "ticks": simulation.tick_index,
        "versions": versions(),
        **known,
    }
    header = BrainHeader(
        tick=resident.age(simulation.tick_index, whose),
        name=name,
        brain={key: value for key, value in mapping.items() if key != "from"},
        body=BodyOfBrain.of(body),
        trained=trained,
    )
    write_brain_file(path, header, brain.state_dict())
    return header
