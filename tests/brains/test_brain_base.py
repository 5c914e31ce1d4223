"""What BrainBase gives a brain that only says how it acts, learns and what its arrays are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agentsim.testing import check_brain
from brains.brain import Body, BrainBase, Experience, Learning


class Counter(BrainBase):
    """Counts the ticks it learned from, and says how many they are since its last reset."""

    def __init__(self, config: Any, body: Body, seed: np.random.SeedSequence) -> None:
        super().__init__(config, body)
        self.learned, self.ticks = np.zeros(body.lanes, np.int64), np.zeros((body.lanes, 2), np.int64)

    def reset(self, lanes: Any) -> None:
        self.ticks[lanes] = 0

    def act(self, observation: Any) -> Any:
        self.ticks += 1
        return self.ticks[:, 0] % self.body.actions

    def learn(self, experience: Experience) -> Learning:
        self.learned += 1
        return Learning(updates=1)

    def arrays(self) -> dict[str, Any]:
        return {"learned": self.learned, "ticks": self.ticks}


def lived(ticks: int, lanes: int = 2) -> Counter:
    """A counter that acted and learned for so many ticks, in its last lane from one tick more."""
    brain = Counter(None, Body(1, 5, lanes=lanes), np.random.SeedSequence(0))
    nothing, no = np.zeros((lanes, 1), np.float32), np.zeros(lanes, bool)
    for _ in range(ticks):
        brain.learn(Experience(nothing, brain.act(nothing), nothing[:, 0], nothing, no, no))
    brain.learned[-1] += 1
    return brain


def test_it_keeps_the_promises_of_a_brain() -> None:
    check_brain(lambda body, seed: Counter(None, body, seed))


def test_a_state_is_loaded_in_place_and_only_where_it_fits() -> None:
    brain, other = lived(3), lived(1)
    live = other.learned
    other.load_state_dict(brain.state_dict())
    assert live.tolist() == other.learned.tolist() == [3, 4] and other.ticks.tolist() == [[3, 3], [3, 3]]
    with pytest.raises(ValueError, match="learned"):
        lived(1, lanes=3).load_state_dict(brain.state_dict())


@pytest.mark.parametrize(("lanes", "learned"), [(None, [3, 4]), (3, [3, 3, 3])])
def test_a_frozen_copy_knows_what_was_learned_and_learns_no_more(lanes: int | None, learned: list[int]) -> None:
    copy, count = lived(3).frozen_copy(lanes), len(learned)
    state = copy.state_dict()
    assert state["learned"].tolist() == learned and not state["ticks"].any()
    nothing, no = np.zeros((count, 1), np.float32), np.zeros(count, bool)
    action = copy.act(nothing)
    assert action.tolist() == [1] * count
    assert copy.learn(Experience(nothing, action, nothing[:, 0], nothing, no, no)) == copy.rehearse() == Learning()
    assert copy.state_dict()["learned"].tolist() == learned
