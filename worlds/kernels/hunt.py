"""What the two chase / avoid worlds do alike, to one lane."""

from __future__ import annotations

from agentsim.compiled.jit import inline
from agentsim.compiled.wide import root
from worlds.kernels import layout
from worlds.kernels.common import chance


@inline
def head(program, state, stream):
    """Give the target of a new episode a uniformly random heading."""
    padded = program[layout.PADDED]
    x, y, square = 0.0, 0.0, 0.0
    while square > 1.0 or square < 0.01:  # a point of the unit disc gives a uniform direction without libm
        x, y = 2.0 * chance(program, stream) - 1.0, 2.0 * chance(program, stream) - 1.0
        square = x * x + y * y
    norm = root(square)
    state[layout.HEADING_X * padded], state[layout.HEADING_Y * padded] = x / norm, y / norm
    state[layout.TURN * padded] = state[layout.AGE * padded] = state[layout.TICK * padded] = 0.0
