"""The kind `stepping`: the body decides what the network learns from."""

from __future__ import annotations

import numpy as np

from brains.brain import Body, kind
from brains.stepping.base import SteppingBrain
from brains.stepping.q_learning import QLearningBrain
from brains.stepping.settings import SteppingConfig
from brains.stepping.streaming import StreamingBrain
from brains.stepping.taught import TaughtBrain


@kind(SteppingConfig)
def stepping(config: SteppingConfig, body: Body, seed: np.random.SeedSequence) -> SteppingBrain:
    """A brain that learns from its teacher or, where the world has none, from reward: by replay, or one sample at a
    time. Raises ValueError, starting with the key, where the config does not fit the body."""
    if body.teacher:
        return TaughtBrain(config, body, seed)
    if config.replay is not None:
        return QLearningBrain(config, body, seed)
    return StreamingBrain(config, body, seed)
