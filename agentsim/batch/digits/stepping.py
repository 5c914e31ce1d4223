"""A stepping brain that names images: they stream through it, one a tick, and its teacher names them too."""

from __future__ import annotations

import numpy as np

from agentsim.batch.digits.images import CLASSES, Images
from agentsim.batch.digits.settings import ImagesConfig, SteppingNetwork
from agentsim.batch.streamed import Streamed
from brains.brain import Body, Float


class SteppingLearner(Streamed):
    """The brain of a config whose network is {kind: stepping, brain: ...}. Raises UserError as `Streamed` does."""

    def __init__(self, config: ImagesConfig, pixels: int) -> None:
        assert isinstance(config.network, SteppingNetwork)
        self.config = config
        super().__init__(config.network.brain, Body(pixels, CLASSES, teacher=True), config.seed, "images")

    def learn(self, images: Images, number: int, done: float) -> float:
        """One batch, image by image. Returns the mean loss."""
        return self.live(images.flat, images.labels)[1]

    def scores(self, images: Images) -> Float:
        """(N, classes): 1 for the class that it names."""
        return np.eye(CLASSES, dtype=np.float32)[self.answers(images.flat)]

    def figures(self, images: Images) -> dict[str, float]:
        """Nothing besides what every learner tells."""
        return {}

    def settling(self, image: Images, sweeps: int) -> None:
        """It has no energy."""
