"""`agentsim dream`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agentsim.cli.options import AsJson
from agentsim.system.output import print_json


def dream(
    label: Annotated[str, typer.Option(metavar="LABEL", help="What to dream of: 0 to 9, or all.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="NAME.png; NAME.gif or NAME.mp4 show how it forms.")],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="A folder of `agentsim train dream` or a file of a brain that dreams; else the newest in runs/.",
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, metavar="N", help="Steps of a dream; else the config's.")] = None,
    count: Annotated[int, typer.Option(min=1, max=1_000, metavar="N", help="Dreams of each label.")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="The seed of everything random.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Draw what a net of `agentsim train dream` dreams: the label is held, pixels and units draw each other by turns.

    \b
    Examples:
      agentsim dream --label 5 --out dream.png
      agentsim dream --label all --count 10 --out dreams.gif
      agentsim dream --label 3 --count 1 --steps 1000 --seed 7 --from runs/mnist-dream --out three.gif
    """
    from agentsim.batch.dream import drawn
    from agentsim.batch.dream.kept import find_net, read_net

    drawn.check_suffix(out)
    path = find_net(source)
    net = read_net(path)
    labels = drawn.labels_of(label, len(net.means))
    chosen = steps or net.steps
    drawn.draw(net, labels, count, chosen, seed, out)
    if as_json:
        print_json({"out": str(out), "net": str(path), "labels": labels, "count": count, "steps": chosen, "seed": seed})
    else:
        typer.echo(f"{out}: dreamt by {path}, {chosen} steps", err=True)
