"""`agentsim show`: a config key by key, what became of its brain, and what else fits its world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentsim.cli.options import AsJson, Brain, Import, Override, Seed
from agentsim.system.output import Console, print_json

if TYPE_CHECKING:
    from agentsim.config.load import Config


def show(
    config: Annotated[
        str, typer.Argument(metavar="CONFIG", help="A name that `agentsim list` shows, a YAML file or a world's id.")
    ] = "arena",
    brain: Brain = None,
    set_: Override = None,
    seed: Seed = None,
    modules: Import = None,
    as_json: AsJson = False,
) -> None:
    """Show what a config says, with everything that it leaves to a default: each key, its value, what it means and
    where it was written; which learner its brain became, and which shipped brains fit its world.

    \b
    Examples:
      agentsim show arena
      agentsim show cartpole --brain reward-stepping --set brain.learning_rate=0.5
      agentsim show mine.yaml --import my_brain --json
    """
    from agentsim.config.load import load_config

    overrides = [*(set_ or []), *([f"run.seed={seed}"] if seed is not None else [])]
    shown = described(load_config(config, brain, overrides))
    if as_json:
        print_json(shown)
    else:
        _print(shown)


def described(config: Config) -> dict[str, Any]:
    """{keys: [{key, value, meaning, written}], config, brains: [{name, learner, what, latency}], world, fits}; a key
    that holds others has the value null. Raises UserError if the brain does not fit the world."""
    import inspect

    import numpy as np

    from agentsim.config.lines import lines
    from agentsim.loop.building import fitting_brains
    from agentsim.loop.environment import Environment
    from agentsim.loop.resident import Resident
    from brains.team import Team

    world, brain = np.random.SeedSequence(config.run.seed).spawn(2)
    environment = Environment(config.world, world, drawn=False)
    try:
        built = Resident(config, environment, brain).brain
        body = environment.body
        several = {name: member.brain for name, member in built.members.items()} if isinstance(built, Team) else {}
        learners = [
            {
                "name": name,
                "learner": type(member).__name__,
                "what": (inspect.getdoc(type(member)) or "").partition("\n\n")[0].replace("\n", " "),
                "latency": member.latency,
            }
            for name, member in (several or {config.name_of_brain: built}).items()
        ]
        fits = [name for name, _ in fitting_brains(body)]
    finally:
        environment.close()
    keys = [
        {
            "key": ".".join(map(str, line.at)),
            "value": line.value,
            "meaning": line.meaning,
            "written": None if line.holds_others else config.written(line.at),
        }
        for line in lines(config)
    ]
    kind = f"{body.actions} {'choices' if body.discrete else 'numbers'}"
    senses = {"observations": body.observation_size, "actions": kind, "teacher": body.teacher, "agents": body.lanes}
    return {
        "config": config.model_dump(mode="json"),
        "keys": keys,
        "brains": learners,
        "world": {"id": config.world.id, **senses, "tasks": list(environment.tasks)},
        "fits": fits,
    }


def _print(shown: dict[str, Any]) -> None:
    from rich import box
    from rich.table import Table

    from agentsim.config import located_yaml

    console = Console(highlight=False, markup=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("key", no_wrap=True, ratio=3)
    table.add_column("value", ratio=2)
    table.add_column("what it is", ratio=5)
    table.add_column("written", ratio=2, overflow="fold")
    for row in shown["keys"]:
        *above, name = row["key"].split(".")
        holds = row["written"] is None
        value = "" if holds else located_yaml.dump(row["value"]).removesuffix("\n").removesuffix("\n...")
        style = "bold" if holds else "" if row["written"] != "default" else "dim"
        table.add_row("  " * len(above) + name, value, row["meaning"], row["written"] or "", style=style)
    console.print(table)
    world = shown["world"]
    teacher = "a teacher" if world["teacher"] else "no teacher: brains learn from reward"
    agents = f", {world['agents']} agents" if world["agents"] > 1 else ""
    tasks = f", tasks {', '.join(world['tasks'])}" if world["tasks"] else ""
    console.print(
        f"{world['id']}: {world['observations']} observations, {world['actions']}{agents}, {teacher}{tasks}\n"
    )
    for brain in shown["brains"]:
        late = f", {brain['latency']} ticks late" if brain["latency"] else ""
        console.print(f"{brain['name']} is a {brain['learner']}{late}: {brain['what']}\n")
    console.print(f"brains that fit: {', '.join(shown['fits'])}")
