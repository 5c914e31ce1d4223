"""`agentsim adapt`."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import typer

from agentsim.cli.options import AsJson, Brains, Import, Jobs, KeptIn


class Suite(enum.StrEnum):
    """The choices of --suite."""

    classic17 = "classic17"
    classic18 = "classic18"
    static16 = "static16"


def adapt(
    world: Annotated[
        str | None, typer.Argument(metavar="WORLD", help="A config's name, a YAML file, or a world's id.")
    ] = None,
    suite: Annotated[Suite | None, typer.Option(help="The published tests in place of a world of your own.")] = None,
    brain: Brains = None,
    phases: Annotated[
        str | None, typer.Option(metavar="TASK:SECONDS,...", help="The timetable; by default the config's.")
    ] = None,
    budget: Annotated[
        int | None, typer.Option(min=0, metavar="STEPS", help="Learning steps a tick, equal for all brains.")
    ] = None,
    teacher_every: Annotated[
        int | None, typer.Option(min=0, metavar="K", help="The teacher speaks on every K-th tick; 0: never.")
    ] = None,
    label_noise: Annotated[
        float | None, typer.Option(min=0, max=1, metavar="SHARE", help="This share of the labels is random.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, metavar="N", help="Runs of each row.", show_default=False)] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Of static16: rounds through its samples; by default 40.")
    ] = None,
    jobs: Jobs = None,
    out: KeptIn = None,
    modules: Import = None,
    as_json: AsJson = False,
) -> None:
    """Does a brain adapt when the task changes, and what does it still know; over seeds, beside every control.

    Accuracy and score of every phase, the first and the lowest second after each switch, recovery, and probes of what a
    frozen copy knows of each task; mean and 95 % interval. Writes adapt.png, adapt.html and adapt.json into --out.
    Ctrl-C shows what is finished; the same command with --out goes on from there. Seeds: 10, 3 of classic18, 5 of
    static16.

    \b
    Examples:
      agentsim adapt --seeds 10
      agentsim adapt arena --brain arena --brain step-tween-chain --budget 1 --phases chase:20,avoid:20
      agentsim adapt --teacher-every 10 --out runs/sparse
      agentsim adapt --brain eqprop --brain eqprop-gate --label-noise 0.1
      agentsim adapt --suite classic17 --json
      agentsim adapt --suite static16 --epochs 20
    """
    from agentsim.adaptation import commands
    from agentsim.studies.report import conclude

    options: dict[str, Any] = {"brain": brain, "phases": phases, "budget": budget, "teacher_every": teacher_every}
    options |= {"label_noise": label_noise, "epochs": epochs}
    result, show = commands.run(
        world, suite and suite.value, options, seeds=seeds, jobs=jobs, out=out, modules=modules or ()
    )
    conclude(result, show, as_json)
