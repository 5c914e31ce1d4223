"""Digits two at a time: what the trainer of all offline modes asks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from agentsim.batch.digits.images import CLASSES, Images, batch_of, split_of
from agentsim.batch.dream.judging import gaussian
from agentsim.batch.dream.task import by_label
from agentsim.batch.split.settings import TASKS, SplitConfig
from brains.brain import Float, State
from brains.eqprop.dream import Dreamer, grown

RANK = 40  # of a Gaussian
EACH = CLASSES // TASKS  # labels of a task


class SplitLearner:
    """A net for the labels that it has met; before the first task, for none. `rightly` is what was named rightly after
    each of the tasks, on the validation images of each of them, (TASKS, TASKS)."""

    def __init__(self, config: SplitConfig, size: int, chains: int) -> None:
        self.config, self.chains = config, chains
        self.chance = np.random.Generator(np.random.SFC64(config.seed))
        self.net = self._net(np.zeros((0, size), np.float32))
        self.rightly = np.zeros((TASKS, TASKS))

    def _net(self, means: Float) -> Dreamer:
        return Dreamer(means, self.config.hidden, self.chains, self.chance)

    @property
    def size(self) -> int:
        """How many numbers it learns."""
        return self.net.size

    def meet(self, means: Float) -> None:
        """More labels, of these mean images."""
        self.net = grown(self.net, means) if len(self.net.means) else self._net(means)

    def state_dict(self) -> State:
        """Everything that going on exactly needs."""
        return {**self.net.state_dict(), "rightly": self.rightly.copy()}

    def load_state_dict(self, state: State) -> None:
        """Raises ValueError for a state of another shape."""
        net = self._net(state["means"])
        net.load_state_dict({name: array for name, array in state.items() if name != "rightly"})
        self.net, self.rightly = net, state["rightly"].copy()


class SplitTask:
    """A Task of `agentsim.batch.training`: the score is the share of validation images named wrongly, the mean over the
    tasks. `kept` are the images that are replayed while a task lasts, (labels, n, pixels)."""

    def __init__(self, config: SplitConfig, data_dir: Path | None = None) -> None:
        self.config, split = config, split_of(config.data, data_dir)
        self.by_label = [images.first(config.most) for images in by_label(split.train)]
        self.images = min(config.images, *map(len, self.by_label))
        self.validation = split.validation
        size = split.train.flat.shape[1]
        self.learner = SplitLearner(config, size, self.images)
        nothing = np.zeros((0, config.replayed, size), np.float32)
        self.kept: State = {"replay": nothing}

    def learn(self, batch: int, done: float) -> float:
        """Learn as many images of each label, the old ones replayed. Returns the mean of -ln P(label | image)."""
        config = self.config
        task, number = divmod(batch, config.per_task)
        if number == 0:
            self._begin(task)
        new = self.by_label[EACH * task : EACH * (task + 1)]
        images = np.stack([batch_of(own, number, self.images, 0, config.seed).flat for own in new])
        old = replayed(self.kept["replay"], number, self.images, config.seed)
        everything = np.concatenate([old, images])
        rate = config.learning_rate * min(1.0, 1.25 * (1 - number / config.per_task) + 0.01)
        learned = everything if config.old_pools == "learn" else images
        named = everything[:, : config.named]
        loss = self.learner.net.update(learned, named, rate, config.naming, young=EACH * task)
        if number == config.per_task - 1:
            self.learner.rightly[task] = rightly(self.learner.net, self.validation)
        return loss

    def _begin(self, task: int) -> None:
        """Make what stands in for old images, then meet the new labels."""
        old, new = self.by_label[: EACH * task], self.by_label[EACH * task : EACH * (task + 1)]
        if old and self.config.replay != "none":
            self.kept["replay"] = self._replay(old)
        self.learner.meet(np.stack([own.flat.mean(axis=0) for own in new]))

    def _replay(self, old: list[Images]) -> Float:
        config, net = self.config, self.learner.net
        count, chance = config.replayed, net.chance
        if config.replay == "dream":
            return net.dream([*range(len(old))], count, config.steps, 1.0, chance)
        if config.replay == "real":
            return np.stack([own.first(min(count // 2, *map(len, old))).flat for own in old])
        if config.replay == "mean":
            return np.repeat(net.means[:, None], count, axis=1)
        return np.stack([gaussian(own.flat, count, RANK, chance) for own in old])

    def validate(self, *, quick: bool) -> dict[str, float]:
        """The `score`, over all labels, also those not met yet; and how often a pool began anew."""
        own = rightly(self.learner.net, self.validation)
        return {"score": 1 - float(own.mean()), "restarts": float(self.learner.net.restarts.sum())}


def replayed(images: Float, number: int, count: int, seed: int) -> Float:
    """So many of each label, (labels, count, pixels), others for every batch."""
    rows = np.random.default_rng([seed, number]).integers(0, images.shape[1], (len(images), count))
    return images[np.arange(len(images))[:, None], rows]


def rightly(net: Dreamer, images: Images) -> Float:
    """The share of the images of each task that is named rightly, (TASKS,), whichever labels it has met."""
    right = net.recognise(images.flat).argmax(1) == images.labels
    return np.array([right[images.labels // EACH == task].mean() for task in range(TASKS)])
