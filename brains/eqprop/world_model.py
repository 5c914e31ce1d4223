"""What happens next, learned while it happens: models of how an observation changes, by what is seen and done.

A model says y (M, outputs), the change in units of its own, from x (M, inputs), and learns one transition a tick.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from brains.brain import Float, State
from brains.eqprop.core import Core

OUTPUT_SCALE = 0.1  # of the first output weights: at first nothing changes
RECENT = 60  # transitions that a quarter of a batch is from
PRIOR = 100.0  # variance of a regression's coefficients before anything is seen


class NetworkModel(BaseModel):
    """A network with one product in its first layer; it learns by equilibrium propagation or by backprop."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    kind: Literal["eqprop", "backprop"] = "eqprop"
    """Where its gradient comes from."""
    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(min_length=1, max_length=8)] = (64,)
    """Units of the hidden layers."""
    gated: bool = True
    """Whether the first layer is driven by a product of two sums of the input."""
    free_sweeps: int = Field(default=4, ge=0, le=1000)
    """Sweeps of the free phase, after a pass upwards."""
    nudged_sweeps: int = Field(default=2, ge=1, le=1000)
    """Sweeps of each nudged phase."""
    beta: float = Field(default=0.5, gt=0, lt=1)
    """How strongly the outputs are pulled towards what happened, and away from it."""
    gain: float = Field(default=0.3, gt=0, le=1)
    """Gamma, by which what comes down is multiplied, at most."""
    homeostasis: float | None = Field(default=0.5, gt=0)
    """The bound of gamma sigma^2; null: gamma stays."""
    learning_rate: float = Field(default=0.006, gt=0, le=10)
    """Of Adam."""
    beta2: float = Field(default=0.999, ge=0, lt=1)
    """Of Adam: the variance's decay."""
    batch: int = Field(default=16, ge=1, le=4096)
    """Transitions of an update: the present one, a quarter with it from the last 60, the others from all."""
    updates: int = Field(default=1, ge=1, le=64)
    """Updates a tick."""
    memory: int = Field(default=100_000, ge=1, le=10_000_000)
    """Transitions that are remembered."""


class RegressionModel(BaseModel):
    """Recursive least squares on the input, or on all products of two of its numbers besides: the control."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    kind: Literal["linear", "quadratic"]
    """On 1 and x, or on all their products of two."""


class WorldModel(Protocol):
    """What a brain that imagines asks of a model."""

    def predict(self, x: Float) -> Any:
        """(M, inputs) -> (M, outputs)."""

    def learn(self, x: Float, y: Float, chance: np.random.Generator) -> None:
        """Take in one transition, (inputs,) and (outputs,)."""

    def arrays(self) -> State:
        """The live arrays that going on exactly needs."""


class Network:
    """A NetworkModel at work, for at most `rows` questions at once."""

    def __init__(
        self, config: NetworkModel, inputs: int, outputs: int, rows: int, seed: np.random.SeedSequence
    ) -> None:
        self.config = config
        own = {"gated", "free_sweeps", "nudged_sweeps", "beta", "gain", "homeostasis", "learning_rate", "beta2"}
        self.core = Core(
            (inputs, *config.hidden, outputs),
            ["rational_tanh"] * len(config.hidden) + ["linear"],
            rows=max(rows, config.batch),
            cost="squared_error",
            rule=config.kind,
            seed=seed,
            **config.model_dump(include=own),
        )
        self.core.weights[-1][...] *= OUTPUT_SCALE
        self.seen = np.zeros((config.memory, inputs + outputs), np.float32)
        self.count = np.zeros(1, np.int64)  # transitions that it has lived through

    def predict(self, x: Float) -> Float:
        """A view, (M, outputs), until the next question."""
        return self.core.settle(x)

    def learn(self, x: Float, y: Float, chance: np.random.Generator) -> None:
        """Remember it, and make the updates of a tick."""
        own, capacity, count, inputs = self.config, len(self.seen), int(self.count[0]), len(x)
        self.seen[count % capacity, :inputs], self.seen[count % capacity, inputs:] = x, y
        self.count[0] = count + 1
        remembered = min(count + 1, capacity)
        reach = np.full(own.batch, remembered)  # how far back each may lie
        reach[: own.batch // 4], reach[0] = min(RECENT, remembered), 1
        ages = (chance.random((own.updates, own.batch)) * reach).astype(np.int64)
        for rows in self.seen[(count - ages) % capacity]:
            self.core.learn(rows[:, :inputs], rows[:, inputs:])

    def arrays(self) -> State:
        """Network and memory."""
        return {**self.core.arrays(), "seen": self.seen, "count": self.count}


class Regression:
    """A RegressionModel at work: the least squares of all that was seen, with a prior, in float64."""

    def __init__(self, config: RegressionModel, inputs: int, outputs: int) -> None:
        self.pairs = np.triu_indices(inputs + 1)
        size = len(self.pairs[0]) if config.kind == "quadratic" else inputs + 1
        self.quadratic = config.kind == "quadratic"
        self.coefficients, self.covariance = np.zeros((size, outputs)), PRIOR * np.eye(size)

    def _features(self, x: Float) -> Any:
        """(M, inputs) -> (M, features)."""
        ones = np.column_stack([np.ones(len(x)), x])
        return ones[:, self.pairs[0]] * ones[:, self.pairs[1]] if self.quadratic else ones

    def predict(self, x: Float) -> Any:
        """(M, outputs)."""
        return self._features(x) @ self.coefficients

    def learn(self, x: Float, y: Float, chance: np.random.Generator) -> None:
        """One step of recursive least squares, without forgetting."""
        features = self._features(x[None])[0]
        gain = self.covariance @ features
        gain /= 1 + features @ gain
        self.coefficients += np.outer(gain, y - features @ self.coefficients)
        self.covariance -= np.outer(gain, features @ self.covariance)

    def arrays(self) -> State:
        """Coefficients and their covariance."""
        return {"coefficients": self.coefficients, "covariance": self.covariance}
