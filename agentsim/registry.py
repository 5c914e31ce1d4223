"""Brains and worlds from outside this repository, made known by a module that the person named with --import."""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import brains
from agentsim.compiled import reach
from agentsim.errors import UserError, said
from brains.layers import LAYERS, LayerConfig
from brains.rules import RULES, Rule
from worlds import WRAPPERS

IMPORTED: dict[str, str] = {}  # modules given with --import -> a digest of the sources that each reaches


def register_brain(name: str, brain: str | Callable[..., Any]) -> None:
    """Make a kind of brain, a class or a function (see `brains.brain.Kind`), known as `kind: name`; "module:Class" is
    imported when needed.

    Raises ValueError if the name is taken by another kind, or the kind cannot be found again by its module's name.
    """
    if not isinstance(brain, str):
        if "<locals>" in brain.__qualname__:
            raise ValueError(f"register_brain({name!r}): define {brain.__name__} at the top level of a module")
        brain = f"{brain.__module__}:{brain.__qualname__}"
    if not re.fullmatch(r"[\w.]+:[\w.]+", brain):
        raise ValueError(f'register_brain({name!r}): give the class, or "module:Class", not {brain!r}')
    _register(brains.BRAINS, "register_brain", name, brain)


def register_layer(name: str, layer: type[LayerConfig]) -> None:
    """Make a layer's config class known as `type: name`, which its field `type` must say too.

    Raises ValueError if the name is taken by another class, or is not that of the class.
    """
    if not (isinstance(layer, type) and issubclass(layer, LayerConfig)):
        raise ValueError(f"register_layer({name!r}): {layer!r} is no class of brains.layers.LayerConfig")
    if name == "parallel":
        raise ValueError("register_layer('parallel'): branches side by side are of that type already")
    if get_args(layer.model_fields["type"].annotation) != (name,):
        raise ValueError(f'register_layer({name!r}): {layer.__name__} should say type: Literal["{name}"]')
    _register(LAYERS, "register_layer", name, layer)


def register_rule(name: str, rule: Rule) -> None:
    """Make a learning rule known as `rule: name`. Raises ValueError if it is no Rule, or the name is another's."""
    if not isinstance(rule, Rule):
        raise ValueError(f"register_rule({name!r}): {rule!r} is no brains.rules.Rule")
    _register(RULES, "register_rule", name, rule)


def register_world(id: str, entry_point: str | Callable[..., Any], **options: Any) -> None:  # noqa: A002
    """Make a Gymnasium environment known as `world: {id: ...}`: `gymnasium.register` with the same arguments."""
    import gymnasium

    gymnasium.register(id, entry_point=entry_point, **options)


def _register(known: dict[str, Any], function: str, name: str, thing: Any) -> None:
    if not re.fullmatch(r"[A-Za-z]\w*", name):
        raise ValueError(f"{function}({name!r}): a name is a word of letters, digits and underscores")
    if known.get(name, thing) != thing:
        raise ValueError(f"{function}({name!r}): there is one of that name already, {known[name]}")
    known[name] = thing


def import_module(name: str) -> None:
    """Import a module of the person's own, also from the current directory. Raises UserError, naming the line."""
    if name.endswith(".py") or not all(part.isidentifier() for part in name.split(".")):
        hint = Path(name).stem
        raise UserError(f"--import {name}: give a module's name, not a path, for example --import {hint}")
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    digest = b""
    with contextlib.suppress(Exception):  # what is wrong with it, the import says
        digest = reach.digest(name)  # what is imported now is what a kernel's name stands for, whatever is saved later
    try:
        _know_wrappers(importlib.import_module(name))
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise UserError(f"--import {name}: no such module here ({Path.cwd()}) or installed") from None
        raise UserError(f"--import {name}: {error}") from error
    except SyntaxError as error:
        where = f"{error.filename}:{error.lineno}: " if error.filename else ""
        raise UserError(f"--import {name}: {where}SyntaxError: {error.msg}") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever it raises, it is the module's
        frames = traceback.extract_tb(error.__traceback__)
        frame = next((frame for frame in reversed(frames) if frame.filename != __file__), frames[-1])
        raise UserError(f"--import {name}: {frame.filename}:{frame.lineno}: {said(error)}") from error
    IMPORTED[name] = digest.hex()


def _know_wrappers(module: Any) -> None:
    """Let configs name the Gymnasium wrappers of a module."""
    import gymnasium

    for name, value in vars(module).items():
        if isinstance(value, type) and issubclass(value, gymnasium.Wrapper) and value is not gymnasium.Wrapper:
            WRAPPERS[name] = value
