"""The Syracuse map on numbers of many limbs, compiled. A number is a row of 64-bit limbs, the lowest first.

A kernel is given int64: sizes, and the addresses of arrays (see `call` in arithmetic.py).
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from agentsim.compiled.jit import INTEGERS, inline, kernel
from agentsim.compiled.pointers import at, doubles, integers, pointer_to

FAST = np.uint64((2**64 - 2) // 3)  # up to here 3n + 1 fits one limb

limbs_at = pointer_to(types.CPointer(types.uint64))
shorts_at = pointer_to(types.CPointer(types.uint16))


@intrinsic
def _trailing_zeros(typing_context, value):
    """v2 of a uint64 that is not 0: one instruction, which numba does not offer."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


@inline
def _live(n, limbs):
    """How many limbs n fills, at least one."""
    live = limbs
    while live > 1 and n[live - 1] == np.uint64(0):
        live -= 1
    return live


@inline
def _step(n, live, limbs):
    """T in place on the `live` lowest limbs of n; those above are 0. (How many are live then, k); k = 0: no room."""
    carry = np.uint64(1)
    for i in range(live):
        double = n[i] << np.uint64(1)
        high = n[i] >> np.uint64(63)
        triple = double + n[i]
        high += np.uint64(triple < double)
        result = triple + carry
        carry = high + np.uint64(result < triple)
        n[i] = result
    if carry:
        if live == limbs:
            return live, 0
        n[live] = carry
        live += 1
    skipped = 0
    while n[skipped] == np.uint64(0):
        skipped += 1
    bits = _trailing_zeros(n[skipped])
    k = 64 * skipped + np.int64(bits)
    if bits:
        back = np.uint64(64) - bits
        for i in range(skipped, live - 1):
            n[i - skipped] = (n[i] >> bits) | (n[i + 1] << back)
        n[live - 1 - skipped] = n[live - 1] >> bits
    else:
        for i in range(skipped, live):
            n[i - skipped] = n[i]
    for i in range(live - skipped, live):
        n[i] = np.uint64(0)
    return _live(n, live - skipped), k


@inline
def _as_float(n, live):
    """The `live` lowest limbs as a float64: what lies below the two highest it cannot show."""
    if live == 1:
        return np.float64(n[0])
    value = n[live - 1] * 2.0**64 + n[live - 2]
    for _ in range(live - 2):
        value *= 2.0**64
    return value


@kernel(INTEGERS)
def walk(given):
    """Fill the rows of Windows, with T^j(n) itself as a float64, and leave the numbers (rows, limbs) where they are
    then; `one` is written where 1 is seen, and `overflown` gets the step at which a row left its limbs, where it did.

    given: rows, limbs, steps, numbers, values, halvings, one, overflown
    """
    limbs, steps = given[1], given[2]
    one, overflown = integers(given[6]), integers(given[7])
    for row in range(given[0]):
        n = at(limbs_at(given[3]), row * limbs)
        values, halvings = at(doubles(given[4]), row * (steps + 1)), at(shorts_at(given[5]), row * steps)
        live = _live(n, limbs)
        j, k = 0, 1
        while j < steps:
            values[j] = _as_float(n, live)
            small = n[0]
            if live == 1 and small == np.uint64(1):
                break
            if live == 1 and small <= FAST:
                small = small + (small << np.uint64(1)) + np.uint64(1)
                bits = _trailing_zeros(small)
                n[0] = small >> bits
                k = np.int64(bits)
            else:
                live, k = _step(n, live, limbs)
                if k == 0:
                    overflown[row] = j
                    break
            halvings[j] = k
            j += 1
        if k > 0 and live == 1 and n[0] == np.uint64(1):
            one[row] = j
            for later in range(j, steps):
                values[later] = 1.0
                halvings[later] = 2
        values[steps] = _as_float(n, live)


@kernel(INTEGERS)
def advance(given):
    """T^steps(n) of each row in place, or 1 where that comes first. `overflown` becomes a row that left its limbs.

    given: rows, limbs, numbers, steps, overflown
    """
    limbs, steps = given[1], integers(given[3])
    for row in range(given[0]):
        n = at(limbs_at(given[2]), row * limbs)
        live = _live(n, limbs)
        for _ in range(steps[row]):
            if live == 1 and n[0] == np.uint64(1):
                break
            live, k = _step(n, live, limbs)
            if k == 0:
                integers(given[4])[0] = row
                break


@kernel(INTEGERS)
def tilted_maximum(given):
    """(rows,): max of x_j + tilt j over j = 0 .. last; logs (rows, stride), last (rows,), tilt (1,).

    given: rows, stride, logs, last, tilt, found
    """
    last, tilt, found = integers(given[3]), doubles(given[4])[0], doubles(given[5])
    for row in range(given[0]):
        logs = at(doubles(given[2]), row * given[1])
        highest = logs[0]
        for j in range(1, last[row] + 1):
            highest = max(highest, logs[j] + tilt * j)
        found[row] = highest
