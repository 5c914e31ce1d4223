"""The torus [0, 1) x [0, 1): its edges, and the shortest way round. All work on a number or on eight."""

from __future__ import annotations

from agentsim.compiled.jit import inline
from agentsim.compiled.wide import root, where


@inline
def wrap(position):
    """A coordinate less than one width outside the torus, brought into [0, 1)."""
    inside = where(position < 0.0, position + 1.0, position)
    return where(inside >= 1.0, inside - 1.0, inside)  # also where -1e-20 + 1 rounds up to 1


@inline
def shortest(difference):
    """The shortest way round a circle of length 1, in [-0.5, 0.5], for a difference in (-1, 1)."""
    return where(difference > 0.5, difference - 1.0, where(difference < -0.5, difference + 1.0, difference))


@inline
def length(x, y):
    """Of the vector (x, y)."""
    return root(x * x + y * y)
