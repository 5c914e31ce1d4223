"""An evolved policy as a brain file: what lives in the world that it was evolved for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from agentsim.batch.evolution.control import Policy
from agentsim.config.brain_file import BodyOfBrain, BrainHeader, write_brain_file
from agentsim.system.machine import versions
from brains.brain import Body
from brains.evolution.brain import EvolutionBrain, EvolutionBrainConfig


def save_policy(learner: Policy, path: Path) -> None:
    """Write a brain file. Raises UserError where it cannot be written."""
    config, world = learner.config, learner.habitat
    body = Body(world.observations, world.actions)
    brain_config = EvolutionBrainConfig(hidden=config.hidden, evolution=config.evolution)
    brain = EvolutionBrain(brain_config, body, np.random.SeedSequence(config.seed))
    brain.evolution.mean[:] = learner.parameters
    trained = {"world": config.environment, "tasks": [*config.tasks], "seed": config.seed, "versions": versions()}
    header = BrainHeader(
        tick=0,
        name=path.stem,
        brain=brain_config.model_dump(mode="json"),
        body=BodyOfBrain.of(body),
        trained=trained,
    )
    write_brain_file(path, header, brain.state_dict())
