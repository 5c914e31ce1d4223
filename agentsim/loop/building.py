"""From a config's words to the parts of a simulation: the brain of a mapping, the timetable of the phases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import brains
from agentsim.config.brain import BrainConfig, checked
from agentsim.config.brain_file import SUFFIX, BodyOfBrain, place_of, read_brain_file
from agentsim.config.load import Config, load_brain
from agentsim.config.naming import brain_names
from agentsim.config.sections import MemberConfig
from agentsim.config.validation import suggest
from agentsim.errors import UserError
from agentsim.system.chance import seed_shared
from brains.brain import Body, Brain
from brains.team import Seat, Team

STREAMS = ("world", "brain", "probe")  # one random stream each; new names go at the end


def streams_of(seed: int) -> dict[str, np.random.SeedSequence]:
    """What each draws from. The generators that a process shares, from which other people's worlds may draw, begin anew
    too."""
    seed_shared(seed)
    return dict(zip(STREAMS, np.random.SeedSequence(seed).spawn(len(STREAMS)), strict=True))


def build_team(
    members: dict[str, MemberConfig], agents: tuple[str, ...], body: Body, seed: np.random.SeedSequence
) -> Team:
    """Several brains, each in its seat, with a seed of its own. Raises UserError, naming the key."""
    if any(member.actions is not None for member in members.values()):
        seats = seats_in_one_body(members, agents, body)
    else:
        seats = seats_of({name: member.every for name, member in members.items()}, agents)
    seeds = seed.spawn(len(members))
    built = {
        name: build_brain(member.brain, seats[name].body(body), own, f"brains.{name}.brain")
        for (name, member), own in zip(members.items(), seeds, strict=True)
    }
    return Team(built, seats, body)


def seats_in_one_body(members: dict[str, MemberConfig], agents: tuple[str, ...], body: Body) -> dict[str, Seat]:
    """Which numbers of the action each of several brains has for its own: every one has one owner. Raises UserError."""
    if agents or body.discrete:
        what = f"has the agents {', '.join(agents)}" if agents else f"chooses one of {body.actions} actions"
        raise UserError(f"brains: this world {what}; brains share one body only where its action is several numbers")
    owners: dict[int, str] = {}
    for name, member in members.items():
        if member.actions is None:
            raise UserError(
                f"brains.{name}.actions: missing; say which of the numbers 0 to {body.actions - 1} are its own"
            )
        for action in member.actions:
            if action >= body.actions:
                raise UserError(f"brains.{name}.actions: {action} is not one of the numbers 0 to {body.actions - 1}")
            if action in owners:
                raise UserError(f"brains.{name}.actions: {action} is that of {owners[action]} already")
            owners[action] = name
    if missing := {*range(body.actions)} - {*owners}:
        raise UserError(
            f"brains: nobody has action {', '.join(map(str, sorted(missing)))}; add it to somebody's actions"
        )
    return {
        name: Seat(np.zeros(1, np.int64), member.every, np.array(member.actions)) for name, member in members.items()
    }


def seats_of(every: dict[str, int], agents: tuple[str, ...]) -> dict[str, Seat]:
    """Whom each of several brains serves: the agent of its name, or, as "chaser" for "chaser_1" and "chaser_2", the
    agents of that role that have no brain of their own; a world of one agent, that one under any name. `every`: name ->
    divider. Raises UserError."""
    if not agents and len(every) == 1:
        return {name: Seat(np.zeros(1, np.int64), divider) for name, divider in every.items()}
    if not agents:
        raise UserError(
            "brains: this world has one agent; give one brain, as brain: NAME, or say which numbers of its action are "
            "whose, as brains: {NAME: {brain: NAME, actions: [0, 1]}}"
        )
    roles = {agent: re.sub(r"_\d+$", "", agent) for agent in agents}
    served_by = {agent: agent if agent in every else roles[agent] for agent in agents}
    for name in every:
        if name not in served_by.values():
            known = dict.fromkeys([*roles.values(), *agents])
            raise UserError(f"brains.{name}: serves no agent of this world, {suggest(name, known, 'agents')}")
    for agent, name in served_by.items():
        if name not in every:
            raise UserError(f"brains: the agent {agent} has no brain; add {name}: {{brain: NAME}}")
    lanes = {name: [k for k, agent in enumerate(agents) if served_by[agent] == name] for name in every}
    return {name: Seat(np.array(lanes[name]), divider) for name, divider in every.items()}


def build_brain(mapping: Mapping[str, Any], body: Body, seed: np.random.SeedSequence, at: str = "brain") -> Brain:
    """The brain of a mapping. Raises UserError if it is not valid or does not fit the body; `at` is its key."""
    config = checked(mapping, at)
    try:
        brain = brains.make(brains.load(config.kind), config.settings, body, seed)
        return brain if config.weights is None else _with_weights(brain, config, body, at)
    except ValueError as error:
        key = "." if re.match(r"[\w.]+: ", str(error)) else f": {config.kind} does not fit this world: "
        raise UserError(f"{at}{key}{error}") from error


def _with_weights(brain: Brain, config: BrainConfig, body: Body, at: str) -> Brain:
    """The brain with what the one in its file has learned, and no activity. Raises UserError if that does not fit."""
    assert config.weights is not None
    header, arrays = read_brain_file(place_of(config.weights))
    if header.body != (here := BodyOfBrain.of(body)):
        raise UserError(f"{at}.from: {header.name} was trained with {header.body}; this world has {here}")
    changed = {k: v for k, v in config.items() if k != "from"} != {k: v for k, v in header.brain.items() if k != "from"}
    try:
        brain.adopt(arrays, changed=changed)  # type: ignore[attr-defined]
    except (ValueError, AttributeError) as error:
        raise UserError(f"{at}.from: what {header.name} has learned does not fit: {error}") from error
    brain.reset(np.ones(body.lanes, np.bool_))
    return brain


def fitting_brains(body: Body) -> list[tuple[str, dict[str, Any]]]:
    """The shipped brains that can live in this body: name and resolved mapping."""
    return [*_fitting(brain_names(), body)]


def fitting_files(folder: Path, body: Body) -> list[tuple[str, dict[str, Any]]]:
    """The brain files in a folder that can live in this body: name and mapping."""
    files = sorted(str(path) for path in folder.glob(f"*{SUFFIX}"))
    return [(Path(name).stem, config) for name, config in _fitting(files, body)]


def _fitting(names: Iterable[str], body: Body) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in names:
        try:
            config = load_brain(name)
            build_brain(config, body, np.random.SeedSequence(0))
        except Exception:  # a brain that cannot be built here does not fit
            continue
        yield name, config


def kernels_of(brain: Brain) -> list[str]:
    """What a brain, or each of a team, needs compiled: "module:function" of those `kernels` that it names, if any."""
    if isinstance(brain, Team):
        return [name for member in brain.members.values() for name in kernels_of(member.brain)]
    return [*getattr(brain, "kernels", tuple)()]


def timetable(config: Config, tasks: tuple[str, ...]) -> dict[int, int]:
    """Tick -> index of the task that starts there, from the config's phases. Raises UserError for unknown tasks."""
    starts, seconds = {}, 0.0
    for phase in config.phases:
        if phase.task not in tasks:
            hint = suggest(phase.task, tasks, "tasks")
            raise UserError(f"phases: {config.world.id} has no task {phase.task!r}, {hint}")
        starts[round(seconds * config.clock.tick_hz)] = tasks.index(phase.task)
        seconds += phase.seconds
    return starts
