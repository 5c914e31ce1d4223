"""What training a V is determined by: `load("max-pool")` or `load("anywhere/mine.yaml")` gives a CollatzConfig.

Nothing heavy is imported, so that a config can be checked without torch or numba.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, FiniteFloat, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from agentsim.batch import settings
from agentsim.batch.settings import TrainingConfig
from agentsim.config.sections import Section
from brains.stepping.settings import SteppingConfig

Units = tuple[Annotated[int, Field(ge=1, le=65_536)], ...]
Share = Annotated[float, Field(ge=0, le=1)]


# --- networks: `without` names groups of features that are left out, for an ablation by training again -----------


class PublishedNetwork(Section):
    """The published multilayer perceptron. `linear`: no hidden layer; `k_only`: halvings are all it sees, `k_shifted`:
    their middle is 0; `adaptive`: the share of the drift in the anchor is learned."""

    kind: Literal["published"] = "published"
    """The published multilayer perceptron."""
    hidden: Units = (2048, 1024, 1024, 512, 512, 512, 256, 128, 64)
    """Units of the hidden layers."""
    linear: bool = False
    """Whether to leave the hidden layers out."""
    k_only: bool = False
    """Whether halvings are all it sees."""
    k_shifted: bool = False
    """Whether their middle is 0."""
    adaptive: bool = False
    """Whether the share of the drift in the anchor is learned."""
    without: tuple[Literal["magnitude", "residues", "drift", "halvings"], ...] = ()
    """Groups of features that are left out."""

    @model_validator(mode="after")
    def _sees_something(self) -> PublishedNetwork:
        """At least one group is left."""
        groups = {"halvings"} if self.k_only else {"magnitude", "residues", "drift", "halvings"}
        if not groups - set(self.without):
            raise ValueError("without: leaves nothing to see; take a group out of it")
        return self


class PrefixNetwork(Section):
    """A multilayer perceptron over prefix sums, (x_j - x_0) / 4."""

    kind: Literal["prefix"] = "prefix"
    """A multilayer perceptron over prefix sums."""
    hidden: Units = (256, 128)
    """Units of the hidden layers."""
    without: tuple[Literal["magnitude", "residues", "one"], ...] = ()
    """Groups of features that are left out."""


class MaxPoolNetwork(Section):
    """V(n) = .1 + max_j (phi(x_j) + a_j); a soft maximum in training, as `temperature` falls from first to last."""

    kind: Literal["max_pool"] = "max_pool"
    """A maximum over the window."""
    units: NonNegativeInt = 16
    """Units of the learned curve."""
    temperature: tuple[PositiveFloat, PositiveFloat] = (0.3, 0.01)
    """Of the soft maximum in training, first and last."""
    without: tuple[Literal["curve", "tilt"], ...] = ()
    """Groups of features that are left out."""


class TwoSidedNetwork(Section):
    """V(n) = 100 + ln n + MLP(prefix sums of what comes after n; what may come before it), for short windows.

    What may come before: the bounds of F mod 3, 9, ... 3^`bounds_power`, and a learned vector of `residue_units` for
    every n mod 3^`residue_power`.
    """

    kind: Literal["two_sided"] = "two_sided"
    """What comes after n, and what may come before it."""
    hidden: Units = (256, 128)
    """Units of the hidden layers."""
    bounds_power: Annotated[int, Field(ge=1, le=13)] = 12
    """The bounds of F mod 3, 9, ... up to 3 to this power."""
    residue_power: Annotated[int, Field(ge=1, le=10)] = 8
    """A vector for every n modulo 3 to this power."""
    residue_units: Annotated[int, Field(ge=1, le=1_024)] = 16
    """Numbers in that vector."""
    without: tuple[Literal["bounds", "residues"], ...] = ()
    """Groups of features that are left out."""


class SteppingNetwork(Section):
    """V(n) = ln n + what a stepping brain answers; numbers stream through it, one a tick. It learns by its own rule, at
    its own rate, from a teacher who wants V moved by `step` times mu at most, at first and at last."""

    kind: Literal["stepping"] = "stepping"
    """What a stepping brain answers."""
    brain: SteppingConfig
    """The brain."""
    step: tuple[PositiveFloat, PositiveFloat] = (1.0, 0.1)
    """How far, in mu, its teacher wants V moved at most, at first and at last."""


GradientNetwork = PublishedNetwork | PrefixNetwork | MaxPoolNetwork | TwoSidedNetwork
Network = Annotated[GradientNetwork | SteppingNetwork, Field(discriminator="kind")]


# --- losses ------------------------------------------------------------------------------------------------------


class HingeLoss(Section):
    """The published loss: a hinge weighted by whether n grows and whether it is on a hard orbit, and an anchor.

    `t4`, `t8`: the weight of the same hinge from n to T^4(n) and T^8(n), published as .5 and .2 where they are on;
    `split`: the hinge is taken on the hard part of a batch only. The weight of the anchor, MSE to ln n + .35 drift, is
    1 for `anchor_batches`, then falls geometrically to `anchor_end` in `anchor_decay_batches`.
    """

    kind: Literal["hinge"] = "hinge"
    """The published loss."""
    margin: PositiveFloat = 0.05
    """By how much V should fall."""
    growth_weight: NonNegativeFloat = 10.0
    """Weight of a step that grows."""
    decay_weight: NonNegativeFloat = 1.0
    """Weight of a step that falls."""
    hard_growth_weight: NonNegativeFloat = 20.0
    """The first on a hard orbit."""
    hard_decay_weight: NonNegativeFloat = 2.0
    """The second on a hard orbit."""
    t4: NonNegativeFloat = 0.0
    """Weight of the hinge four steps ahead."""
    t8: NonNegativeFloat = 0.0
    """Weight of the hinge eight steps ahead."""
    split: bool = False
    """Whether the hinge is taken on the hard part of a batch only."""
    anchor: bool = True
    """Whether V is held near ln n."""
    anchor_batches: NonNegativeInt = 1_000
    """Batches with the whole anchor."""
    anchor_decay_batches: PositiveInt = 5_000
    """Batches in which it then falls."""
    anchor_end: PositiveFloat = 0.001
    """What it falls to."""
    anchor_drift: FiniteFloat = 0.35
    """The share of the drift in it."""

    def weight(self, steps: int) -> float:
        """Of the hinge from n to T^steps(n)."""
        return {1: 1.0, 4: self.t4, 8: self.t8}[steps]

    @property
    def ahead(self) -> list[int]:
        """The steps to the terms that are on."""
        return [steps for steps in (1, 4, 8) if self.weight(steps) > 0]


class LogLoss(Section):
    """log1p(relu(mu - m) / mu) of margins m, as `mu` falls from first to last; growth steps count `growth_weight`
    times."""

    kind: Literal["log"] = "log"
    """log1p(relu(mu - m) / mu) of margins m."""
    mu: tuple[PositiveFloat, PositiveFloat] = (0.2, 0.05)
    """First and last."""
    growth_weight: PositiveFloat = 1.0
    """How many times a step that grows counts."""

    @property
    def ahead(self) -> list[int]:
        """The steps to the terms that are on."""
        return [1]


Loss = Annotated[HingeLoss | LogLoss, Field(discriminator="kind")]


# --- what is trained on, and how ---------------------------------------------------------------------------------


class Mining(Section):
    """Every so many batches, the worst of many random numbers are kept and trained on again, each of those that are
    kept being in a batch with a probability."""

    every: PositiveInt = 500
    """Batches between searches."""
    worst: PositiveInt = 50
    """Numbers that are kept of a search."""
    of: PositiveInt = 5_000
    """Random numbers that are searched."""
    kept: PositiveInt = 1_000
    """Numbers that are kept in all."""
    probability: Share = 0.3
    """Of each of them being in a batch."""


class Sampling(Section):
    """A share of every batch is from hard orbits, the rest random, and a share of the latter made to climb at first.

    `curriculum` is the number of batches over which the hard seeds come in, one by one (published: 50,000); without it
    all are there from the start.
    """

    batch: PositiveInt = 1_024
    """Numbers in a batch."""
    hard_share: Share = 0.25
    """The share from hard orbits."""
    climbing_share: Share = 0.0
    """The share of the others that is made to climb at first."""
    interior_share: Share = 0.0
    """The share of the others from inside an orbit."""
    bits: tuple[Annotated[int, Field(ge=2, le=128)], Annotated[int, Field(ge=16, le=128)]] = (3, 125)
    """Fewest and most bits of a random number."""
    curriculum: PositiveInt | None = None
    """Batches over which the hard seeds come in, one by one."""
    mining: Mining | None = None
    """Training again on what was worst; null: none."""

    @model_validator(mode="after")
    def _in_order(self) -> Sampling:
        """From fewer bits to more."""
        if self.bits[0] > self.bits[1]:
            raise ValueError("bits: give the smaller number first")
        if self.climbing_share + self.interior_share > 1:
            raise ValueError("climbing_share and interior_share: are more than all together; give less")
        return self


class Optimizer(Section):
    """AdamW. `plateau`: the rate halves whenever the loss has not fallen for `patience` batches; `cosine`: it falls to
    0 by the end of the training."""

    learning_rate: PositiveFloat = 1e-3
    """AdamW's."""
    weight_decay: NonNegativeFloat = 0.01
    """AdamW's."""
    schedule: Literal["plateau", "cosine", "constant"] = "plateau"
    """plateau: the rate falls when the loss does not; cosine: to 0 by the end; constant."""
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """By which the rate falls on a plateau."""
    patience: NonNegativeInt = 2_000
    """Batches that a plateau lasts."""


class Search(Section):
    """A V and how it learns."""

    lookahead: Annotated[int, Field(ge=1, le=1_000)] = 100
    """How many halving counts of n are seen."""
    network: Network
    """V."""
    loss: Loss = LogLoss()
    """What is made small."""
    sampling: Sampling = Sampling()
    """What it is trained on."""
    optimizer: Optimizer = Optimizer()
    """How a gradient becomes an update."""


class CollatzConfig(TrainingConfig, Search):
    """How a V is trained, and for how long. (The keys of Search come first: digests of what is kept have them so.)"""

    mode: ClassVar[str] = "collatz"
    least: ClassVar[str] = "`network: {kind: ...}` and `minutes: ...`"
    example: ClassVar[str] = "lookahead=50"

    @model_validator(mode="after")
    def _brain_learns_by_its_own_rule(self) -> CollatzConfig:
        """What a stepping brain has no use for."""
        if isinstance(self.network, SteppingNetwork):
            if not isinstance(self.loss, LogLoss) or self.loss.growth_weight != 1:
                raise ValueError("loss: a stepping brain learns from {kind: log} with growth_weight 1 alone")
            if self.optimizer != Optimizer():
                raise ValueError("optimizer: a stepping brain has its own, in network.brain; leave this one out")
        return self


def names() -> list[str]:
    """Names of the shipped configs."""
    return settings.names(CollatzConfig.mode)


def load(source: str | Path, overrides: Sequence[str] = ()) -> CollatzConfig:
    """Read and check a config, as `agentsim.batch.settings.load` does. Raises UserError."""
    return settings.load(CollatzConfig, source, overrides)
