"""The rows of a learning table: the brains that were asked for, and the trivial controls that always stand beside them.

Which controls depends on the world. Where there is a teacher or an oracle to ask: random, the best constant action,
repeat-last-label, bias-only, the blind diagonal, the oracle as late as each brain is, plain online backprop, each brain
frozen, each brain with replay without it, and each stepping brain that is taught with the same net and budget but one
ordinary forward pass a tick or, if it thinks several times a tick, thinking once. Where there is only reward: random,
the best constant, each brain frozen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agentsim.config.load import Config, load_brain, load_config, ticks_asked
from agentsim.errors import UserError, said
from agentsim.loop.building import build_brain, timetable
from agentsim.loop.environment import Environment
from brains.brain import Body

DEFAULT_TICKS = 100_000
MERITS = {"accuracy": "accuracy", "score": "score", "last_20_returns": "returns", "reward_per_tick": "reward"}
TRIVIAL = ("random", "constant", "alternate", "bias_only", "oracle", "repeat_last_label")


@dataclass(frozen=True, eq=False)
class Entry:
    """A brain in a world, to be run with several seeds. Of the entries of one `best_of` only the best is shown."""

    source: str  # the config, as it was asked for
    name: str
    config: Config
    control: bool = False
    best_of: str = ""


@dataclass(frozen=True)
class Run:
    """An entry with its seed. `version`: of its figures, see sweep.Job."""

    entry: Entry
    seed: int
    version: str

    @property
    def config(self) -> Config:
        """The entry's config with this seed."""
        run = self.entry.config.run.model_copy(update={"seed": self.seed})
        return self.entry.config.model_copy(update={"run": run})

    @property
    def words(self) -> dict[str, Any]:
        """Config, row and seed."""
        return {"config": Path(self.entry.source).stem, "row": self.entry.name, "seed": self.seed}


def entries(
    sources: Sequence[str], brains: Sequence[str], *, seconds: float | None = None, ticks: int | None = None
) -> list[Entry]:
    """Every row of the tables of some configs. Raises UserError for what cannot be run."""
    return [
        entry
        for source in sources
        for entry in with_controls(
            source, [prepared(load_config(source, brain), seconds, ticks) for brain in brains or (None,)]
        )
    ]


def with_controls(source: str, asked: Sequence[Config], delays: Sequence[int] = ()) -> list[Entry]:
    """Some brains in one world and their controls, among them an oracle for each of `delays`. Raises UserError."""
    if any(len(config.brains) > 1 for config in asked):
        raise UserError(f"{source}: has several brains; a learning benchmark compares single ones, give --brain NAME")
    environment = Environment(asked[0].world, np.random.SeedSequence(0))
    try:
        timetable(asked[0], environment.tasks)
        found = [Entry(source, config.name_of_brain, config) for config in asked]
        for entry in found:
            found = [*found, *_controls_of_brain(entry, environment.body)]
        if environment.body.oracle is not None:
            found += [_oracle(source, asked[0], delay) for delay in delays]
        found += _controls_of_world(source, asked[0], environment.body)
    finally:
        environment.close()
    unique: dict[str, Entry] = {}
    for entry in found:
        if not _same(unique.setdefault(entry.name, entry).config, entry.config):
            raise UserError(
                f"{source}: {entry.name!r} is the name of two different brains, or of a brain and a control; "
                f"rename the brain's file {entry.name}.yaml"
            )
    return list(unique.values())


def _same(one: Config, other: Config) -> bool:
    """Whether two rows of one name are the same brain."""
    return (one.learn, one.brain, one.brains) == (other.learn, other.brain, other.brains)


def prepared(config: Config, seconds: float | None, ticks: int | None) -> Config:
    """Flat out, and as long as asked: --seconds or --ticks, else the config's own length, else its timetable's."""
    if config.learn.slack:
        raise UserError("learn.slack: the learning of a benchmark is a stated budget; use learn.steps_per_tick")
    clock = config.clock.model_copy(update={"pacing": "none"})
    if seconds is None:
        seconds = config.run.seconds or sum(phase.seconds for phase in config.phases) or DEFAULT_TICKS / clock.tick_hz
    length = ticks_asked(clock.tick_hz, seconds, ticks) or 0
    run = config.run.model_copy(update={"seconds": length / clock.tick_hz})
    return config.model_copy(update={"clock": clock, "run": run})


def _controls_of_brain(entry: Entry, body: Body) -> Iterator[Entry]:
    slow = next(iter(entry.config.brains.values()), None)  # one with a divider of the clock
    mapping = entry.config.one_brain if slow is None else slow.brain
    try:
        brain = build_brain(mapping, body, np.random.SeedSequence(0))
    except UserError:
        raise
    except Exception as error:
        what = f"{entry.config.world.id} with {entry.name}"
        raise UserError(f"{what} cannot be built: {said(error)}") from error
    if mapping["kind"] in (*TRIVIAL, "planning"):  # which is itself when frozen
        return
    frozen = entry.config.model_copy(update={"learn": entry.config.learn.model_copy(update={"steps_per_tick": 0})})
    yield Entry(entry.source, f"{entry.name}, frozen", frozen, control=True)
    if slow is not None:
        if body.oracle is not None:
            yield _oracle_every(entry, slow.every, brain.latency)
        return
    needed = mapping.get("stride") or mapping.get("dreams")  # what is remembered, or stands in for it
    if mapping.get("replay") is not None and not needed:
        yield _with(entry.source, f"{entry.name}, no replay", entry.config, mapping | {"replay": None})
    if body.teacher and mapping.get("brain_ticks_per_world_tick", 1) > 1:
        once = mapping | {"brain_ticks_per_world_tick": 1}
        yield _with(entry.source, f"{entry.name}, one brain tick a tick", entry.config, once)
    elif body.teacher and mapping.get("execution") == "stepping":
        yield _with(entry.source, f"{entry.name}, sequential", entry.config, mapping | {"execution": "sequential"})
    if body.oracle is not None:
        yield _oracle(entry.source, entry.config, brain.latency)


def _oracle_every(entry: Entry, every: int, delay: int) -> Entry:
    """The oracle in the place of a brain with a divider: as late as that is, and holding its action as long."""
    config = entry.config.with_brain({"kind": "oracle", "delay": delay}, "oracle")
    ((role, member),) = entry.config.brains.items()
    slow = member.model_copy(update={"brain": config.one_brain, "brain_name": "oracle"})
    name = f"oracle, every {every} ticks, {delay} of those late"
    return Entry(entry.source, name, entry.config.model_copy(update={"brains": {role: slow}}), control=True)


def _oracle(source: str, config: Config, delay: int) -> Entry:
    return _with(source, f"oracle, {delay} late", config, {"kind": "oracle", "delay": delay})


def _controls_of_world(source: str, config: Config, body: Body) -> Iterator[Entry]:
    if body.teacher and body.discrete:
        yield _with(source, "online-backprop", config, load_brain("online-backprop"))
    if body.oracle is not None:
        yield _with(source, "repeat-last-label", config, {"kind": "repeat_last_label"})
        yield _with(source, "bias-only", config, {"kind": "bias_only"})
        if config.world.options.get("teacher_every", 1) > 1 or config.world.label_noise:
            given = {"hears": "teacher"}
            yield _with(source, "repeat-last-label, of those given", config, {"kind": "repeat_last_label"} | given)
            yield _with(source, "bias-only, of labels given", config, {"kind": "bias_only"} | given)
        if body.discrete:
            yield _with(source, "diagonal", config, {"kind": "alternate", "actions": [0, body.actions - 1]})
    for action in range(body.actions) if body.discrete else (0, 0.5, 1):
        mapping = {"kind": "constant", "action": action}
        yield _with(source, f"constant {action:g}", config, mapping, "best constant")
    yield _with(source, "random", config, {"kind": "random"})


def _with(source: str, name: str, config: Config, mapping: dict[str, Any], best_of: str = "") -> Entry:
    return Entry(source, name, config.with_brain(mapping, name), control=True, best_of=best_of)


def over_seeds(entries: Sequence[Entry], seeds: int, version: str) -> list[Run]:
    """Every entry with so many seeds, from its config's run.seed on; first the first seed of all."""
    return [Run(entry, entry.config.run.seed + k, version) for k in range(seeds) for entry in entries]


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a table: of those that are `best_of` the best alone, and the controls below the brains."""
    found = [row for row in rows if not row["best_of"]] + best_of_groups(rows)
    return sorted(found, key=lambda row: row["control"])


def best_of_groups(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of every `best_of` the row that did best by accuracy, and the one that did best by score, if it is another one;
    where nobody says what is right, by returns, else by reward."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["best_of"]:
            groups.setdefault(row["best_of"], []).append(row)
    best = []
    for group, members in groups.items():
        known = [figure for figure in MERITS if all(row.get(figure) for row in members)]
        winners: dict[str, list[str]] = {}
        for figure in [figure for figure in known if figure in ("accuracy", "score")] or known[:1]:
            winner = max(members, key=lambda row: row[figure]["mean"])
            winners.setdefault(winner["name"], []).append(MERITS[figure])
        for row in members:
            if row["name"] in winners:
                best.append(row | {"name": f"{group} by {' and '.join(winners[row['name']])}: {row['name']}"})
    return best
