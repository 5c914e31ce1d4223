"""Training a net that dreams: what the trainer of all offline modes asks for."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from agentsim.batch.digits.images import CLASSES, Images, batch_of, split_of
from agentsim.batch.dream.settings import DreamConfig
from brains.brain import Float, State
from brains.eqprop.dream import Dreamer

QUICK = 1_000  # images of a quick look
DREAMING = 1  # the stream of chance that is dreamt with


class DreamLearner(Dreamer):
    """A net, and the config that it learns by."""

    def __init__(self, config: DreamConfig, means: Float, images: int) -> None:
        super().__init__(means, config.hidden, images, np.random.Generator(np.random.SFC64(config.seed)))
        self.config = config

    def dreams(self, count: int) -> Float:
        """So many of each label, always the same ones, (K, count, D)."""
        chance = np.random.Generator(np.random.SFC64([self.config.seed, DREAMING]))
        return self.dream([*range(CLASSES)], count, self.config.steps, self.config.temperature, chance)


class DreamTask:
    """A Task of `agentsim.batch.training`: the score is the share of validation images named wrongly."""

    def __init__(self, config: DreamConfig, data_dir: Path | None = None) -> None:
        self.config, self.validation = config, split_of(config.data, data_dir).validation
        own, _ = halves(config.data, data_dir)
        self.by_label = by_label(own)
        self.images = min(config.images, *map(len, self.by_label))
        means = np.stack([images.flat.mean(axis=0) for images in self.by_label])
        self.learner = DreamLearner(config, means, self.images)
        self.kept: State = {}

    def learn(self, batch: int, done: float) -> float:
        """Learn as many images of each label. Returns the mean of -ln P(label | image)."""
        config = self.config
        found = [batch_of(images, batch, self.images, 0, config.seed).flat for images in self.by_label]
        images = np.stack(found)
        rate = config.learning_rate * min(1.0, 1.25 * (1 - done) + 0.01)
        return self.learner.update(images, images[:, : config.named], rate, config.naming)

    def validate(self, *, quick: bool) -> dict[str, float]:
        """The `score`; the least spread of a pool's weights as a share of the median, and the largest c: a pool that
        collapses shows in both; and how often one began anew."""
        images = self.validation.first(QUICK) if quick else self.validation
        learner, spread = self.learner, self.learner.spread
        return {
            "score": 1 - recognition(learner, images),
            "least_spread": float(spread.min() / np.median(spread)),
            "largest_c": float(learner.live.c.max()),
            "restarts": float(learner.restarts.sum()),
        }


@cache
def halves(name: str, data_dir: Path | None) -> tuple[Images, Images]:
    """Of the training images, those that the net learns, and those that the judge of its dreams learns."""
    train = split_of(name, data_dir).train
    middle = len(train) // 2
    return train.first(middle), Images(train.pixels[middle:], train.labels[middle:])


def by_label(images: Images) -> list[Images]:
    """Those of each label."""
    places = [images.labels == label for label in range(CLASSES)]
    return [Images(images.pixels[own], images.labels[own]) for own in places]


def stacked(images: Images, most: int) -> Float:
    """As many of each label, and at most so many, (K, n, D)."""
    found = by_label(images)
    return np.stack([own.first(min(most, *map(len, found))).flat for own in found])


def recognition(learner: Dreamer, images: Images) -> float:
    """The share of images named rightly."""
    return float((learner.recognise(images.flat).argmax(1) == images.labels).mean())
