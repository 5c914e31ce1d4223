"""What shadows foresee: the shown world's own future but for its chance, lived again by Gymnasium's interface."""

from __future__ import annotations

import numpy as np
import pytest

from worlds.chase_avoid import ChaseAvoid
from worlds.chase_avoid_classic import ChaseAvoidClassic
from worlds.kernels import layout


def lived(task: str, kind: type[ChaseAvoid] = ChaseAvoid) -> ChaseAvoid:
    """A world in the midst of an episode, with options of its own."""
    world = kind(task=task, shaping=0.25, teacher_every=3)
    world.reset(seed=4)
    for tick in range(17):
        world.step(np.int64(tick % 4))
    return world


@pytest.mark.parametrize("kind", [ChaseAvoid, ChaseAvoidClassic])
@pytest.mark.parametrize("task", ["chase", "avoid"])
def test_they_foresee_what_the_world_would_do(task: str, kind: type[ChaseAvoid]) -> None:
    """70 ticks, more than a hunter's patience: each lane's rewards and observations are those of a world made alone,
    brought to the same state, and given the chance that the generator's next word is the key of. The world stays."""
    world, plans = lived(task, kind), np.random.default_rng(1).integers(4, size=(70, 5))
    shadows = world.shadows(5)
    before = world.get_state()
    rewards, seen = shadows.foresee(plans, np.random.default_rng(2))
    key = np.random.default_rng(2).integers(0, 2**64, dtype=np.uint64)
    for lane in range(5):
        single = kind(task=task, shaping=0.25, teacher_every=3)
        single.reset(seed=0)
        single.set_state({**single.get_state(), "state": before["state"]})
        single.lanes.stream[0] = key, 0
        for tick in range(70):
            observation, reward, *_ = single.step(plans[tick, lane])
            assert reward == rewards[tick, lane] and np.array_equal(observation, seen[tick, lane])
    assert all(np.array_equal(array, before[name]) for name, array in world.get_state().items())


def test_their_chance_is_not_the_worlds() -> None:
    """Who does in every lane what is then done in the world sees, of one who wanders, another way than it takes, and
    another one each time; of a hunter, which leaves nothing to chance, that way to the bit."""
    for task, alike in (("chase", False), ("avoid", True)):
        world, generator = lived(task), np.random.default_rng(3)
        world.drag_target(*(world.lanes.state[0, [layout.AGENT_X, layout.AGENT_Y]] + 0.4))  # nobody is met
        shadows, plans = world.shadows(3), np.ones((8, 3), np.int64)
        ways = [shadows.foresee(plans, generator)[1].copy() for _ in range(2)]
        assert all(np.array_equal(way[:, :1].repeat(3, 1), way) for way in ways)
        assert not (shadows.lanes.stream[:, 0] == world.lanes.stream[0, 0]).any()
        real = np.array([world.step(np.int64(1))[0] for _ in range(8)])
        assert np.array_equal(ways[0][:, 0], real) == np.array_equal(ways[0], ways[1]) == alike


def test_they_foresee_the_task_in_force() -> None:
    world = lived("chase")
    shadows = world.shadows(2)
    for task in (1, 0):
        world.switch_task(task)
        _, seen = shadows.foresee(np.zeros((3, 2), np.int64), np.random.default_rng(0))
        assert (seen[..., 7] == task).all()
