"""What training a net that dreams is determined by. Nothing heavy is imported."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from agentsim.batch.settings import TrainingConfig


class DreamConfig(TrainingConfig):
    """How a net learns to recognise digits and to dream them: half of the training images are its own, the other half
    is for the judge of its dreams. It is judged as it is in the end; the curve is only looked at."""

    mode: ClassVar[str] = "dream"
    least: ClassVar[str] = "`data: digits` and `batches: ...`"
    example: ClassVar[str] = "hidden=100"
    rate: ClassVar[str] = "learning_rate"

    data: Literal["digits", "mnist", "fashion-mnist"]
    """What is looked at."""
    hidden: Annotated[int, Field(ge=1, le=4_096)] = 200
    """Units of each label's pool."""
    images: Annotated[int, Field(ge=1, le=1_000)] = 50
    """Images of each label in a batch, and dreams of each label that go on from batch to batch."""
    named: Annotated[int, Field(ge=1, le=1_000)] = 10
    """How many of those images are named as well, at most."""
    naming: NonNegativeFloat = 0.2
    """What naming counts beside dreaming."""
    learning_rate: PositiveFloat = 0.1
    """Flat for a fifth of the training, then falls linearly to a hundredth."""
    steps: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Steps of a dream."""
    temperature: Annotated[float, Field(ge=1, le=100)] = 1.3
    """Where a dream begins; it falls to 1 after four fifths of the steps."""
    dreams: Annotated[int, Field(ge=2, le=100_000)] = 2_000
    """Dreams of each label that are judged, and that a classifier learns from."""
    eval_interval: PositiveInt = 1_000_000
    """Batches between looks at the whole validation set, of which the best is kept: by default only the last one."""
