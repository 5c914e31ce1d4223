"""Does my_layer keep the promises of a layer?"""

from __future__ import annotations

import numpy as np
import torch

from agentsim.templates.my_layer import MyLayer
from agentsim.testing import check_layer
from brains.kernels.program import op


def test_conformance() -> None:
    """Gradients, states, and compiled kernels that are the reference."""
    check_layer("my_layer")


def test_the_formula() -> None:
    """3 x 1 + 0.5 and -1 x 2 + 0, by the reference, which the kernels are compared with."""
    row = np.zeros(op.COLUMNS, np.int64)
    row[[op.IN, op.UNITS]] = 2
    layer = MyLayer(row, {"gain": torch.tensor([3.0, -1.0]), "bias": torch.tensor([0.5, 0.0])})
    z, _ = layer(torch.tensor([1.0, 2.0]))
    assert z.tolist() == [3.5, -2.0]
