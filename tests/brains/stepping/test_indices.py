"""A checkpoint's numbers that are used as an index are refused where they would point outside an array; and a twin has
parameters of its own, as many as it needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from brains.brain import Experience
from brains.kernels.program import counter

CAPACITY = 4
TAUGHT: dict[str, Any] = {"replay": {"capacity": CAPACITY, "per_tick": 2}}
REWARD: dict[str, Any] = {"teacher": False, "align": "pipeline"}
REPLAYED: dict[str, Any] = {"teacher": False, "execution": "sequential", "readout": "linear", **TAUGHT}


def lived(make_brain: Callable[..., Any], settings: dict[str, Any]) -> Any:
    """A brain of two lanes that senses 5 numbers, has 3 actions and has lived six ticks."""
    brain = make_brain(lanes=2, backend="torch", **settings)
    senses, no = np.ones((2, 5), np.float32), np.zeros(2, bool)
    for _ in range(6):
        label = np.array([1, 2]) if brain.body.teacher else None
        brain.learn(Experience(senses, brain.act(senses), senses[:, 0], senses, no, no, label))
    return brain


@pytest.mark.parametrize("bad", ["least", "most", "nan"])
@pytest.mark.parametrize(
    ("settings", "entry", "place", "limit", "name"),
    [
        (TAUGHT, "state", counter.TICK, 1 << 62, "tick"),
        (TAUGHT, "state", counter.AGE, 1 << 62, "age"),
        (TAUGHT, "state", counter.SIZE, CAPACITY + 1, "replay size"),
        (TAUGHT, "state", counter.POSITION, CAPACITY, "replay position"),
        (TAUGHT, "replay", -1, 3, "label"),
        (REPLAYED, "state", counter.POSITION, CAPACITY, "replay position"),
        (REPLAYED, "replay", 5, 3, "action"),
        (REWARD, "sampled", 0, 3, "action"),
    ],
)
def test_an_index_outside_its_array_is_refused(
    settings: dict[str, Any], entry: str, place: int, limit: int, name: str, bad: str, make_brain: Any
) -> None:
    brain = lived(make_brain, settings)
    state = brain.state_dict()
    brain.load_state_dict(state)
    state[entry][-1][..., place] = limit - 1
    brain.load_state_dict(state)  # the last one that fits
    if bad == "nan" and entry == "state":
        return  # integers
    state[entry][-1][..., place] = {"least": -1, "most": limit, "nan": np.nan}[bad]
    with pytest.raises(ValueError, match=rf"'{entry}': {name} .* outside \[0, {limit}\)"):
        brain.load_state_dict(state)


def test_a_twin_that_shares_has_one_block_of_parameters(make_brain: Any) -> None:
    network = make_brain(lanes=3, backend="torch").network
    assert len(network.twin().parameters) == 3 and (network.twin().parameters == network.parameters).all()
    shared = network.twin(1000)
    assert shared.parameters.shape == (1, *network.parameters.shape[1:]) and len(shared.activity) == 1000
    assert (shared.parameters[0] == network.parameters[0]).all()
    assert shared.twin().parameters.shape == shared.parameters.shape
    shared.parameters[:] = 0
    assert network.parameters.any()
