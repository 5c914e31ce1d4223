"""`agentsim new`: a small working brain, world, layer type or learning rule of the user's own, copied from
agentsim/templates under a new name."""

from __future__ import annotations

import enum
import importlib.resources
import importlib.util
import keyword
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import brains
from agentsim.errors import UserError


class What(enum.StrEnum):
    """What `agentsim new` can write."""

    brain = "brain"
    world = "world"
    layer = "layer"
    rule = "rule"


def new(
    what: Annotated[What, typer.Argument(help="What to write.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="A Python module name, such as my_brain.")],
) -> None:
    """Write a small working brain, world, layer type or learning rule of your own, with its test and a config, into
    the current directory.

    \b
    Examples:
      agentsim new brain my_brain
      agentsim run --import my_brain --brain my_brain --headless --seconds 5
      agentsim new world my_world
      agentsim run my_world.yaml --import my_world
      agentsim new layer my_layer
      agentsim new rule my_rule
    """
    for line in write(what.value, name):
        typer.echo(line)


def write(what: str, name: str) -> list[str]:
    """Write NAME.py, test_NAME.py and NAME.yaml into the current directory; returns what to tell the user.

    `what` is one of `What`. Raises UserError, and writes nothing, if a file is there already, or if the name is no
    module name, or that of another module or of another thing of its sort.
    """
    from agentsim.config.naming import brain_names
    from brains.layers import LAYERS
    from brains.rules import RULES

    _check_name(name)
    templates = importlib.resources.files("agentsim") / "templates"
    files = {Path(form.format(name)): form.format(f"my_{what}") for form in ("{}.py", "test_{}.py", "{}.yaml")}
    there = [str(path) for path in files if path.exists()]
    if there:
        raise UserError(f"{', '.join(there)}: there already; choose another name, or delete it first")
    known: dict[str, Any] = {"brain": [*brains.BRAINS, *brain_names()], "layer": LAYERS, "rule": RULES}
    if name in known.get(what, ()) or (what, name) == ("layer", "parallel"):
        raise UserError(f"{name!r}: there is a {what} of that name; choose another one")
    names = {"agentsim.templates.": "", f"my_{what}": name, f"My{what.title()}": _class_name(name, what)}
    for path, template in files.items():
        text = (templates / template).read_text(encoding="utf-8")
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(re.sub("|".join(map(re.escape, names)), lambda match: names[match[0]], text))
        except OSError as error:
            raise UserError(f"{path}: cannot be written here: {error.strerror}") from None
    return [
        f"wrote {', '.join(map(str, files))}",
        f"run it:   agentsim run {name}.yaml --import {name}",
        f"test it:  python -m pytest test_{name}.py",
    ]


def _class_name(name: str, what: str) -> str:
    """my_brain -> MyBrain, ant -> AntBrain (so that no name is that of a class of ours)."""
    words = name.split("_") if name.endswith(what) else [*name.split("_"), what]
    return "".join(word[:1].upper() + word[1:] for word in words)


def _check_name(name: str) -> None:
    if not (name.isidentifier() and name.isascii()) or keyword.iskeyword(name) or not name[0].isalpha():
        raise UserError(f"{name!r}: not a Python module name; use letters, digits and underscores, such as my_brain")
    if len(name) > 100:
        raise UserError(f"{name[:20]}...: too long for a file's name; use at most 100 letters")
    if Path(f"{name}.py").exists():
        return  # the message about the file says more
    if name in sys.stdlib_module_names or importlib.util.find_spec(name) is not None:
        raise UserError(f"{name!r}: a Python module of that name exists and would be hidden; choose another name")
