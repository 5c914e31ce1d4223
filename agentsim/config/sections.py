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
)
from pydantic_core import CoreSchema

from agentsim.config.brain import Brain

Pacing = Literal["sleep", "hybrid", "none"]


class Section(BaseModel):
    """A part of the config: unknown keys are errors, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class WorldConfig(Section):
    """Which world: a Gymnasium id, and the keyword arguments of `gymnasium.make`."""

    id: str = Field(min_length=1)
    options: dict[str, Any] = {}


class MemberConfig(Section):
    """One of several brains in a world, on every how many ticks it acts and learns, and what to call it."""

    brain: Brain
    every: PositiveInt = 1
    brain_name: str = ""


class ClockConfig(Section):
    """The pace of a run. Wall time decides only when a tick runs, never what it computes.

    `pacing`: sleep until each due time; hybrid sleeps, then spins for at most 1 ms; none runs flat out.
    `overrun`, after a tick that ended too late: slip moves the clock, catch_up runs up to `max_catch_up` ticks back
    to back, skip drops the slots that have passed. `speed` scales the pace.
    """

    tick_hz: PositiveFloat = Field(default=60.0, ge=0.01, le=100_000)
    pacing: Pacing = "sleep"
    overrun: Literal["slip", "catch_up", "skip"] = "slip"
    max_catch_up: PositiveInt = 5
    speed: PositiveFloat = Field(default=1.0, ge=0.001, le=10_000)


class LearnConfig(Section):
    """How much learning a tick holds: a fixed number of steps (0: none), or, with `slack`, as many as fit before the
    deadline. `slack_margin` is the part of the period that is left free then."""

    steps_per_tick: NonNegativeInt = 1
    slack: bool = False
    slack_margin: FiniteFloat = Field(default=0.25, gt=0, lt=1)


class PhaseConfig(Section):
    """A stretch of simulated time on one task of the world."""

    task: str = Field(min_length=1)
    seconds: PositiveFloat


class RepeatedPhases(Section):
    """Phases that come again and again."""

    repeat: int = Field(ge=1, le=10_000)
    of: Annotated[tuple[PhaseConfig, ...], Field(min_length=1, max_length=1_000)]


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
    seconds: PositiveFloat | None = None
    checkpoint_every: PositiveFloat = 10.0
    hash_every: PositiveInt = 100
    probe_states: NonNegativeInt = Field(default=1000, le=100_000)
    tensorboard: bool = False
