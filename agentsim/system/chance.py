"""The generators that all of a process shares, Python's and NumPy's: nothing of ours draws from them, others may."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import numpy as np


def seed_shared(seed: int) -> None:
    """Begin both anew, so that who draws from them does so alike in every run of a seed."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002


def state_of_shared() -> str:
    """A digest that changes with every draw from either."""
    numpy: Any = np.random.get_state(legacy=True)  # noqa: NPY002
    return hashlib.blake2b(repr((random.getstate(), *numpy[1:])).encode(), digest_size=16).hexdigest()
