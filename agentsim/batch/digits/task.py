"""Training on images: what the trainer of all offline modes asks for."""

from __future__ import annotations

from pathlib import Path

from agentsim.batch.digits.images import Images, batch_of, split_of
from agentsim.batch.digits.learners import ImageLearner, learner_of
from agentsim.batch.digits.settings import DigitsConfig, MnistConfig
from agentsim.batch.digits.stepping import SteppingLearner
from brains.brain import State

QUICK = 1_000  # images of a quick look
FIGURES_OF = 500  # images that a network tells of itself on


class ImagesTask:
    """A Task of `agentsim.batch.training`: names digits; judged by the share of validation images named wrongly."""

    def __init__(self, config: DigitsConfig | MnistConfig, data_dir: Path | None = None) -> None:
        self.config, self.split = config, split_of(config.data, data_dir)
        self.learner = learner_of(config, self.split.train.flat.shape[1])
        self.kept: State = {}

    def learn(self, batch: int, done: float) -> float:
        """Learn a batch. Returns the mean cost."""
        config = self.config
        images = batch_of(self.split.train, batch, config.batch, config.shift, config.seed)
        return self.learner.learn(images, batch, done)

    def validate(self, *, quick: bool) -> dict[str, float]:
        """The `score` is the share of errors on the validation set; and what the network tells of itself."""
        images = self.split.validation.first(QUICK) if quick else self.split.validation
        return {"score": errors(self.learner, images), **self.learner.figures(images.first(FIGURES_OF))}


def errors(learner: ImageLearner | SteppingLearner, images: Images) -> float:
    """The share of images named wrongly."""
    return float((learner.scores(images).argmax(1) != images.labels).mean())
