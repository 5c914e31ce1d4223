"""Does a learning rule keep the promises of a rule?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from agentsim.testing.networks import REWARDED, TAUGHT, check_kernels, check_parameters_move
from brains.kernels import BACKENDS
from brains.kernels.reference import names
from brains.rules import RULES
from brains.stepping.settings import SteppingConfig

# one layer for each way that a rule goes through one: with a slope, with a normalisation, by a state, by a product
LAYERS: list[dict[str, Any]] = [
    {"units": 24, "activation": "tanh"},
    {"units": 17, "activation": "sigmoid", "normalize": True},
    {"type": "rnn", "units": 5},
    {"type": "swiglu", "hidden": 7},
    {},
]
DENSE = [LAYERS[0], LAYERS[1], {}]
SCHEDULES: tuple[dict[str, Any], ...] = (
    {},
    {"schedule": {"block": 4}},
    {"schedule": {"accumulate": 3}},
    {"replay": {"capacity": 9, "per_tick": 5, "recent": 3}},
)


def check_rule(name: str, **keys: Any) -> None:
    """Check a learning rule by its name, registered before; `keys` are other keys of a brain's YAML that it needs.
    Raises AssertionError where it breaks a promise.

    Checked: its modules have what a rule needs; every parameter of every kind of layer learns, on both backends; the
    compiled kernels are the torch reference, to rounding, in every execution, alignment and schedule that a config
    allows, in several lanes and, if it says that it can, learning from reward, one sample at a time and by replay.
    """
    assert name in RULES, f"there is no rule {name!r}: call agentsim.register_rule first"
    rule, keys = RULES[name], {"learning_rate": 0.05, **keys, "rule": name}
    for place, function in itertools.product((rule.reference, rule.cpu), ("sample", "update")):
        assert hasattr(names.thing(place), function), f"rule {name}: {place} has no {function}"
    for backend in BACKENDS:
        check_parameters_move(LAYERS, backend, **keys)
    check_kernels(LAYERS, **keys)
    for settings in _allowed(keys):
        check_kernels(DENSE, ticks=10, snapshot_every=3, **settings)  # rings wrap, blocks end, snapshots are taken
    check_kernels(DENSE, replace(TAUGHT, lanes=3), **keys)
    if rule.from_reward:
        check_kernels(DENSE, REWARDED, execution="sequential", **keys)
        check_kernels(DENSE, REWARDED, align="pipeline", **keys)
        replay = {"replay": SCHEDULES[-1]["replay"], "readout": "linear"}
        check_kernels(DENSE, REWARDED, execution="sequential", **replay, **keys)


def _allowed(keys: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every execution, alignment and schedule that go together."""
    for execution, align in itertools.product(("stepping", "sequential"), ("instant", "pipeline", "sideways", "now")):
        for schedule in SCHEDULES:
            settings = {**keys, "execution": execution, "align": align, **schedule}
            try:
                SteppingConfig.model_validate({"layers": DENSE, **settings})
            except ValidationError:
                continue
            yield settings
