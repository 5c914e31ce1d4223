"""Does my_rule keep the promises of a rule?"""

from __future__ import annotations

import numpy as np

import agentsim.templates.my_rule  # noqa: F401  # makes it known
from agentsim.testing import check_rule
from brains.brain import Body, Experience
from brains.stepping.kind import stepping
from brains.stepping.settings import SteppingConfig


def test_conformance() -> None:
    """Everything learns, and the compiled kernels are the reference."""
    check_rule("my_rule")


def test_an_update_is_as_long_as_the_rate_and_points_down_the_slope() -> None:
    """Of o = x W + b with half a squared error: W moves along x outer (goal - o), b along goal - o."""
    keys = {"layers": [{}], "readout": "linear", "execution": "sequential", "rule": "my_rule", "learning_rate": 0.25}
    body = Body(3, 2, discrete=False, low=(-9.0, -9.0), high=(9.0, 9.0), teacher=True)
    brain = stepping(SteppingConfig.model_validate(keys), body, np.random.SeedSequence(0))
    before = np.vstack([brain.network.weight(0), brain.network.bias(0)])
    x, goal = np.array([[0.5, -1.0, 0.25]], np.float32), np.array([[1.0, -1.0]], np.float32)
    action, nothing, no = brain.act(x), np.zeros(1, np.float32), np.zeros(1, bool)
    brain.learn(Experience(x, action, nothing, x, no, no, goal))
    moved = np.vstack([brain.network.weight(0), brain.network.bias(0)]) - before
    downhill = np.outer([*x[0], 1.0], (goal - action)[0])
    np.testing.assert_allclose(moved, 0.25 * downhill / np.linalg.norm(downhill), rtol=1e-4, atol=1e-6)
