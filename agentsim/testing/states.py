"""Comparing lives and states bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np


def same(one: list[Any], other: list[Any]) -> bool:
    """Whether two lists hold equal arrays; NaN equals NaN."""
    return len(one) == len(other) and all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True))


def same_state(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two states have the same names, types and bits."""
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and same([one[name]], [other[name]]) for name in one
    )


def copied(state: dict[str, Any]) -> dict[str, Any]:
    """A state with copies of its arrays."""
    return {name: np.array(value) for name, value in state.items()}
