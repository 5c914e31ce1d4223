"""What the words of `agentsim adapt` ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from agentsim.adaptation import static, study, suites
from agentsim.errors import UserError
from agentsim.system.machine import usable_cores

Options = dict[str, Any]
SUITES: dict[str, Callable[[], list[suites.Table]]] = {"classic17": suites.classic17, "classic18": suites.classic18}
SEEDS = {None: 10, "classic17": 10, "classic18": 3, "static16": 5}


def run(
    world: str | None,
    suite: str | None,
    options: Options,
    *,
    seeds: int | None,
    jobs: int | None,
    out: Path | None,
    modules: Sequence[str],
) -> tuple[dict[str, Any], Callable[[dict[str, Any], Console], None]]:
    """The result and what shows it. `options`: brain, phases, budget, teacher_every, label_noise and epochs. Raises
    UserError."""
    _check(world, suite, options)
    count = seeds or SEEDS[suite]
    where: dict[str, Any] = {"jobs": jobs or usable_cores(), "out": out, "modules": modules}
    command = written(world, suite, options, count, modules)
    if suite == "static16":
        return static.measure(command=command, seeds=count, epochs=options["epochs"], **where), static.show
    if suite is not None:
        tables = SUITES[suite]()
    else:
        asked = {name: options[name] for name in ("phases", "budget", "teacher_every", "label_noise")}
        tables = suites.asked(world, options["brain"] or (), **asked)
    return study.measure(tables, command=command, seeds=count, **where), study.show


def _check(world: str | None, suite: str | None, options: Options) -> None:
    """Raise UserError for what a suite has no use for."""
    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value and name != "epochs"]
    given += ["WORLD"] if world else []
    if suite is not None and given:
        raise UserError(f"--suite {suite} is a fixed test; leave out {', '.join(given)}")
    if options["epochs"] is not None and suite != "static16":
        raise UserError("--epochs belongs to --suite static16; leave it out")


def written(world: str | None, suite: str | None, options: Options, seeds: int, modules: Sequence[str]) -> str:
    """The command that does the same again, with the names of files but not where they are."""
    words = ["agentsim adapt"]
    words += [Path(world).name if world.endswith((".yaml", ".yml")) else world] if world else []
    words += [f"--suite {suite}"] if suite else []
    for name, value in options.items():
        for each in value if isinstance(value, list) else [value]:
            words += [] if each is None else [f"--{name.replace('_', '-')} {each}"]
    words += [f"--import {module}" for module in modules]
    return " ".join([*words, f"--seeds {seeds}"])
