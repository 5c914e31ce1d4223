"""Brains and worlds from outside this repository, made known by a module that the person named with --import."""

from __future__ import annotations

import importlib
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brains
from agentsim.errors import UserError


def register_brain(name: str, brain: str | type) -> None:
    """Make a brain class known as `kind: name`. `brain` is the class, or "module:Class" to import it when needed.

    Raises ValueError if the name is taken by another class, or the class cannot be found again by its module's name.
    """
    if not isinstance(brain, str):
        if "<locals>" in brain.__qualname__:
            raise ValueError(f"register_brain({name!r}): define {brain.__name__} at the top level of a module")
        brain = f"{brain.__module__}:{brain.__qualname__}"
    if not re.fullmatch(r"[\w.]+:[\w.]+", brain):
        raise ValueError(f'register_brain({name!r}): give the class, or "module:Class", not {brain!r}')
    if not re.fullmatch(r"[A-Za-z]\w*", name):
        raise ValueError(f"register_brain({name!r}): a kind is a word of letters, digits and underscores")
    if brains.BRAINS.get(name, brain) != brain:
        raise ValueError(f"register_brain({name!r}): there is a brain of that name already, {brains.BRAINS[name]}")
    brains.BRAINS[name] = brain


def register_world(id: str, entry_point: str | Callable[..., Any], **options: Any) -> None:  # noqa: A002
    """Make a Gymnasium environment known as `world: {id: ...}`: `gymnasium.register` with the same arguments."""
    import gymnasium

    gymnasium.register(id, entry_point=entry_point, **options)


def import_module(name: str) -> None:
    """Import a module of the person's own, also from the current directory. Raises UserError, naming the line."""
    if name.endswith(".py") or not all(part.isidentifier() for part in name.split(".")):
        hint = Path(name).stem
        raise UserError(f"--import {name}: give a module's name, not a path, for example --import {hint}")
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise UserError(f"--import {name}: no such module here ({Path.cwd()}) or installed") from None
        raise UserError(f"--import {name}: {error}") from error
    except SyntaxError as error:
        raise UserError(f"--import {name}: {error.filename}:{error.lineno}: SyntaxError: {error.msg}") from error
    except (Exception, SystemExit) as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise UserError(f"--import {name}: {frame.filename}:{frame.lineno}: {type(error).__name__}: {error}") from error
