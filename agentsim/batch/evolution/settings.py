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
