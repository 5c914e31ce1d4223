"""agentsim: a small brain lives in a world, ticks with it and learns while it acts.

    from agentsim import Simulation, load_config

    Simulation(load_config("arena")).run(ticks=900)

`record(config, directory)` makes a simulation that is recorded in a run directory.
The names below are imported when they are first used, so that `import agentsim` stays light.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentsim.system.machine import limit_threads
from agentsim.system.process import interrupts_are_quiet

# BLAS reads its number of threads when numpy is imported, before any function of the command line can run. A program
# that imports agentsim is left to decide for itself.
if any(Path(word).stem == "agentsim" for word in sys.orig_argv):
    limit_threads()
    interrupts_are_quiet(sys.orig_argv)

import worlds

if TYPE_CHECKING:
    from agentsim.config.load import Config, load_brain, load_config
    from agentsim.errors import UserError
    from agentsim.loop.simulation import Simulation
    from agentsim.registry import register_brain, register_layer, register_rule, register_world
    from agentsim.runs.recorded import record
    from brains.brain import NO_LABEL, Body, Brain, BrainBase, Experience, Learning

__version__ = "0.1.0"

_MODULES = {
    "Config": "agentsim.config.load",
    "load_brain": "agentsim.config.load",
    "load_config": "agentsim.config.load",
    "UserError": "agentsim.errors",
    "record": "agentsim.runs.recorded",
    "register_brain": "agentsim.registry",
    "register_layer": "agentsim.registry",
    "register_rule": "agentsim.registry",
    "register_world": "agentsim.registry",
    "Simulation": "agentsim.loop.simulation",
    "NO_LABEL": "brains.brain",
    "Body": "brains.brain",
    "Brain": "brains.brain",
    "BrainBase": "brains.brain",
    "Experience": "brains.brain",
    "Learning": "brains.brain",
}

__all__ = [
    "NO_LABEL",
    "Body",
    "Brain",
    "BrainBase",
    "Config",
    "Experience",
    "Learning",
    "Simulation",
    "UserError",
    "load_brain",
    "load_config",
    "record",
    "register_brain",
    "register_layer",
    "register_rule",
    "register_world",
]

worlds.register()


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'agentsim' has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
