"""What lives in a world. A new kind of brain is a file here and a line in BRAINS."""

from __future__ import annotations

from importlib import import_module
from typing import Any

BRAINS: dict[str, str] = {
    "stepping": "brains.stepping:SteppingBrain",
    "random": "brains.controls:RandomBrain",
    "constant": "brains.controls:ConstantBrain",
    "alternate": "brains.controls:AlternateBrain",
    "repeat_last_label": "brains.controls:RepeatLastLabelBrain",
    "bias_only": "brains.controls:BiasOnlyBrain",
    "oracle": "brains.controls:DelayedOracleBrain",
}


def load(kind: str) -> Any:
    """The brain class of a kind, imported now. Raises KeyError if there is none of that name."""
    module, name = BRAINS[kind].split(":")
    return getattr(import_module(module), name)
