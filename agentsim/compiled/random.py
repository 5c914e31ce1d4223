"""Chance: a counter-based stream that compiled code and Python draw from alike, and NumPy's own generator as words.

The functions of words are plain Python of uint64: with NumPy's arrays they are what they are, and `jit.inline` makes
them part of kernels, of one lane or of several.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

WORDS_OF_PCG64 = 6

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_6, _11, _16, _27, _30, _31, _32, _48 = (np.uint64(k) for k in (6, 11, 16, 27, 30, 31, 32, 48))
_LOW = np.uint64(0xFFFF)
_HALF = np.uint64(0xFFFFFFFF)
_M0, _M1, _W0, _W1 = (np.uint64(k) for k in (0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85))  # Philox's
ROUNDS = 10


def splitmix64(key: Any, counter: Any) -> Any:
    """Word number `counter`, from 1, of the stream of a key, both uint64 (Steele, Lea & Flood 2014)."""
    z = key + counter * _GOLDEN
    z = (z ^ (z >> _30)) * _FIRST
    z = (z ^ (z >> _27)) * _SECOND
    return z ^ (z >> _31)


def philox(counter: Any, key: Any) -> Any:
    """Four random 32-bit words of a counter of four and a key of two, all held in uint64: Philox4x32-10 (Salmon,
    Moraes, Dror & Shaw 2011)."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        first, second = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (second >> _32) ^ c1 ^ k0, second & _HALF, (first >> _32) ^ c3 ^ k1, first & _HALF
        k0, k1 = (k0 + _W0) & _HALF, (k1 + _W1) & _HALF
    return c0, c1, c2, c3


def uniform(word: Any) -> Any:
    """U[0, 1) on a grid of 2**-53, from a random word."""
    return (word >> _11) * 2.0**-53


def normal(first: Any, second: Any, third: Any) -> Any:
    """About N(0, 1) without libm: the sum of 12 centred 16-bit uniforms (Irwin-Hall), from three random words.

    Mean 0 and variance 1 - 2**-32 exactly; excess kurtosis -0.1, and never beyond 6 standard deviations.
    """
    total = (first & _LOW) + (second & _LOW) + (third & _LOW)
    total = total + ((first >> _16) & _LOW) + ((second >> _16) & _LOW) + ((third >> _16) & _LOW)
    total = total + ((first >> _32) & _LOW) + ((second >> _32) & _LOW) + ((third >> _32) & _LOW)
    total = total + (first >> _48) + (second >> _48) + (third >> _48)
    return (total + _6) * 2.0**-16 - 6.0  # six: twelve half steps centre the 16-bit grid


def pack(generator: np.random.Generator) -> NDArray[np.uint64]:
    """A PCG64 generator, the kind that Gymnasium makes, as (6,) uint64."""
    state: dict[str, Any] = dict(generator.bit_generator.state)
    if state["bit_generator"] != "PCG64":
        raise ValueError(f"np_random: a {state['bit_generator']} generator cannot be saved, only PCG64")
    pair = state["state"]["state"], state["state"]["inc"]
    halves = [half for number in pair for half in (number >> 64, number & (2**64 - 1))]
    return np.array([*halves, state["has_uint32"], state["uinteger"]], np.uint64)


def unpack(words: NDArray[np.uint64]) -> np.random.Generator:
    """Inverse of pack."""
    high, low, increment_high, increment_low, has_uint32, uinteger = (int(word) for word in words)
    bits = np.random.PCG64()
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": high << 64 | low, "inc": increment_high << 64 | increment_low},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }
    return np.random.Generator(bits)
