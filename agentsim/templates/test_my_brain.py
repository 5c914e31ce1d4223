"""Does my_brain keep the promises of a brain?"""

from __future__ import annotations

from agentsim.templates.my_brain import MyBrain
from agentsim.testing import check_brain


def test_protocol() -> None:
    """Shapes, dtypes, seeds, and saving and loading."""
    check_brain(lambda body, seed: MyBrain(MyBrain.Config(), body, seed))
