"""What the YAML of a brain that settles may say."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_serializer, model_validator

from brains.gate import GateConfig
from brains.stepping.settings import Replay


class StrideConfig(BaseModel):
    """No phases: what acts goes on settling from tick to tick, and pairs of states that never stop, one nudged towards
    a label and one away from it, learn in lanes that hold a remembered sample each."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    sweeps: int = Field(default=1, ge=1, le=10_000)
    """Parallel sweeps a tick; where they reach the outputs, what acts starts from a pass upwards."""
    lanes: int = Field(default=128, ge=1, le=65536)
    """Samples that are held at a time."""
    hold: int = Field(default=8, ge=1, le=10_000)
    """Sweeps after which a lane gets another sample, to its states as they are."""
    ripe: int = Field(default=6, ge=1, le=10_000)
    """Sweeps from which on a sample teaches."""

    @model_validator(mode="after")
    def _ripens(self) -> StrideConfig:
        """Some sample must teach."""
        if self.ripe > self.oldest:
            raise ValueError(f"ripe: {self.ripe} is never reached: samples leave after {self.oldest} sweeps")
        return self

    @property
    def oldest(self) -> int:
        """Sweeps that a sample has had in its last tick."""
        return -(-self.hold // self.sweeps) * self.sweeps


class DreamsConfig(BaseModel):
    """Dreams in place of memory: of what is older than the replay's capacity only a mean and a covariance are kept for
    each task and label, an energy, from which a share of each batch is drawn."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    share: float = Field(default=0.5, ge=0, le=1)
    """Of each batch that is dreamed; the rest is remembered."""
    task: int | None = Field(default=None, ge=0)
    """Which observation says which of two tasks it is, 0 or 1; null: there is one task."""
    spread: Literal["full", "diagonal", "none"] = "full"
    """How dreams vary about the mean of their pool: as experiences did, each number by itself, or not at all."""
    least: int = Field(default=8, ge=1)
    """Experiences of a pool before it is dreamed of."""


class EqPropConfig(BaseModel):
    """A network that settles into a minimum of its energy, and learns by equilibrium propagation from a teacher's
    labels; Adam with beta1 .9.

    `gated`: the first layer is driven by a product of two sums of the input. `homeostasis` holds gamma sigma^2, by
    which what comes down returns, below a bound: without it the settling falls apart as weights grow.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    kind: Literal["eqprop"] = "eqprop"
    """A network that settles."""
    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=65536)], ...], Field(min_length=1, max_length=64)] = (64,)
    """Units of the hidden layers, from the input on."""
    units: Literal["rational_tanh", "tanh", "sigmoid", "clip", "clip2"] = "rational_tanh"
    """What hidden units are: smooth, or clipped to 0..1 or 0..2."""
    cost: Literal["cross_entropy", "squared_error"] = "cross_entropy"
    """cross_entropy of linear outputs; squared_error, of clipped ones where hidden units are clipped."""
    gated: bool = True
    """Whether the first layer is driven by (x A + a)(x G + g), a product, and not by x A + a alone."""
    rule: Literal["eqprop", "backprop"] = "eqprop"
    """Where the gradient comes from: two nudged phases, or backprop through the same network without feedback."""
    free_sweeps: int = Field(default=2, ge=0, le=10_000)
    """Sweeps of the free phase, after a pass upwards."""
    nudged_sweeps: int = Field(default=1, ge=1, le=10_000)
    """Sweeps of each of the two nudged phases."""
    beta: float = Field(default=0.2, gt=0, le=10)
    """How strongly the outputs are pulled towards the label, and away from it."""
    temperature: float = Field(default=3.0, gt=0, le=100)
    """Kappa, by which outputs are multiplied in the softmax; above 1 it keeps the weights small."""
    gain: float = Field(default=1.0, gt=0, le=1)
    """Gamma, by which what comes down is multiplied, at most."""
    homeostasis: float | None = Field(default=0.5, gt=0)
    """The bound of gamma sigma^2, sigma the largest singular value of a layer's weights; null: gamma stays."""
    learning_rate: float = Field(default=0.006, gt=0, le=100)
    """Of Adam."""
    beta2: float = Field(default=0.99, ge=0, lt=1)
    """Of Adam: the variance's decay."""
    weight_decay: float = Field(default=0.0, ge=0)
    """The share of the weights, times the rate, that every update takes away."""
    replay: Replay | None = Replay()
    """A memory of labelled experiences, of which every learning step draws a batch; null: it learns from the present
    one."""
    dreams: DreamsConfig | None = None
    """What stands in for a long memory; null: nothing."""
    gate: GateConfig | None = None
    """Which samples of these are learned; null: all of them, at once."""
    stride: StrideConfig | None = None
    """Learning and acting without phases, an update a tick; null: with phases."""

    @model_validator(mode="after")
    def _stride_fits(self) -> EqPropConfig:
        """What lanes need, and what they have no use for."""
        if self.stride and (self.rule != "eqprop" or self.replay is None or self.gate):
            raise ValueError("stride: goes with rule: eqprop and a replay, and without a gate")
        return self

    @model_validator(mode="after")
    def _dreams_fit(self) -> EqPropConfig:
        """Dreams are mixed with what is remembered, and learned at once."""
        if self.dreams and (self.replay is None or self.gate or self.stride):
            raise ValueError("dreams: go with a replay, short as it may be, and without a gate and a stride")
        return self

    @model_validator(mode="after")
    def _rule_fits(self) -> EqPropConfig:
        """What backprop has a kernel for."""
        if self.rule == "backprop" and (self.units != "rational_tanh" or self.cost != "cross_entropy"):
            raise ValueError("rule: backprop goes with units: rational_tanh and cost: cross_entropy")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_used(self, serialize: Any) -> dict[str, Any]:
        """As it was written before there were dreams, where there are none: digests are of this."""
        data: dict[str, Any] = serialize(self)
        return {name: value for name, value in data.items() if name != "dreams" or value is not None}

    def core(self, observations: int, actions: int) -> dict[str, Any]:
        """The arguments of its `Core` in a body with so many observations and actions."""
        keys = {"cost", "gated", "rule", "free_sweeps", "nudged_sweeps", "beta", "temperature", "gain", "homeostasis"}
        own = self.model_dump(include=keys | {"learning_rate", "beta2", "weight_decay", "gate", "stride"})
        clipped = self.cost == "squared_error" and self.units in ("clip", "clip2")
        units = [self.units] * len(self.hidden) + ["clip" if clipped else "linear"]
        return {"sizes": (observations, *self.hidden, actions), "units": units, **own}


class QuadraticConfig(BaseModel):
    """The control of every network that multiplies: softmax regression on all products of two observations and on the
    observations, with the same memory and the same Adam."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    kind: Literal["quadratic"] = "quadratic"
    """Softmax regression on the monomials of degree 1 and 2."""
    learning_rate: float = Field(default=0.006, gt=0, le=100)
    """Of Adam."""
    beta2: float = Field(default=0.99, ge=0, lt=1)
    """Of Adam: the variance's decay."""
    weight_decay: float = Field(default=0.0, ge=0)
    """The share of the weights, times the rate, that every update takes away."""
    replay: Replay | None = Replay()
    """A memory of labelled experiences, of which every learning step draws a batch; null: it learns from the present
    one."""

    def core(self, observations: int, actions: int) -> dict[str, Any]:
        """The arguments of its `Core` in a body with so many observations and actions."""
        own = self.model_dump(include={"learning_rate", "beta2", "weight_decay"})
        monomials = observations + observations * (observations + 1) // 2
        regression: dict[str, Any] = {"rule": "backprop", "temperature": 1.0, "homeostasis": None}
        return {"sizes": (monomials, actions), "units": ["linear"], **regression, **own}
