"""What lives in a world. A new kind of brain is a file here and a line in BRAINS."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.random import SeedSequence

    from brains.brain import Body, Brain, Kind

BRAINS: dict[str, str] = {
    "stepping": "brains.stepping.kind:stepping",
    "eqprop": "brains.eqprop.brain:EqPropBrain",
    "quadratic": "brains.eqprop.brain:QuadraticBrain",
    "evolution": "brains.evolution.kind:evolution",
    "eqprop_reward": "brains.eqprop.reward:EqPropRewardBrain",
    "dreaming": "brains.eqprop.dreaming:DreamingBrain",
    "imagining": "brains.eqprop.inference:ImaginingBrain",
    "planning": "brains.planning:PlanningBrain",
    "random": "brains.controls:RandomBrain",
    "constant": "brains.controls:ConstantBrain",
    "alternate": "brains.controls:AlternateBrain",
    "repeat_last_label": "brains.controls:RepeatLastLabelBrain",
    "bias_only": "brains.controls:BiasOnlyBrain",
    "oracle": "brains.controls:DelayedOracleBrain",
}


def load(name: str) -> Kind:
    """The kind of that name, imported now. Raises KeyError if there is none."""
    module, attribute = BRAINS[name].split(":")
    found: Kind = getattr(import_module(module), attribute)
    return found


def make(kind: Kind, config: Any, body: Body, seed: SeedSequence) -> Brain:
    """A brain of a kind; the world's oracle is handed only to kinds that declare `asks_the_oracle`, its shadows only to
    those that declare `lives_in_shadows`."""
    own = body if getattr(kind, "asks_the_oracle", False) else body.without_oracle()
    if own.shadows is not None and not getattr(kind, "lives_in_shadows", False):
        own = replace(own, shadows=None)
    return kind(config, own, seed)
