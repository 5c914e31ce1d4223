"""The command line of `agentsim bench`. Everything heavy is imported inside the commands."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from agentsim.cli.options import AsJson, Brains, Import, Jobs, KeptIn
from agentsim.system.machine import usable_cores


class _TicksByDefault(TyperGroup):
    """`agentsim bench --json` is `agentsim bench ticks --json`, and a peer is one of evolution."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ("-h", "--help")):
            args = ["evolution" if args and args[0].startswith("--peer") else "ticks", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_TicksByDefault,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Repeats = Annotated[int, typer.Option(min=1, metavar="N", help="Blocks of each row; the figure is their median.")]


@app.callback()
def bench() -> None:
    """Measure ticks (the default), the loop, worlds, learning, controls, Collatz windows, settling or evolution.

    \b
    Examples:
      agentsim bench
      agentsim bench ticks --scaling --json
      agentsim bench loop
      agentsim bench worlds
      agentsim bench controls
      agentsim bench collatz
      agentsim bench settle
      agentsim bench --peer torcheggroll
      agentsim bench rollouts
      agentsim bench learning arena --seeds 10
      agentsim bench learning cartpole --seeds 10 --ticks 100000 --brain reward --brain reward-stepping
    """


@app.command()
def ticks(
    scaling: Annotated[
        bool, typer.Option("--scaling", help="Also 2 to 64 layers, and 1 to 1,024 lanes of own weights.")
    ] = False,
    repeats: Repeats = 11,
    as_json: AsJson = False,
) -> None:
    """What a tick of a stepping brain costs: CPU time, against the torch reference and the bounds of this core.

    \b
    Examples:
      agentsim bench ticks
      agentsim bench --scaling
      agentsim bench --repeats 31 --json
    """
    from agentsim.bench import ticks as benchmark

    _report(benchmark.measure(scaling=scaling, repeats=repeats), benchmark.show, as_json)


@app.command()
def loop(repeats: Repeats = 11, as_json: AsJson = False) -> None:
    """What a whole tick of a headless, recorded run costs, flat out: CPU time, and which phase takes how much.

    \b
    Examples:
      agentsim bench loop
      agentsim bench loop --repeats 31 --json
    """
    from agentsim.bench import loop as benchmark

    _report(benchmark.measure(repeats=repeats), benchmark.show, as_json)


@app.command()
def worlds(repeats: Repeats = 11, as_json: AsJson = False) -> None:
    """Steps a second of agentsim's worlds, alone and in lanes, with gymnasium's own CartPole-v1 as the yardstick.

    \b
    Examples:
      agentsim bench worlds
      agentsim bench worlds --json
    """
    from agentsim.bench import worlds as benchmark

    _report(benchmark.measure(repeats=repeats), benchmark.show, as_json)


@app.command()
def collatz(repeats: Repeats = 11, as_json: AsJson = False) -> None:
    """Exact windows of the Syracuse map a second, with Python's own integers as the yardstick.

    \b
    Examples:
      agentsim bench collatz
      agentsim bench collatz --json
    """
    from agentsim.batch.collatz import bench as benchmark

    _report(benchmark.measure(repeats=repeats), benchmark.show, as_json)


@app.command()
def settle(repeats: Repeats = 11, as_json: AsJson = False) -> None:
    """What settling and learning by equilibrium propagation cost, with the same loop in torch and numpy as yardsticks.

    \b
    Examples:
      agentsim bench settle
      agentsim bench settle --json
    """
    from agentsim.bench import settle as benchmark

    _report(benchmark.measure(repeats=repeats), benchmark.show, as_json)


@app.command()
def evolution(
    peer: Annotated[
        list[str] | None,
        typer.Option(metavar="PACKAGE", help="torcheggroll or evosax, where installed, beside ours. Repeatable."),
    ] = None,
    repeats: Repeats = 11,
    as_json: AsJson = False,
) -> None:
    """What a generation of 2,048 members costs, with the same in torch and in other packages as yardsticks.

    \b
    Examples:
      agentsim bench evolution
      agentsim bench --peer torcheggroll --peer evosax
    """
    from agentsim.bench import evolution as benchmark

    _report(benchmark.measure(peer or [], repeats=repeats), benchmark.show, as_json)


@app.command()
def rollouts(repeats: Repeats = 7, as_json: AsJson = False) -> None:
    """Steps a second of CartPole with a policy in each lane, with torch and Gymnasium's own vector world as yardsticks.

    \b
    Examples:
      agentsim bench rollouts
      agentsim bench rollouts --json
    """
    from agentsim.bench import rollouts as benchmark

    _report(benchmark.measure(repeats=repeats), benchmark.show, as_json)


@app.command()
def controls(
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="Seeds, side by side in lanes.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Chase, avoid, chase with the trivial brains alone, in both worlds; and the score rates measured again.

    \b
    Examples:
      agentsim bench controls
      agentsim bench controls --seeds 50 --json
    """
    from agentsim.bench import controls as benchmark

    _report(benchmark.measure(seeds=seeds), benchmark.show, as_json)


@app.command()
def learning(
    configs: Annotated[
        list[str], typer.Argument(metavar="CONFIG...", help="Names that `agentsim list` shows, or YAML files.")
    ],
    brain: Brains = None,
    seeds: Annotated[
        int, typer.Option(min=1, metavar="N", help="Runs of each row, with the seeds from the config's run.seed on.")
    ] = 10,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", min=0, help="Simulated seconds of each run; by default the config's.")
    ] = None,
    ticks: Annotated[int | None, typer.Option(metavar="N", min=1, help="The same in ticks.")] = None,
    jobs: Jobs = None,
    out: KeptIn = None,
    modules: Import = None,
    as_json: AsJson = False,
) -> None:
    """How well brains learn, over several seeds, beside the controls; mean and 95 % interval, and a picture.

    A run is as long as --seconds or --ticks, run.seconds or the phases of its config say, otherwise 100,000 ticks.
    Ctrl-C shows what is finished; the same command with --out goes on from there.

    \b
    Examples:
      agentsim bench learning arena --seeds 10
      agentsim bench learning arena --brain arena --brain step-tween-chain --out runs/arena
      agentsim bench learning cartpole --seeds 10 --ticks 100000 --brain reward --brain reward-stepping
      agentsim bench learning acrobot pendulum --jobs 4 --json
    """
    from agentsim.bench import learning as benchmark
    from agentsim.errors import UserError

    if seconds is not None and ticks is not None:
        raise UserError("--seconds and --ticks contradict each other; give one of them")
    found = benchmark.measure(
        configs,
        brain or (),
        seeds=seeds,
        seconds=seconds,
        ticks=ticks,
        jobs=jobs or usable_cores(),
        out=out,
        modules=modules or (),
    )
    _report(found, benchmark.show, as_json)


def _report(found: dict[str, Any], show: Any, as_json: bool) -> None:
    from agentsim.studies.report import conclude

    conclude(found, show, as_json)
