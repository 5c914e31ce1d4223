"""`agentsim list`: the configs, brains, worlds, layer types and learning rules that there are."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import brains
import worlds
from agentsim.batch import MODES
from agentsim.cli.options import AsJson, Import
from agentsim.system.output import Console, print_json

Listing = dict[str, dict[str, str]]  # section -> name -> what it is

_TESTED = {
    "CartPole-v1": "balance a pole on a cart",
    "Pendulum-v1": "swing a pendulum up, with a continuous torque",
    "Acrobot-v1": "swing two links up",
    "MountainCar-v0": "rock a car up a hill",
}


def list_(modules: Import = None, as_json: AsJson = False) -> None:
    """Show the configs, brains, worlds, layer types and learning rules that there are.

    \b
    Examples:
      agentsim list
      agentsim list --import my_module --json
    """
    there = everything()
    if as_json:
        print_json(there)
    else:
        show(there)


def everything() -> Listing:
    """Names and one-line descriptions of what `agentsim run`, and `agentsim train MODE --config`, accept."""
    import gymnasium

    from agentsim.config.sources import configs_directory
    from brains.layers import AnyLayer
    from brains.rules import RULES

    folder = configs_directory()
    own = {
        name: f"registered as {spec.entry_point}"
        for name, spec in gymnasium.registry.items()
        if _module(spec.entry_point) not in ("gymnasium", "worlds")
    }
    return {
        "configs": _described(folder),
        "brain configs": _described(folder / "brains"),
        **{f"{mode} configs": _described(folder / mode) for mode in MODES},
        "brain kinds": dict(brains.BRAINS),
        "layer types": {_type(layer): _first_line(layer.__module__) for layer in AnyLayer.models_of(None)},
        "rules": {name: _first_line(rule.reference.partition(":")[0]) for name, rule in RULES.items()},
        "worlds": {world: line for world, (_, line) in worlds.WORLDS.items()} | _TESTED | own,
    }


def show(listing: Listing) -> None:
    """Print the listing as tables."""
    from rich.table import Table

    console = Console(markup=False)
    for section, names in listing.items():
        table = Table(title=section, title_justify="left", show_header=False, box=None, padding=(0, 2))
        for name, description in names.items():
            table.add_row(name, description)
        console.print(table)
        console.print()
    console.print(
        "Any other Gymnasium id is a world too, where its observations have a fixed size: agentsim run LunarLander-v3."
    )


def _module(entry_point: Any) -> str:
    """The top-level package of a world's entry point."""
    return (entry_point if isinstance(entry_point, str) else entry_point.__module__).split(":")[0].split(".")[0]


def _described(folder: Path) -> dict[str, str]:
    """The configs in a folder."""
    return {path.stem: _first_comment(path) for path in sorted(folder.glob("*.yaml"), key=lambda path: path.stem)}


def _type(layer: Any) -> str:
    """What a layer's YAML calls its type."""
    name: str = get_args(layer.model_fields["type"].annotation)[0]
    return name


def _first_line(module: str) -> str:
    """The first line of a module's docstring, read from its text: nothing is imported."""
    spec = find_spec(module)
    text = Path(spec.origin).read_text(encoding="utf-8") if spec is not None and spec.origin else ""
    return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]


def _first_comment(path: Path) -> str:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and "yaml-language-server" not in line:
            return line.lstrip("# ").rstrip()
    return ""
