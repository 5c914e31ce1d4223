"""What a study of evolution strategies is determined by. Nothing heavy is imported."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field, PositiveFloat

from agentsim.batch.settings import TrainingConfig
from brains.evolution.settings import EvolutionConfig

Size = Annotated[int, Field(ge=1, le=4096)]


class Workers(NamedTuple):
    """Who judges a generation: so many processes, on this machine or in the Ray cluster at an address, where None is
    one a core; without either the one process that asks."""

    number: int | None = None
    address: str | None = None


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
    """A policy of a small world, found by an evolution strategy from returns alone. A batch
    is a generation; both members of a pair begin alike."""

    least: ClassVar[str] = "`evolution: {population: ..., ...}` and `batches: ...`"
    example: ClassVar[str] = "evolution.sigma=0.1"
    rate: ClassVar[str] = "evolution.learning_rate"
    environment: ClassVar[str]
    lived_in: ClassVar[str]  # a shipped config of `agentsim run` that plays what comes out
    measure: ClassVar[str] = "return"  # what is tested and aimed at
    tasks: ClassVar[tuple[str, ...]] = ()  # of the world: episodes take turns
    searched_by: ClassVar[int] = 5  # episodes that random search judges a policy by
    scales: ClassVar[tuple[float, ...]]  # by which what is seen is multiplied
    target: ClassVar[float]  # the mean measure of 100 episodes that counts as solved

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
    lived_in: ClassVar[str] = "cartpole"
    scales: ClassVar[tuple[float, ...]] = (0.42, 0.5, 4.8, 0.5)
    target: ClassVar[float] = 475.0


class AcrobotConfig(ControlConfig):
    """Acrobot-v1."""

    mode: ClassVar[str] = "acrobot_es"
    environment: ClassVar[str] = "Acrobot-v1"
    lived_in: ClassVar[str] = "acrobot"
    scales: ClassVar[tuple[float, ...]] = (1.0, 1.0, 1.0, 1.0, 0.24, 0.106)
    target: ClassVar[float] = -90.0


class MountainCarConfig(ControlConfig):
    """MountainCar-v0."""

    mode: ClassVar[str] = "mountain_car_es"
    environment: ClassVar[str] = "MountainCar-v0"
    lived_in: ClassVar[str] = "mountain-car"
    scales: ClassVar[tuple[float, ...]] = (0.83, 14.3)
    target: ClassVar[float] = -110.0


class ArenaConfig(ControlConfig):
    """The chase / avoid arena: every other episode of a member is to avoid."""

    mode: ClassVar[str] = "arena_es"
    environment: ClassVar[str] = "agentsim/ChaseAvoid-v0"
    lived_in: ClassVar[str] = "arena"
    measure: ClassVar[str] = "score"
    tasks: ClassVar[tuple[str, ...]] = ("chase", "avoid")
    searched_by: ClassVar[int] = 6
    scales: ClassVar[tuple[float, ...]] = (0.3, 0.3, 0.3, 0.3, 3.0, 3.0, 0.3, 3.0)
    target: ClassVar[float] = 0.8

    ticks: Annotated[int, Field(ge=1, le=100_000)] = 60
    """That an episode of training lasts; those of validation and test last ten seconds at 60 Hz."""
    episodes: Annotated[int, Field(ge=2, le=1000, multiple_of=2)] = 2
    """Of each member in each generation, as many to chase as to avoid, the same for both of a pair, and for those of a
    share_group."""
    validation_episodes: Annotated[int, Field(ge=2, le=100_000, multiple_of=2)] = 100
    """Of each look at the unperturbed mean, always the same ones."""


class SequenceConfig(TrainingConfig):
    """A GRU that is to say which token comes next, found by an evolution strategy: nothing but losses of members of a
    population. A batch is a generation; the learning rate falls to 0 as a cosine does."""

    least: ClassVar[str] = "`evolution: {population: ..., ...}` and `batches: ...`"
    example: ClassVar[str] = "evolution.sigma=0.05"
    rate: ClassVar[str] = "evolution.learning_rate"
    skipped: ClassVar[int] = 0  # places at the beginning of a sequence that nobody could know
    bar: ClassVar[float]  # in nats, below it is solved

    evolution: EvolutionConfig
    """The strategy. Each share_group of pairs has sequences of its own."""
    method: Literal["evolution", "backprop"] = "evolution"
    """What learns: the strategy, or the same GRU from the same beginning by backprop and Adam, the control."""
    backprop_rate: PositiveFloat = 0.005
    """Of the control's Adam; it falls likewise."""
    backprop_sequences: Size = 32
    """Sequences of the control in each batch."""
    hidden: Size = 32
    """Units of the cell, and numbers of a token."""
    sequences: Size = 8
    """That a member is judged by in each generation, both of a pair by the same."""
    length: Size = 8
    """Tokens that are read of a sequence in training."""
    test_length: Size = 31
    """Tokens that are read of a sequence in validation and test."""
    test_sequences: Annotated[int, Field(ge=1, le=100_000)] = 256
    """Of validation and of the test, always the same ones."""


class CountConfig(SequenceConfig):
    """The next of tokens 0 to 15 is the last and 1, modulo 16, from a random one on: needs no memory."""

    mode: ClassVar[str] = "count_es"
    bar: ClassVar[float] = 0.01


class StrideConfig(SequenceConfig):
    """The next of tokens 0 to 15 is the last and k, modulo 16, k one of 1, 2, 3 in each sequence: needs memory. Nobody
    can know the second token, so that it does not count."""

    mode: ClassVar[str] = "stride_es"
    skipped: ClassVar[int] = 1
    bar: ClassVar[float] = 0.05


class TextConfig(SequenceConfig):
    """The next byte of a file; its first 8 tenths are learned, a tenth is validation, the last tenth the test."""

    mode: ClassVar[str] = "text_es"
    least: ClassVar[str] = "`evolution: {population: ..., ...}` and `minutes: ...`"

    data: str = ""
    """The file: what --data names."""
    digest: str = ""
    """Of what is in it, SHA-256, as --data finds it."""
