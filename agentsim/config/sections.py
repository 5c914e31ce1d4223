"""The config sections that the loop reads: world, clock, learn, phases and run.

They import nothing heavy, so that a config can be checked without torch, numba or a world.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    FiniteFloat,
    GetCoreSchemaHandler,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Tag,
    model_serializer,
)
from pydantic_core import CoreSchema

from agentsim.config.brain import Brain

Pacing = Literal["sleep", "hybrid", "none"]


class Section(BaseModel):
    """A part of the config: unknown keys are errors, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class HistoryConfig(Section):
    """What a body senses of the past: part of the observation, nothing after a reset."""

    observations: int = Field(default=1, ge=1, le=1000)
    """How many observations it senses, the present one and those before it."""
    actions: int = Field(default=0, ge=0, le=1000)
    """How many of the last actions it senses, the newest first; a choice as one-hot."""


class WorldConfig(Section):
    """Which world: a Gymnasium id, and the keyword arguments of `gymnasium.make`."""

    id: str = Field(min_length=1)
    """A Gymnasium id: one of `agentsim list`, any other that Gymnasium knows, or one registered with --import."""
    options: dict[str, Any] = {}
    """Keyword arguments of `gymnasium.make`, such as `max_episode_steps`."""
    wrappers: tuple[str | Annotated[dict[str, dict[str, Any]], Field(min_length=1, max_length=1)], ...] = ()
    """Wrappers by name, the innermost first, of gymnasium.wrappers or of a module named with --import: NAME, or
    {NAME: {option: value}}."""
    history: HistoryConfig = HistoryConfig()
    """What the body senses of the past."""
    label_noise: float = Field(default=0.0, ge=0, le=1)
    """The share of the teacher's labels in whose place stands any of the actions, by chance."""

    @model_serializer(mode="wrap")
    def _without_what_is_not_used(self, serialize: Any) -> dict[str, Any]:
        """As it was written before there were wrappers, a history and noise, where are none: digests are of this."""
        data: dict[str, Any] = serialize(self)
        return {name: value for name, value in data.items() if name in ("id", "options") or value not in _UNUSED[name]}


_UNUSED: dict[str, Any] = {"wrappers": ([], ()), "history": (HistoryConfig().model_dump(),), "label_noise": (0.0,)}


class MemberConfig(Section):
    """One of several brains in a world, on every how many ticks it acts and learns, and what to call it."""

    brain: Brain
    """The brain: a name, a path or a mapping {kind: ...}."""
    every: int = Field(default=1, gt=0, le=10_000)
    """It acts and learns on every so many ticks of the world."""
    brain_name: str = ""
    """What to call it."""
    actions: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)] | None = None
    """Which numbers of the body's action are its own, where several brains share one body."""

    @model_serializer(mode="wrap")
    def _without_what_is_not_used(self, serialize: Any) -> dict[str, Any]:
        """As it was written before brains could share a body, where they do not: digests are of this."""
        data: dict[str, Any] = serialize(self)
        return {name: value for name, value in data.items() if name != "actions" or value is not None}


class ClockConfig(Section):
    """The pace of a run. Wall time decides only when a tick runs, never what it computes.

    `pacing`: sleep until each due time; hybrid sleeps, then spins for at most 1 ms; none runs flat out.
    `overrun`, after a tick that ended too late: slip moves the clock, catch_up runs up to `max_catch_up` ticks back
    to back, skip drops the slots that have passed. `speed` scales the pace.
    """

    tick_hz: PositiveFloat = Field(default=60.0, ge=0.01, le=100_000)
    """Ticks in a second of simulated time."""
    pacing: Pacing = "sleep"
    """How to wait for a tick: sleep until it is due; hybrid sleeps, then spins for at most 1 ms; none runs flat
    out."""
    overrun: Literal["slip", "catch_up", "skip"] = "slip"
    """After a tick that ended too late: slip moves the clock, catch_up runs some ticks back to back, skip drops the
    slots that have passed."""
    max_catch_up: PositiveInt = 5
    """How many ticks catch_up runs back to back at most."""
    speed: PositiveFloat = Field(default=1.0, ge=0.001, le=10_000)
    """How many times as fast as simulated time the clock goes."""


class LearnConfig(Section):
    """How much learning a tick holds: a fixed number of steps (0: none), or, with `slack`, as many as fit before the
    deadline. `slack_margin` is the part of the period that is left free then."""

    steps_per_tick: int = Field(default=1, ge=0, le=100_000)
    """Learning steps in every tick; 0 switches learning off."""
    slack: bool = False
    """Whether to make as many learning steps as fit before the deadline, in place of a fixed number."""
    slack_margin: FiniteFloat = Field(default=0.25, gt=0, lt=1)
    """The share of the period that is left free then."""


class PhaseConfig(Section):
    """A stretch of simulated time on one task of the world."""

    task: str = Field(min_length=1)
    """The name of a task of the world."""
    seconds: PositiveFloat
    """How long it lasts, in simulated seconds."""


class RepeatedPhases(Section):
    """Phases that come again and again."""

    repeat: int = Field(ge=1, le=10_000)
    """How often they come."""
    of: Annotated[tuple[PhaseConfig, ...], Field(min_length=1, max_length=1_000)]
    """The phases, one after another."""


def _one_after_another(phases: tuple[PhaseConfig, ...] | RepeatedPhases) -> tuple[PhaseConfig, ...]:
    return phases.of * phases.repeat if isinstance(phases, RepeatedPhases) else phases


def _tag(phases: Any) -> str:
    return "RepeatedPhases" if isinstance(phases, dict | RepeatedPhases) else "list"


class _OneAfterAnother:
    """How a config reads its timetable: a list, or {repeat: N, of: [...]}, which becomes one."""

    @staticmethod
    def models_of(phases: Any) -> list[type[BaseModel]]:
        """What it may be made of."""
        return [PhaseConfig, RepeatedPhases]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        listed, repeated = Annotated[source, Tag("list")], Annotated[RepeatedPhases, Tag("RepeatedPhases")]
        either: Any = Annotated[listed | repeated, Discriminator(_tag), AfterValidator(_one_after_another)]
        return handler.generate_schema(either)


Phases = Annotated[tuple[PhaseConfig, ...], _OneAfterAnother()]


class RunConfig(Section):
    """How long, from which seed, and what is kept. Seconds are simulated ones: ticks / tick_hz."""

    seed: NonNegativeInt = 0
    """The seed of everything random."""
    seconds: PositiveFloat | None = None
    """How long the run is, in simulated seconds; without it, until it is ended."""
    checkpoint_every: PositiveFloat = 10.0
    """Simulated seconds between checkpoints."""
    hash_every: PositiveInt = 100
    """Ticks between rolling hashes of the state."""
    probe_states: NonNegativeInt = Field(default=1000, le=100_000)
    """Random states that a brain is asked about in the end; 0: none."""
    tensorboard: bool = False
    """Whether to write a TensorBoard log too."""
