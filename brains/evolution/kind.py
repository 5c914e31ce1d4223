"""The kind `evolution`: the config decides where its members live."""

from __future__ import annotations

import numpy as np

from brains.brain import Body, kind
from brains.evolution.brain import EvolutionBrain, EvolutionBrainConfig
from brains.evolution.one_world import OneWorldBrain


@kind(EvolutionBrainConfig)
def evolution(config: EvolutionBrainConfig, body: Body, seed: np.random.SeedSequence) -> EvolutionBrain:
    """A strategy whose members live in shadows of the world, or in turn in the one there is. Raises ValueError for a
    body with continuous actions."""
    return (OneWorldBrain if config.worlds == "real" else EvolutionBrain)(config, body, seed)


evolution.lives_in_shadows = True  # type: ignore[attr-defined]
