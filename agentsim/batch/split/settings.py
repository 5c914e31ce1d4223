"""What learning digits two at a time is determined by. Nothing heavy is imported."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from agentsim.batch.settings import TrainingConfig

Replay = Literal["none", "dream", "gaussian", "mean", "real"]
TASKS = 5


class SplitConfig(TrainingConfig):
    """How a net learns 0 and 1, then 2 and 3, to 8 and 9: five tasks of equally many batches. It names all that it has
    met, and is never told which task an image is of."""

    mode: ClassVar[str] = "split_mnist"
    version: ClassVar[int] = 2  # young pools are judged among themselves
    least: ClassVar[str] = "`data: mnist` and `batches: ...`"
    example: ClassVar[str] = "replay=gaussian"
    rate: ClassVar[str] = "learning_rate"

    data: Literal["digits", "mnist", "fashion-mnist"] = "mnist"
    """What is looked at."""
    replay: Replay = "dream"
    """What stands in for images of old labels: the net's own dreams, draws of a Gaussian of rank 40 a label, the mean
    image, real images, or nothing."""
    old_pools: Literal["learn", "fixed"] = "learn"
    """Whether pools of old labels learn too, from the replay alone; fixed: only their c does. Without replay they
    cannot but be fixed."""
    most: PositiveInt = 3_000
    """Images of a label, at most."""
    replayed: Annotated[int, Field(ge=2, le=100_000)] = 1_000
    """Dreams or draws of each old label, made when a task begins and dropped when it ends; of real images a half as
    many are kept."""
    steps: Annotated[int, Field(ge=1, le=100_000)] = 100
    """Steps of a dream."""
    hidden: Annotated[int, Field(ge=1, le=4_096)] = 100
    """Units of each label's pool."""
    images: Annotated[int, Field(ge=1, le=1_000)] = 50
    """Images of each label in a batch, and dreams of each label that go on from batch to batch."""
    named: Annotated[int, Field(ge=1, le=1_000)] = 10
    """How many of those images are named as well, at most."""
    naming: NonNegativeFloat = 0.2
    """What naming counts beside dreaming."""
    learning_rate: PositiveFloat = 0.05
    """Flat for a fifth of each task, then falls linearly to a hundredth."""
    eval_interval: PositiveInt = 1_000_000
    """Batches between looks at the whole validation set, of which the best is kept: by default only the last one."""

    @model_validator(mode="after")
    def _whole_tasks(self) -> SplitConfig:
        """How long a task is has to be known when it begins."""
        if self.batches is None or self.batches % TASKS:
            raise ValueError(f"give batches, a multiple of the {TASKS} tasks, in the place of minutes")
        return self

    @property
    def per_task(self) -> int:
        """Batches of each task."""
        return (self.batches or 0) // TASKS
