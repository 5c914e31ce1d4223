"""What a policy gradient is determined by. Nothing heavy is imported: a config can be checked without torch."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from agentsim.batch.settings import TrainingConfig
from agentsim.config.sections import Section

Share = Annotated[float, Field(ge=0, le=1)]


class EqPropSettings(Section):
    """A network that settles; its gradient is how its minimum moves when the output is pushed along the loss."""

    kind: Literal["eqprop"] = "eqprop"
    """Settles, and learns by equilibrium propagation."""
    beta: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """How strongly the output is nudged, to both sides."""
    free_sweeps: NonNegativeInt = 5
    """Sweeps of the free phase, after a pass upwards."""
    nudged_sweeps: PositiveInt = 3
    """Sweeps of each nudged phase."""
    gain: Annotated[float, Field(gt=0, le=1)] = 1.0
    """gamma, by which what comes down is scaled, at most."""
    homeostasis: PositiveFloat | None = 0.5
    """The bound that gamma times the largest squared singular value is held at; null: gamma never falls."""


class BackpropSettings(Section):
    """A feed-forward network of the same shape, which learns by backprop: the baseline."""

    kind: Literal["backprop"] = "backprop"
    """Feed-forward, learns by backprop."""


class PolicyConfig(TrainingConfig):
    """How CartPole-v1 is learned by proximal policy optimisation. A batch is one iteration: environments x horizon
    steps, and then so many epochs of learning from all of them at once."""

    mode: ClassVar[str] = "cartpole_pg"
    least: ClassVar[str] = "`engine: {kind: ...}` and `batches: ...`"
    example: ClassVar[str] = "engine.beta=0.1"
    rate: ClassVar[str] = "learning_rate"

    engine: Annotated[EqPropSettings | BackpropSettings, Field(discriminator="kind")]
    """What gives the gradient."""
    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=4_096)], ...], Field(min_length=1, max_length=8)] = (64, 64)
    """Units of the hidden layers, tanh."""
    initial_gain: PositiveFloat = 0.7
    """The singular values of the weights between hidden layers, at first."""
    environments: Annotated[int, Field(ge=1, le=1_024)] = 8
    """How many are lived in at once."""
    horizon: Annotated[int, Field(ge=1, le=4_096)] = 32
    """Steps in each of them before it learns."""
    epochs: Annotated[int, Field(ge=1, le=1_000)] = 20
    """Updates from the same steps."""
    discount: Share = 0.98
    """What a reward is worth one step later."""
    trace: Share = 0.8
    """lambda of the generalised advantage estimate."""
    learning_rate: PositiveFloat = 1e-3
    """Of Adam; falls linearly to 0."""
    clip: PositiveFloat = 0.2
    """How far the ratio of probabilities may leave 1 and still teach; falls linearly to 0."""
    value_coefficient: NonNegativeFloat = 0.5
    """What the squared error of the value counts beside the policy's loss."""
    gradient_norm: PositiveFloat = 0.5
    """A longer gradient is cut to this length."""
    reward_scale: PositiveFloat = 0.1
    """By which rewards are multiplied."""
    observation_noise: NonNegativeFloat = 0.0
    """Standard deviation of the noise on everything seen, also while it is tested."""
    reward_noise: NonNegativeFloat = 0.0
    """Standard deviation of the noise on every reward, before it is scaled."""
    validation_episodes: Annotated[int, Field(ge=1, le=10_000)] = 20
    """Episodes of each look at how far it is, always the same ones."""
    eval_interval: PositiveInt = 10
    """Batches between looks at the validation episodes."""
    quick_eval_interval: PositiveInt = 10
    """Batches between looks at the first few of them."""

    @property
    def steps(self) -> int:
        """Of one batch."""
        return self.environments * self.horizon
