"""Does my_world keep the promises of a world?"""

from __future__ import annotations

from agentsim.templates.my_world import MyWorld
from agentsim.testing import check_world


def test_protocol() -> None:
    """Shapes, dtypes, seeds, and saving and loading."""
    check_world(MyWorld)


def test_stepping_right_is_five_hundredths() -> None:
    """The step of the docstring, from 0 to 0.05."""
    world = MyWorld()
    world.reset(seed=0)
    world.place, world.target = 0.0, 0.9
    observation, reward, *_ = world.step(1)
    assert abs(observation[0] - 0.05) < 1e-6 and reward == 0
