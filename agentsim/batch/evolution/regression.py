"""The published convergence study, one training of it: what learns, and what the trainer asks for.

Sarkar et al., "Evolution Strategies at the Hyperscale", and its mistakes by name (`broken`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agentsim.batch.evolution.judged import Evolving, InProcess, Judged, Judges
from agentsim.batch.evolution.settings import RegressionConfig
from brains.brain import Float, State
from brains.evolution.engine import Evolution, Tensor, exact_cosine, places
from brains.evolution.perturbed import squared_errors

FALL = 100.0  # how far the distance has to fall for the estimates until then to count
LOST = 1e6  # a distance from which nothing is learned any more
CLIP = 3.0  # of `broken: clip`
ESTIMATES = ("cosine", "halves", "correlation", "noise", "ties", "lost")  # means over generations until the fall
START, DATA = range(2)  # streams of chance


class Aliased(Evolution):
    """Pair p of generation g has the noise of p + g: all but one direction come again in the next generation."""

    def rows(self, pairs: range) -> Float:
        """As of the strategy that is not broken, of the first generation."""
        generation = self.generation
        self.count[0] = 0
        found = super().rows(range(pairs.start + generation, pairs.stop + generation))
        self.count[0] = generation
        return found


class Regression(Evolving):
    """A Learner of `agentsim.batch.training`: the strategy."""

    def __init__(self, config: RegressionConfig) -> None:
        self.config, chance = config, np.random.default_rng([config.seed, START])
        shape = (config.outputs, config.inputs)
        self.target = chance.standard_normal(shape, np.float32)
        mean = config.start * chance.standard_normal(math.prod(shape), np.float32)
        own = config.evolution
        if config.relative_rate is not None:
            own = own.model_copy(update={"learning_rate": config.relative_rate * fastest(config)})
        if config.broken == "clip":
            own = own.model_copy(update={"weight_clip": CLIP})
        kind = Aliased if config.broken == "aliasing" else Evolution
        self.evolution = kind(own, [Tensor("w", shape)], mean, config.seed)

    @property
    def weights(self) -> Float:
        """The mean (outputs, inputs), a view."""
        weights: Float = self.evolution.places[0].of(self.evolution.mean)
        return weights

    @property
    def distance(self) -> float:
        """|W - W_t|."""
        return float(np.linalg.norm(self.weights - self.target))


def theory(config: RegressionConfig) -> float:
    """The exact cosine of the raw estimate and the true gradient."""
    (place,) = places([Tensor("w", (config.outputs, config.inputs))], config.evolution.rank)
    return exact_cosine(place.size, [(place.shape, place.rank, 1.0)], config.evolution.pairs)


def fastest(config: RegressionConfig) -> float:
    """(1 / L) P / (P + c - 1): the rate at which a raw estimate falls fastest; L is 2 / outputs, X being of N(0, 1)."""
    return config.outputs / 2 * theory(config) ** 2


class RegressionTask:
    """A Task of `agentsim.batch.training`. `kept`: how far it was at first, sums of ESTIMATES over `counted`
    generations, and the generation of the fall, -1 before."""

    def __init__(self, config: RegressionConfig, judges: Judges | None = None) -> None:
        self.config, self.learner, self.judges = config, Regression(config), judges or InProcess()
        self.kept: State = {
            "first": np.array([self.learner.distance]),
            "estimates": np.zeros(len(ESTIMATES)),
            "counted": np.zeros(1, np.int64),
            "fallen": np.array([-1]),
        }

    def learn(self, batch: int, done: float) -> float:
        """A generation. Returns the mean squared error of the unperturbed mean, before it moves."""
        learner, evolution = self.learner, self.evolution
        if learner.distance > LOST:  # or the next one is no number
            return LOST
        error, ascent = self._gradient(*self._data(batch))
        d = self.judges.judge(self, batch).differences
        near = self.kept["fallen"][0] >= 0
        told = None if near else self._told(d.astype(np.float64), ascent)
        scaled = cosine(evolution.tell(d), ascent.ravel())
        if told is not None:
            noise = 1 / scaled**2 - 1 if scaled else 0.0  # of an estimate as long as its projection says
            found = {**told, "cosine": scaled, "noise": noise}
            estimates = self.kept["estimates"] + [found[name] for name in ESTIMATES]
            self.kept = {**self.kept, "estimates": estimates, "counted": self.kept["counted"] + 1}
        if self.kept["fallen"][0] < 0 and learner.distance < self.kept["first"][0] / FALL:
            self.kept = {**self.kept, "fallen": np.array([batch + 1])}
        return float(np.mean(np.square(error)))

    @property
    def evolution(self) -> Evolution:
        """The learner's."""
        return self.learner.evolution

    def judge(self, generation: int, pairs: range) -> Judged:
        """d_p of pairs of a generation, and no figures."""
        x, target = self._data(generation)
        if self.config.fitness == "perfect":
            _, ascent = self._gradient(x, target)
            found: NDArray[np.float64] = 2 * self.evolution.sigma * directions(self.evolution, pairs, ascent)
        else:
            found = self.differences(x, target, pairs)
        return Judged(found.astype(np.float32), np.zeros((0, 0)))

    def _data(self, generation: int) -> tuple[Float, Float]:
        """X (samples, inputs) and Y of a generation."""
        chance = np.random.default_rng([self.config.seed, DATA, generation])
        x = chance.standard_normal((self.config.samples, self.config.inputs), np.float32)
        return x, x @ self.learner.target.T

    def _gradient(self, x: Float, target: Float) -> tuple[Float, Float]:
        """The errors of the unperturbed mean, and the gradient of fitness, of the model as it should be."""
        error = x @ self.learner.weights.T - target
        ascent = np.float32(-2 / error.size) * (error.T @ x)
        return error, ascent.astype(np.float32, copy=False)

    def differences(self, x: Float, target: Float, pairs: range) -> NDArray[np.float64]:
        """d_p of pairs: minus the mean squared errors of + and -, whatever is broken about them."""
        config, evolution = self.config, self.evolution
        (place,), sigma = evolution.places, evolution.sigma
        given = x / np.float32(math.sqrt(config.inputs)) if config.broken == "mismatch" else x
        sigma *= math.sqrt(config.inputs) if config.broken == "scale" else 1.0
        fitness = np.empty((len(pairs), 2))
        for chunk in evolution.chunks(pairs):
            summed = squared_errors(given, self.learner.weights, target, place, evolution.rows(chunk), sigma)
            if config.broken == "float16":
                with np.errstate(over="ignore"):
                    summed = summed.astype(np.float16)
            own = slice(chunk.start - pairs.start, chunk.stop - pairs.start)
            fitness[own] = -summed.astype(np.float64) / target.size
        with np.errstate(invalid="ignore"):
            d: NDArray[np.float64] = fitness[:, 0] - fitness[:, 1]
        return d

    def _told(self, d: NDArray[np.float64], ascent: Float) -> dict[str, float]:
        """What differences d (pairs,) say, before the strategy is told of them: ESTIMATES but those of the estimate."""
        evolution, even = self.evolution, np.arange(len(d)) % 2 == 0
        known, along = np.where(np.isfinite(d), d, 0.0), directions(evolution, range(len(d)), ascent)
        halves = [evolution.sums(np.where(own, known, 0.0)) for own in (even, ~even)]
        spread = np.std(known) * np.std(along)
        correlation = float(np.mean((known - known.mean()) * (along - along.mean())) / spread) if spread else 0.0
        shares = {"ties": float(np.mean(d == 0)), "lost": float(np.mean(~np.isfinite(d)))}
        return {"halves": cosine(*halves), "correlation": correlation, **shares}

    def validate(self, *, quick: bool) -> dict[str, float]:
        """The distance is the `score`; and means of ESTIMATES."""
        means = self.kept["estimates"] / np.maximum(1, self.kept["counted"])
        fallen = {"fallen": float(self.kept["fallen"][0])}
        return {
            "score": min(self.learner.distance, LOST),
            **dict(zip(ESTIMATES, means.tolist(), strict=True)),
            **fallen,
        }


def directions(evolution: Evolution, pairs: range, ascent: Float) -> NDArray[np.float64]:
    """<E_p, gradient> of pairs, (pairs,)."""
    (place,) = evolution.places
    found = np.empty(len(pairs))
    for chunk in evolution.chunks(pairs):
        rows, own = evolution.rows(chunk), slice(chunk.start - pairs.start, chunk.stop - pairs.start)
        if not place.rank:
            found[own] = rows[:, : place.numbers] @ ascent.ravel()
            continue
        a, b = place.factors(rows)
        found[own] = np.sum(a * (ascent @ b), (1, 2)) / math.sqrt(place.rank)
    return found


def cosine(one: Any, other: Any) -> float:
    """Of two vectors; 0 where one is 0."""
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else 0.0
