"""Normal numbers that nobody keeps: of a key, a tensor, an epoch and a pair, made again wherever they are asked for.

Plain loops, which the compiler turns into vectors: no libm, whose logarithm and sine would be one number at a time.
"""

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from agentsim.compiled import random
from agentsim.compiled.jit import INTEGERS, inline, kernel
from agentsim.compiled.pointers import at, floats

F = np.float32
philox = inline(random.philox)


@intrinsic
def _bits(typing_context, number):
    """A float32 as an int32 of the same bits."""

    def generate(context, builder, signature, values):
        return builder.bitcast(values[0], ir.IntType(32))

    return types.int32(types.float32), generate


@intrinsic
def _float_of(typing_context, bits):
    """The float32 of an int32's bits."""

    def generate(context, builder, signature, values):
        return builder.bitcast(values[0], ir.FloatType())

    return types.float32(types.int32), generate


@inline
def _logarithm(x):
    """ln x of a positive normal number, to 1e-7 (Moshier's Cephes, logf)."""
    bits = _bits(x) - np.int32(0x3F3504F3)  # so that what is left lies between the roots of 1/2 and 2
    exponent = F(bits >> np.int32(23))
    m = _float_of((bits & np.int32(0x007FFFFF)) + np.int32(0x3F3504F3)) - F(1.0)
    square = m * m
    p = F(7.0376836292e-2)
    p = p * m + F(-1.1514610310e-1)
    p = p * m + F(1.1676998740e-1)
    p = p * m + F(-1.2420140846e-1)
    p = p * m + F(1.4249322787e-1)
    p = p * m + F(-1.6668057665e-1)
    p = p * m + F(2.0000714765e-1)
    p = p * m + F(-2.4999993993e-1)
    p = p * m + F(3.3333331174e-1)
    rest = m * square * p + exponent * F(-2.12194440e-4) - F(0.5) * square
    return m + rest + exponent * F(0.693359375)


@inline
def _pair(first, second):
    """Two normal numbers of two 32-bit words (Box & Muller 1958): the radius from 23 bits, so that its uniform number
    is exact in float32 and never 0, the angle from 24."""
    u = (F(np.int32(first >> np.uint64(9))) + F(0.5)) * F(2.0**-23)
    radius = F(math.sqrt(F(-2.0) * _logarithm(u)))
    turn = np.int32(second >> np.uint64(8))
    quarter = (turn + np.int32(1 << 21)) >> np.int32(22)
    x = F(turn - (quarter << np.int32(22))) * F(2.0 * math.pi * 2.0**-24)
    z = x * x
    sine = x + x * z * ((F(-1.9515295891e-4) * z + F(8.3321608736e-3)) * z + F(-1.6666654611e-1))
    cosine = F(1.0) - F(0.5) * z
    cosine += z * z * ((F(2.443315711809948e-5) * z + F(-1.388731625493765e-3)) * z + F(4.166664568298827e-2))
    odd, half = quarter & np.int32(1), quarter & np.int32(2)
    along, across = (sine, cosine) if odd else (cosine, sine)
    across = -across if half else across
    along = -along if half != (odd << np.int32(1)) else along
    return radius * along, radius * across


@kernel(INTEGERS)
def fill(program):
    """Rows of normal numbers. `program`: the key's two words, the epoch, the tensor, the first pair and how many,
    blocks of four numbers a row, the address of the first number and the distance between rows. Number e of a row is
    word e // blocks of block e % blocks, whose counter is (block, pair, epoch, tensor)."""
    key = (np.uint64(program[0]), np.uint64(program[1]))
    epoch, tensor, pairs, blocks = np.uint64(program[2]), np.uint64(program[3]), program[5], program[6]
    for p in range(pairs):
        row = at(floats(program[7]), p * program[8])
        pair = np.uint64(program[4] + p)
        second, third, fourth = at(row, blocks), at(row, 2 * blocks), at(row, 3 * blocks)
        for b in range(blocks):
            w0, w1, w2, w3 = philox((np.uint64(b), pair, epoch, tensor), key)
            row[b], second[b] = _pair(w0, w1)
            third[b], fourth[b] = _pair(w2, w3)
