"""A brain that paints what it dreams, and learns to from a picture book that is shown to it meanwhile.

The net is that of `brains.eqprop.dream`; a tick is one step, or a few, of pixels and units drawing each other.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

from agentsim.compiled.random import pack, unpack
from brains.brain import Body, BrainBase, Experience, Float, Learning, State, load_arrays
from brains.eqprop.dream import Dreamer, bernoulli, log_weights, pixels, softmax, units

FADING = 1 / 200  # of what the share of rightly named pages remembers, a page
SHOWN = 240  # ticks of energy that are shown
FULLY_AGED = 0.8  # the age of a dream from which it is at temperature 1


class DreamingConfig(BaseModel):
    """A brain that dreams on a canvas, for a body that senses it and paints it (see `agentsim/Dream-v0`).

    It senses, of D pixels and K labels: the canvas (D), where a person drew (D), the label that is asked for (K), the
    age of the dream, the page that is shown (D) and its label (K).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    kind: Literal["dreaming"] = "dreaming"
    """Dreams on a canvas."""
    labels: int = Field(default=10, ge=2, le=1_000)
    """How many labels there are."""
    hidden: int = Field(default=64, ge=1, le=4_096)
    """Units of each label's pool."""
    steps: int = Field(default=1, ge=1, le=1_000)
    """Steps of pixels and units in a tick."""
    temperature: float = Field(default=1.3, ge=1)
    """That a dream begins at; it falls to 1 in the first four fifths of a dream."""
    learns: bool = True
    """Whether it learns from the book; false: it has no memory, and plays what it learned elsewhere."""
    learning_rate: PositiveFloat = 0.1
    """Rate of learning."""
    images: int = Field(default=10, ge=1, le=1_000)
    """Pages of each label in a learning step, and dreams of each label that go on from step to step."""
    naming: float = Field(default=0.2, ge=0)
    """The share of naming pages rightly in what is learned."""
    memory: PositiveInt = 200
    """Pages of each label that are remembered, the last ones."""
    first: PositiveInt = 60
    """Pages that it looks at before it begins to learn; their means are where dreams begin."""


class _Sensed(NamedTuple):
    """What one lane senses; labels are -1 where there is none."""

    canvas: Float
    drawn: NDArray[np.bool_]
    asked: int
    age: float
    page: Float
    named: int


class DreamingBrain(BrainBase):
    """Raises ValueError where the body is none that paints."""

    Config: Any = DreamingConfig
    backend = "numpy"
    drawn_as: ClassVar[dict[str, str]] = {"label": "bars", "energy": "line"}

    def __init__(self, config: DreamingConfig, body: Body, seed: np.random.SeedSequence) -> None:
        wanted = 3 * body.actions + 2 * config.labels + 1
        if body.discrete or body.observation_size != wanted or {*body.low} != {0.0} or {*body.high} != {1.0}:
            raise ValueError(f"it paints pixels of 0 to 1, and senses three times as many and 2 x {config.labels} + 1")
        super().__init__(config, body)
        self.generator = np.random.Generator(np.random.PCG64(seed))
        count, size, lanes = config.labels, body.actions, body.lanes
        self.net = self._young(np.full((count, size), 0.5, np.float32))
        self.memory = np.zeros((count, config.memory if config.learns else 0, size), np.float32)
        self.looked = np.zeros(count, np.int64)  # at how many pages of each label
        self.right = np.zeros(1)  # the share of pages that were named rightly, before they were learned
        self.chosen = np.zeros(lanes, np.int64)  # the label that is dreamt of
        self.hidden = np.zeros((lanes, config.hidden), np.float32)  # P(h | x) of its pool
        self.names = np.full((lanes, count), 1 / count, np.float32)  # P(y | x) of the drawing, or else of the canvas
        self.energies = np.zeros((lanes, SHOWN), np.float32)  # -F of the label that is dreamt of, the last at the end

    def act(self, observation: Float) -> NDArray[Any]:
        """(N, D): the means of the pixels of the next step of the dream."""
        return np.stack([self._paint(lane, self._sensed(row)) for lane, row in enumerate(observation)])

    def _paint(self, lane: int, seen: _Sensed) -> Float:
        config, own, chance = self.config, self.net.average, self.generator
        sketch = np.where(seen.drawn, seen.canvas, 0) if seen.drawn.any() else seen.canvas
        free, _ = log_weights(own, np.stack([sketch, seen.canvas]))
        self.names[lane] = softmax(free[0])
        begins = seen.age <= 0
        if seen.asked >= 0:
            self.chosen[lane] = seen.asked
        elif begins:
            self.chosen[lane] = min(int((self.names[lane].cumsum() < chance.random()).sum()), config.labels - 1)
        label = int(self.chosen[lane])
        if not begins:
            self.energies[lane, :-1] = self.energies[lane, 1:]
            self.energies[lane, -1] = -free[1, label]
        painted = np.where(seen.drawn, seen.canvas, self.net.means[label]) if begins else seen.canvas
        if seen.age < 1:
            pool, cold = own.of([label]), 1 / (1 + (config.temperature - 1) * max(0.0, 1 - seen.age / FULLY_AGED))
            for _ in range(config.steps):
                likely = units(pool, bernoulli(painted[None, None], chance), cold)
                mean = pixels(pool, bernoulli(likely, chance), cold)[0, 0]
                painted = np.where(seen.drawn, seen.canvas, mean)
            self.hidden[lane] = likely[0, 0]
        return painted

    def _sensed(self, row: Float) -> _Sensed:
        size, labels = self.body.actions, self.config.labels
        canvas, drawn, asked, age, page, named = np.split(row, np.cumsum([size, size, labels, 1, size]))
        which = [int(each.argmax()) if each.max() > 0.5 else -1 for each in (asked, named)]
        return _Sensed(canvas.clip(0, 1), drawn > 0.5, which[0], float(age[0]), page.clip(0, 1), which[1])

    def learn(self, experience: Experience) -> Learning:
        """Look at the page of every lane, remember it, and learn from what is remembered."""
        if not self.config.learns:
            return Learning()
        for seen in map(self._sensed, experience.observation):
            if (label := seen.named) >= 0:
                guess = log_weights(self.net.average, seen.page[None])[0].argmax()
                self.right += max(FADING, 1 / (self.looked.sum() + 1)) * ((guess == label) - self.right)
                self.memory[label, self.looked[label] % self.config.memory] = seen.page
                self.looked[label] += 1
        return self.rehearse()

    def rehearse(self) -> Learning:
        """Learn as many pages of each label, drawn from those that are remembered."""
        if not self.config.learns or self.looked.sum() < self.config.first or self.looked.min() == 0:
            return Learning()
        known = np.minimum(self.looked, self.config.memory)
        if not self.net.ages.any() and not self.net.restarts.any():
            means = [own[:count].mean(axis=0) for own, count in zip(self.memory, known, strict=True)]
            self.net = self._young(np.stack(means))
        rows = self.generator.integers(known[:, None], size=(len(known), self.config.images))
        images = np.take_along_axis(self.memory, rows[:, :, None], axis=1)
        loss = self.net.update(images, images, self.config.learning_rate, self.config.naming)
        return Learning(loss=loss, updates=1)

    def _young(self, means: Float) -> Dreamer:
        return Dreamer(means, self.config.hidden, self.config.images if self.config.learns else 0, self.generator)

    def reset(self, lanes: NDArray[np.bool_]) -> None:
        """Forget what was dreamt."""
        self.chosen[lanes] = 0
        self.hidden[lanes] = self.energies[lanes] = 0
        self.names[lanes] = 1 / self.config.labels

    def figures(self) -> dict[str, float]:
        """The share of about the last 200 pages that it named rightly before it learned them, and how often a pool of
        it collapsed and began anew; the energy of the canvas."""
        learned = {"named": float(self.right[0]), "restarts": float(self.net.restarts.sum())}
        return (learned if self.config.learns else {}) | {"energy": float(self.energies[:, -1].mean())}

    def activity(self) -> dict[str, NDArray[Any]]:
        """The units of the label that is dreamt of, what the drawing or else the canvas is named, and the energy."""
        shown = {"units": self.hidden.copy(), "label": self.names.copy(), "energy": self.energies.copy()}
        for array in shown.values():
            array.flags.writeable = False
        return shown

    def arrays(self) -> State:
        """Net, memory, chance and what is shown; what lanes share has a leading axis of 1. Of a net that does not learn
        only what dreaming needs."""
        found: State = self.net.arrays() | {"chains": self.net.chains, "memory": self.memory, "looked": self.looked}
        if not self.config.learns:
            found = {name: array for name, array in found.items() if name == "means" or name.startswith("average")}
        shared = {f"net.{name}": array[None] for name, array in found.items()}
        shared |= {"right": self.right[None], "generator": pack(self.generator)[None]}
        own: State = {"chosen": self.chosen, "hidden": self.hidden, "names": self.names, "energies": self.energies}
        return shared | own

    def fingerprint(self) -> State:
        """All but a net that does not learn, which is large, and what its file says."""
        arrays = self.arrays()
        return {name: own for name, own in arrays.items() if self.config.learns or not name.startswith("net.")}

    def load_state_dict(self, state: State) -> None:
        """Inverse of state_dict. Raises ValueError naming the entry that does not fit."""
        load_arrays(self.arrays(), state)
        self.generator = self.net.chance = unpack(state["generator"][0])
