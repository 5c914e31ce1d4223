"""From a config's words to the parts of a simulation: the brain of a mapping, the timetable of the phases."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

import brains
from agentsim.config.brain import checked
from agentsim.config.load import Config, brain_names, load_brain
from agentsim.config.sections import MemberConfig
from agentsim.config.validation import suggest
from agentsim.errors import UserError
from brains.brain import Body, Brain
from brains.team import Seat, Team


def build_team(
    members: dict[str, MemberConfig], agents: tuple[str, ...], body: Body, seed: np.random.SeedSequence
) -> Team:
    """Several brains, each in its seat, with a seed of its own. Raises UserError, naming the key."""
    seats = seats_of({name: member.every for name, member in members.items()}, agents)
    seeds = seed.spawn(len(members))
    built = {
        name: build_brain(member.brain, replace(body, lanes=len(seats[name].lanes)), own, f"brains.{name}.brain")
        for (name, member), own in zip(members.items(), seeds, strict=True)
    }
    return Team(built, seats, body)


def seats_of(every: dict[str, int], agents: tuple[str, ...]) -> dict[str, Seat]:
    """Whom each of several brains serves: the agent of its name, or, as "chaser" for "chaser_1" and "chaser_2", the
    agents of that role that have no brain of their own. `every`: name -> divider. Raises UserError."""
    if not agents:
        raise UserError("brains: this world has one agent; give one brain, as brain: NAME")
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
        return brains.make(brains.load(config.kind), config.settings, body, seed)
    except ValueError as error:
        key = "." if re.match(r"[\w.]+: ", str(error)) else f": {config.kind} does not fit this world: "
        raise UserError(f"{at}{key}{error}") from error


def fitting_brains(body: Body) -> list[tuple[str, dict[str, Any]]]:
    """The shipped brains that can live in this body: name and resolved mapping."""
    fitting = []
    for name in brain_names():
        try:
            config = load_brain(name)
            build_brain(config, body, np.random.SeedSequence(0))
        except Exception:  # a brain that cannot be built here does not fit
            continue
        fitting.append((name, config))
    return fitting


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
