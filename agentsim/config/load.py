"""A config joined from its parts: YAML -> validated models, with errors that name file, line and key.

`load_config("arena")` or `load_config("anywhere/mine.yaml")`; the loop's sections are in sections.py, a brain's
`Config` belongs to its class. Here they are only put together by name.
Configs hold data only: no tag, no world id and no brain kind in a file makes agentsim import a module that is not
already part of it or named by the person on the command line.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr, model_serializer

from agentsim.config import located_yaml
from agentsim.config.brain import WANTED, Brain, BrainConfig, checked
from agentsim.config.located_yaml import Located, Location
from agentsim.config.naming import BRAIN, brain_locations, check_number, put_brains, resolve_brain
from agentsim.config.sections import (
    ClockConfig,
    LearnConfig,
    MemberConfig,
    Phases,
    RunConfig,
    Section,
    WorldConfig,
)
from agentsim.config.sources import (
    configs_directory,
    extended,
    find,
    mapping_in,
    names_in,
    override,
    parse_override,
)
from agentsim.config.validation import Problem, everything_wrong, suggest, validate
from agentsim.errors import UserError
from agentsim.system.files import is_there

MOST_TICKS = 2**53  # up to there seconds * tick_hz is exact


class _Written:
    """Where the values of a config were written. No part of what it says: any two are equal."""

    def __init__(self, source: Located | None = None) -> None:
        self.source = source

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Written)

    __hash__ = None  # type: ignore[assignment]


class Config(Section):
    """Everything a run is determined by, besides the commands of the person watching. See configs/arena.yaml.

    `brain` is a mapping {kind, and all keys of that kind's own model}; `brain_name` is what to call it.
    `brains`, instead, names several, in a world of several agents: agent or role -> a brain and its divider; in a
    world of one agent it may hold one, under any name, for its divider.
    `phases` is a timetable of tasks, a list or {repeat: N, of: [...]}; after the last one the task stays.
    """

    world: WorldConfig
    """The world."""
    brain: Brain | None = None
    """The brain: a name, a path or a mapping {kind: ...}."""
    brain_name: str = ""
    """What to call it."""
    brains: dict[str, MemberConfig] = Field(default={})
    """In place of `brain`, several: an agent or a role -> {brain, every}; or one that acts on every so many ticks."""
    clock: ClockConfig = ClockConfig()
    """The pace."""
    learn: LearnConfig = LearnConfig()
    """How much learning a tick holds."""
    phases: Phases = ()
    """A timetable of tasks: a list, or {repeat: N, of: [...]}; after the last one the task stays."""
    run: RunConfig = RunConfig()
    """How long, from which seed, and what is kept."""

    _written: _Written = PrivateAttr(default_factory=_Written)

    def located(self, message: str) -> str:
        """A message that starts with a key, "brain.layers.1.units: ...", after the file and line it was written in."""
        key = re.match(r"[\w.-]+(?=:)", message)
        if key is None or self._written.source is None or key[0].split(".")[0] not in type(self).model_fields:
            return message
        place = self._written.source.place(tuple(int(part) if part.isdecimal() else part for part in key[0].split(".")))
        return f"{place}: {message}" if place else message

    def written(self, location: Location) -> str:
        """Where the value at this place was written: file and line, an option, or "default"."""
        source = self._written.source
        return (source.places.get(location) if source else None) or "default"

    @model_serializer(mode="wrap")
    def _without_what_is_not_used(self, serialize: Any) -> dict[str, Any]:
        """One brain, or several: not both."""
        data: dict[str, Any] = serialize(self)
        data.pop("brain" if self.brains else "brains", None)
        return data

    @property
    def name_of_brain(self) -> str:
        """What to call the brain, or the several ones."""
        if self.brains:
            return ", ".join(f"{name} {m.brain_name or m.brain.kind}" for name, m in self.brains.items())
        return self.brain_name or self.one_brain.kind

    @property
    def one_brain(self) -> BrainConfig:
        """The brain of a config with one. Raises UserError for a config without a brain."""
        if self.brain is None:
            raise UserError(f"brain: missing; give {WANTED}")
        return self.brain

    def weights(self) -> list[str]:
        """The brain files that its brains begin with, by the names of their contents."""
        found = [member.brain for member in self.brains.values()] if self.brains else [self.one_brain]
        return [brain.weights for brain in found if brain.weights is not None]

    def with_brain(self, brain: Mapping[str, Any], name: str = "") -> Config:
        """The same with this one brain, called `name`. Raises UserError if it is not valid."""
        return self.model_copy(update={"brain": checked(brain), "brain_name": name, "brains": {}})

    def to_yaml(self) -> str:
        """YAML text that `load_config` reads back as an equal config."""
        return located_yaml.dump(self.model_dump(mode="json"))


def load_config(source: str | Path, brain: str | None = None, overrides: Sequence[str] = ()) -> Config:
    """Read and check a config, given the name of a shipped one or a path; or of a world by its id, with a brain that
    learns from reward or, in our worlds, from their teacher.

    `brain` replaces the config's brain: the name of a brain config, a kind, or a path (from the current directory).
    `overrides` are "KEY=VALUE" strings such as "clock.tick_hz=240", applied last. Raises UserError listing everything
    that is wrong, one `file:line: key: problem, what to do` a line.
    """
    path, located = _found(source)
    changes = [parse_override(text, "clock.tick_hz=240") for text in overrides]
    if brain is not None:
        changes.insert(0, (BRAIN, Located(brain, {(): f"--brain {brain}"})))
    swapped = {location for location, value in changes if put_brains(located, location, value)}
    for at in brain_locations(located.value):
        resolve_brain(located, at, Path() if swapped & {at, at[:-1], at[:1]} else path.parent)
    for location, value in changes:
        if location not in swapped:
            override(located, location, value)

    problems = check_number(located)
    config, more = validate(Config, located, ())
    world, _ = validate(WorldConfig, located, ("world",)) if "world" in located.value else (None, [])
    problems += more
    if world is not None:
        problems += _check_world(world)
    if config is not None:
        problems += _check_lengths(config)
    if problems or config is None:
        raise everything_wrong(located, problems)
    config._written = _Written(located)
    return config


def _found(source: str | Path) -> tuple[Path, Located]:
    """Where a config is, and what it says. Raises UserError."""
    import gymnasium

    if isinstance(source, str) and source in gymnasium.registry and not is_there(source):
        brain = "arena" if source.startswith("agentsim/") else "reward"
        return Path(source), Located({"world": {"id": source}, "brain": brain}, {(): source})
    path = find(source, configs_directory(), also=gymnasium.registry)
    return path, extended(mapping_in(path, "`world: {id: ...}` and `brain: NAME`"), path.parent, configs_directory())


def ticks_asked(tick_hz: float, seconds: float | None, ticks: int | None) -> int | None:
    """The ticks that --ticks, or else --seconds, asks for; None without both. Raises UserError for none or too many."""
    if ticks is None and seconds is None:
        return None
    given = "--ticks" if ticks is not None else f"--seconds {seconds:g} at {tick_hz:g} ticks a second"
    count = ticks if ticks is not None else (seconds or 0.0) * tick_hz
    if count > MOST_TICKS:
        raise UserError(f"{given}: give at least one tick, and an end: at most 2**53 ticks")
    if round(count) < 1:
        raise UserError(f"{given} is less than one tick; give at least one")
    return round(count)


def load_brain(name: str) -> dict[str, Any]:
    """The resolved mapping {kind, ...} of a brain config by name or path, or of a kind with its defaults."""
    located = Located({"brain": name}, {BRAIN: f"brain {name}"})
    resolve_brain(located, BRAIN, Path())
    holder, problems = validate(MemberConfig, located, ())
    if holder is None:
        raise everything_wrong(located, problems)
    return dict(holder.brain)


def config_names() -> list[str]:
    """Names of the shipped configs."""
    return names_in(configs_directory())


# --- lengths -----------------------------------------------------------------------------------------------------


def _check_lengths(config: Config) -> list[Problem]:
    """Whether every length is a number of ticks that can be counted."""
    lengths: dict[Location, float] = {
        ("run", "seconds"): config.run.seconds or 0.0,
        ("run", "checkpoint_every"): config.run.checkpoint_every,
        ("phases",): sum(phase.seconds for phase in config.phases),
    }
    return [
        (at, f"{seconds:g} seconds at {config.clock.tick_hz:g} ticks a second are more than 2**53 ticks; give less")
        for at, seconds in lengths.items()
        if seconds * config.clock.tick_hz > MOST_TICKS
    ]


# --- worlds ------------------------------------------------------------------------------------------------------


def options_of(world_id: str) -> list[str] | None:
    """The options that a registered world takes, or None if it takes any. Raises whatever its module raises."""
    import gymnasium
    from gymnasium.envs.registration import load_env_creator

    entry_point = gymnasium.registry[world_id].entry_point
    creator: Any = load_env_creator(entry_point) if isinstance(entry_point, str) else entry_point
    parameters = inspect.signature(creator).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return None
    return sorted(({*parameters} | {"max_episode_steps"}) - {"self", "render_mode"})


def _check_world(world: WorldConfig) -> list[Problem]:
    """Whether the world is registered, and takes the options by name."""
    import gymnasium

    if ":" in world.id:
        return [(("world", "id"), "must not name a module; leave out what is before the colon and add --import MODULE")]
    if world.id not in gymnasium.registry:
        hint = suggest(world.id, gymnasium.registry, "worlds")
        return [(("world", "id"), f"unknown world {world.id!r}, {hint} (a world of your own needs --import MODULE)")]
    try:
        known = options_of(world.id)
    except Exception as error:  # gymnasium's own for a library that is not installed
        return [(("world", "id"), f"the world {world.id!r} cannot be loaded: {error}")]
    return [
        (("world", "options", key), f"unknown option, {suggest(key, known, 'options')}")
        for key in world.options
        if known is not None and key not in known
    ]
