"""What a stepping brain's YAML may say."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_serializer, model_validator
from pydantic_core import PydanticKnownError

from brains.gate import GateConfig
from brains.layers import Dense, Layer
from brains.rules import RULES


def _name_rules(schema: dict[str, Any]) -> None:
    schema["enum"] = list(RULES)


class Replay(BaseModel):
    """A ring of the last `capacity` labelled experiences; every learning step trains on `per_tick` random ones, of
    which a quarter come from the last `recent`. `learn.steps_per_tick` of the run says how many steps a tick has."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    capacity: int = Field(default=16384, ge=1, le=10_000_000)
    """Experiences that are remembered."""
    per_tick: int = Field(default=32, ge=1, le=65536)
    """How many random ones every learning step trains on."""
    recent: int = Field(default=60, ge=1)
    """A quarter of them come from the last so many."""


class Block(BaseModel):
    """Learn nothing for `block` ticks, then from each of them in time order, `epochs` times over; meanwhile the policy
    is stale."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)
    block: int = Field(ge=1, le=10_000_000)
    """Ticks without learning, before all of them are learned from in time order."""
    epochs: int = Field(default=1, ge=1, le=10_000)
    """How many times over."""


class Accumulate(BaseModel):
    """Apply the mean update of `accumulate` samples, each error with its own input."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)
    accumulate: int = Field(ge=1, le=1_000_000)
    """Samples whose mean update is applied."""


class Reward(BaseModel):
    """Learning from reward where the world has no teacher: stream AC(lambda) (Elsayed et al. 2024), whose steps are
    bounded by ObGD or those of Intentional Updates (arXiv 2604.19033), or, with `replay`, Q-learning, whose own are
    `exploration`, the share of actions taken at random, and `tracking`, the share of the way that the slow copy goes
    with every step."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True, use_attribute_docstrings=True
    )

    learning_rate: float = Field(default=1.0, gt=0)
    """ObGD's, before it bounds the step."""
    discount: float = Field(default=0.99, ge=0, le=1)
    """What a reward one tick later is worth."""
    trace_decay: float = Field(default=0.8, ge=0, le=1)
    """Lambda: how long the eligibility traces last."""
    kappa_policy: float = Field(default=3.0, gt=0)
    """ObGD's bound on the policy's overshoot: the larger, the smaller its steps."""
    kappa_value: float = Field(default=2.0, gt=0)
    """The same for the value."""
    entropy: float = Field(default=0.01, ge=0)
    """How much the policy's entropy is worth."""
    normalize_observation: bool = True
    """Whether observations are normalised by their running mean and variance."""
    scale_reward: bool = True
    """Whether rewards are divided by the running deviation of the return."""
    exploration: float = Field(default=0.05, ge=0, le=1)
    """Q-learning: the share of actions taken at random."""
    tracking: float = Field(default=0.005, gt=0, le=1)
    """Q-learning: the share of the way that the slow copy goes with every step."""
    optimizer: Literal["obgd", "intentional"] = "obgd"
    """What bounds a step: obgd, the overshoot; intentional, the change of the output that is wanted."""
    policy_change: float = Field(default=0.05, gt=0)
    """Intentional: how far log pi is to go, along its trace, where the error is as large as usual."""
    value_change: float = Field(default=0.5, gt=0)
    """Intentional: the share of an error by which the value is to change, along its trace."""
    delta_clip: float = Field(default=20.0, gt=0)
    """Intentional: the largest error, in running root mean squares of it."""

    @model_serializer(mode="wrap")
    def _without_what_is_not_used(self, serialize: Any) -> dict[str, Any]:
        """As it was written before there was another optimizer, where it is not used: digests are of this."""
        data: dict[str, Any] = serialize(self)
        intentional = ("optimizer", "policy_change", "value_change", "delta_clip")
        unused = self.optimizer == "obgd"
        return {name: value for name, value in data.items() if not (unused and name in intentional)}


class SteppingConfig(BaseModel):
    """A network that fires every layer on every tick (`stepping`) or makes one ordinary forward pass (`sequential`).

    `tile`: the observation is repeated until the input has that many numbers. `skip_to_output`: the read-out sees every
    hidden layer, the first of them one tick after the world (Skip-Sideways, arXiv 2106.08318).
    `brain_ticks_per_world_tick`: how often a stepping brain thinks while the world moves once. `explosion_detection`:
    Neural Tween's slower learning while its link gaps grow.

    `align` says which activations answer for now's label while stepping: instant, those of a fresh forward pass;
    pipeline, those that the output came from; sideways, those of now, one layer a tick (arXiv 2001.06232); now, those
    of now in a whole sweep, which is what the published Step+BP does and exact only for an input that stands still.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    kind: Literal["stepping"] = "stepping"
    """A stepping network."""
    backend: Literal["auto", "numba", "torch"] = "auto"
    """What computes it: numba (compiled), torch (the reference), or auto: numba."""
    execution: Literal["stepping", "sequential"] = "stepping"
    """stepping: every layer fires on every tick; sequential: one ordinary forward pass a tick."""
    tile: int | None = Field(default=None, ge=1, le=65536)
    """Repeat the observation until the input has that many numbers."""
    layers: Annotated[list[Layer], Field(min_length=1, max_length=256)]
    """The layers, from the input on; the last is the read-out."""
    skip_to_output: bool = False
    """Whether the read-out sees every hidden layer."""
    brain_ticks_per_world_tick: int = Field(default=1, ge=1, le=1000)
    """How often a stepping brain thinks while the world moves once."""
    readout: Literal["softmax", "sigmoid", "linear"] = "softmax"
    """The read-out's activation and loss: softmax with cross-entropy, sigmoid or linear with squared error."""
    rule: Annotated[str, Field(json_schema_extra=_name_rules)] = "backprop"
    """The learning rule."""
    schedule: Literal["every_tick"] | Block | Accumulate = "every_tick"
    """When it learns: every_tick, {block: K} or {accumulate: B}."""
    align: Literal["instant", "pipeline", "sideways", "now"] = "instant"
    """Which activations answer for now's label while stepping: instant, pipeline, sideways or now."""
    optimizer: Literal["sgd", "adam"] = "sgd"
    """How a gradient becomes an update."""
    learning_rate: float = Field(default=0.02, gt=0, le=100)
    """The size of an update."""
    momentum: float = Field(default=0.0, ge=0, lt=1)
    """Of sgd."""
    beta1: float = Field(default=0.9, ge=0, lt=1)
    """Of Adam: the mean's decay."""
    beta2: float = Field(default=0.99, ge=0, lt=1)
    """Of Adam: the variance's decay."""
    gradient_clip: float = Field(default=1.0, ge=0)
    """The largest norm of a gradient; 0: none."""
    replay: Replay | None = None
    """A memory to train on again; null: none."""
    gate: GateConfig | None = None
    """Which samples, of now and of memory, are learned; null: all of them, at once."""
    snapshot_every: int = Field(default=256, ge=1)
    """Updates between copies of the weights, to which a brain goes back from numbers that are not finite."""
    explosion_detection: bool = False
    """Neural Tween's slower learning while its link gaps grow."""
    depth_scale: float = Field(default=1.2, gt=0, le=10)
    """Neural Tween: how many times as large its errors and rate are, layer by layer below the output."""
    reward: Reward = Reward()
    """Learning from reward, where the world has no teacher."""

    @field_validator("rule", mode="before")
    @classmethod
    def _rule_is_known(cls, rule: Any) -> Any:
        if not (isinstance(rule, str) and rule in RULES):
            *others, last = (repr(name) for name in RULES)
            raise PydanticKnownError("literal_error", {"expected": f"{', '.join(others)} or {last}"})
        return rule

    @field_validator("layers")
    @classmethod
    def _layers_have_units(cls, layers: list[Layer]) -> list[Layer]:
        for i, layer in enumerate(layers[:-1]):
            if isinstance(layer, Dense) and layer.units is None:
                raise ValueError(f"layer {i} needs `units`; only the last may leave it to the world's actions")
        if not isinstance(layers[-1], Dense):
            raise ValueError(f"layer {len(layers) - 1} is the last, the read-out: it should be dense, add `- {{}}`")
        if layers[-1].activation is not None:
            raise ValueError(f"layer {len(layers) - 1} is the last: its activation is `readout`, remove `activation`")
        if layers[-1].normalize:
            raise ValueError(f"layer {len(layers) - 1} is the last: a read-out is not normalised, remove `normalize`")
        return layers

    @model_validator(mode="after")
    def _parts_fit(self) -> SteppingConfig:
        if self.replay is not None and self.schedule != "every_tick":
            raise ValueError("replay needs schedule: every_tick; remove one of the two")
        if self.gate is not None and self.schedule != "every_tick":
            raise ValueError("gate: it says when there is an update; leave out schedule")
        if self.gate is not None and self.gate.spike:
            raise ValueError("gate.spike is for brains that settle: leave it out")
        if isinstance(self.schedule, Block) and self.align in ("sideways", "now"):
            raise ValueError(f"a block schedule learns after the fact: it has no activations for align: {self.align}")
        if isinstance(self.schedule, Block) and self.align == "pipeline":
            raise ValueError("a block schedule runs a forward pass for each sample: use align: instant")
        if self.skips_are_other_waves and not RULES[self.rule].from_reward:
            exact = ", ".join(name for name, rule in RULES.items() if rule.from_reward)
            raise ValueError(
                f"skip_to_output with align: pipeline needs the gradient through several ticks' waves, which rule: "
                f"{self.rule} does not follow: use {exact}, or align: instant or sideways"
            )
        if self.brain_ticks_per_world_tick > 1 and self.execution == "sequential":
            raise ValueError("brain_ticks_per_world_tick: a sequential brain answers at once: remove it")
        if self.explosion_detection and not RULES[self.rule].explosion_detection:
            watched = ", ".join(name for name, rule in RULES.items() if rule.explosion_detection)
            raise ValueError(f"explosion_detection watches the links of rule: {watched}; remove one of the two")
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_used(self, serialize: Any) -> dict[str, Any]:
        """As it was written before these were keys, where they are not used: digests are of this."""
        data: dict[str, Any] = serialize(self)
        unused = {"depth_scale": 1.2, "gate": None}
        return {name: value for name, value in data.items() if name not in unused or value != unused[name]}

    @property
    def skips_are_other_waves(self) -> bool:
        """Whether the read-out learns from hidden layers that saw the world at different ticks."""
        mixed = self.skip_to_output and self.execution == "stepping" and len(self.layers) > 2
        return mixed and self.align == "pipeline"

    @property
    def period(self) -> int:
        """Ticks of a block or samples of an accumulated update; 1 otherwise."""
        if self.gate is not None:
            return self.gate.batch
        match self.schedule:
            case Block(block=ticks):
                return ticks
            case Accumulate(accumulate=samples):
                return samples
        return 1

    @property
    def brain_latency(self) -> int:
        """Brain ticks from an observation to the first output that can depend on it."""
        if self.execution == "sequential":
            return 0
        return min(1, len(self.layers) - 1) if self.skip_to_output else len(self.layers) - 1

    def misfit(self, observations: int, actions: int, discrete: bool, teacher: bool) -> str | None:
        """Why this brain cannot live in a body with so many observations and these actions, or None."""
        if self.tile is not None and self.tile < observations:
            return f"tile: {self.tile} is less than the world's {observations} observations: write more or leave it out"
        units, last = getattr(self.layers[-1], "units", None), len(self.layers) - 1
        if units is not None and units != actions:
            return (
                f"layers.{last}.units: {units} does not fit the world's {actions} actions: write that or leave it out"
            )
        if self.gate is not None and not (teacher and discrete):
            return "gate: it weighs labels that choose among actions, and this world has none: remove it"
        if teacher and not discrete and self.readout != "linear":
            return f"readout: {self.readout} chooses among actions, but the world's are continuous: use linear"
        if not teacher and not RULES[self.rule].from_reward:
            others = ", ".join(name for name, rule in RULES.items() if rule.from_reward)
            return f"rule: {self.rule} learns from a teacher's labels and this world has only reward: use {others}"
        if not teacher and self.schedule != "every_tick":
            return "schedule: learning from reward is every tick: remove it"
        if not teacher and self.replay is not None:
            return self._replay_misfit(discrete)
        if not teacher and self.execution == "stepping" and self.align != "pipeline":
            return "align: learning from reward while stepping needs the activations that acted: use pipeline"
        return None

    def _replay_misfit(self, discrete: bool) -> str | None:
        """Why this brain cannot learn from reward by replay, or None."""
        if not discrete:
            return "replay: Q-learning compares the values of actions, but the world's are continuous: remove it"
        if self.execution == "stepping":
            return "execution: learning from reward by replay needs the value of now: use sequential"
        if self.readout != "linear":
            return f"readout: {self.readout} cannot say what an action will earn: replayed rewards need linear"
        return None
