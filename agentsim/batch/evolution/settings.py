"""What a study of evolution strategies is determined by. Nothing heavy is imported."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat

from agentsim.batch.settings import TrainingConfig
from brains.evolution.settings import EvolutionConfig

Size = Annotated[int, Field(ge=1, le=4096)]


class RegressionConfig(TrainingConfig):
    """A matrix that is to be found from products with it: Y = X W_t', W_t of N(0, 1), X fresh in every generation. A
    batch is a generation."""

    mode: ClassVar[str] = "regression_es"
    least: ClassVar[str] = "`evolution: {population: ..., ...}` and `batches: ...`"
    example: ClassVar[str] = "evolution.sigma=0.1"
    rate: ClassVar[str] = "relative_rate or evolution.learning_rate"

    evolution: EvolutionConfig
    """The strategy."""
    relative_rate: PositiveFloat | None = None
    """The learning rate as a share of (1 / L) P / (P + c - 1), by which a raw estimate falls fastest (L the curvature,
    P the pairs, c of the exact cosine); null: evolution.learning_rate as it is."""
    inputs: Size = 64
    """Columns of the matrix."""
    outputs: Size = 16
    """Rows of the matrix."""
    samples: Size = 256
    """Rows of X."""
    start: PositiveFloat = 0.1
    """Standard deviation of the first weights."""
    fitness: Literal["loss", "perfect"] = "loss"
    """What a pair is judged by: its members' mean squared errors, or <E, gradient> itself, the estimator alone."""
    broken: Literal["no", "aliasing", "scale", "mismatch", "float16", "clip"] = "no"
    """A mistake of the published study, to see what it does: noise of pair + generation, so that directions come again
    and again; noise in the forward pass larger by sqrt(inputs) than in the update; a forward pass over sqrt(inputs),
    of which the true gradient knows nothing; squared errors summed in float16; weights clipped at 3, below the largest
    target."""


class ControlConfig(TrainingConfig):
    """A policy of one of Gymnasium's classic control worlds, found by an evolution strategy from returns alone. A batch
    is a generation; both members of a pair begin alike."""

    least: ClassVar[str] = "`evolution: {population: ..., ...}` and `batches: ...`"
    example: ClassVar[str] = "evolution.sigma=0.1"
    rate: ClassVar[str] = "evolution.learning_rate"
    environment: ClassVar[str]
    scales: ClassVar[tuple[float, ...]]  # by which what is seen is multiplied
    target: ClassVar[float]  # the mean return of 100 episodes that counts as solved

    evolution: EvolutionConfig
    """The strategy."""
    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=512)], ...], Field(max_length=4)] = (32,)
    """Units of the hidden layers, rational tanh."""
    episodes: Annotated[int, Field(ge=1, le=1000)] = 1
    """Of each member in each generation, the same for both of a pair, and for those of a share_group."""
    validation_episodes: Annotated[int, Field(ge=1, le=100_000)] = 100
    """Of each look at the unperturbed mean, always the same ones."""


class CartPoleConfig(ControlConfig):
    """CartPole-v1."""

    mode: ClassVar[str] = "cartpole_es"
    environment: ClassVar[str] = "CartPole-v1"
    scales: ClassVar[tuple[float, ...]] = (0.42, 0.5, 4.8, 0.5)
    target: ClassVar[float] = 475.0


class AcrobotConfig(ControlConfig):
    """Acrobot-v1."""

    mode: ClassVar[str] = "acrobot_es"
    environment: ClassVar[str] = "Acrobot-v1"
    scales: ClassVar[tuple[float, ...]] = (1.0, 1.0, 1.0, 1.0, 0.24, 0.106)
    target: ClassVar[float] = -90.0


class MountainCarConfig(ControlConfig):
    """MountainCar-v0."""

    mode: ClassVar[str] = "mountain_car_es"
    environment: ClassVar[str] = "MountainCar-v0"
    scales: ClassVar[tuple[float, ...]] = (0.83, 14.3)
    target: ClassVar[float] = -110.0
