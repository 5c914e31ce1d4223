"""A flag that kernels which may take long look at: once it is up they return early, what they have done being spoilt.

A signal handler of Python's runs between two of its instructions, which may be minutes apart where one is a kernel.
"""

from __future__ import annotations

import numpy as np

FLAG = np.zeros(1, np.int64)


def request(wanted: bool = True) -> None:
    """Put the flag up, or take it down."""
    FLAG[0] = wanted


def check() -> None:
    """Raise KeyboardInterrupt if a kernel may have returned early."""
    if FLAG[0]:
        raise KeyboardInterrupt
