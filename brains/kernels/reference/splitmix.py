"""The random stream of a lane."""

from __future__ import annotations

MASK = (1 << 64) - 1


def draw(stream: int, bound: int) -> tuple[int, int]:
    """The next value of a splitmix64 stream (Steele et al. 2014): (new stream, integer in [0, bound))."""
    stream = (stream + 0x9E3779B97F4A7C15) & MASK
    z = ((stream ^ (stream >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return stream, ((z ^ (z >> 31)) >> 33) % bound
