"""The Syracuse map on numbers of many limbs, compiled. A number is a row of 64-bit limbs, the lowest first."""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

WORD = 64
NOT_SEEN = -1
FAST = np.uint64((2**64 - 2) // 3)  # up to here 3n + 1 fits one limb


@intrinsic
def _trailing_zeros(typing_context, value):
    """v2 of a uint64 that is not 0: one instruction, which numba does not offer."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


_compiled = njit(cache=True, error_model="numpy", nogil=True)


@_compiled
def _live(n):
    """How many limbs n fills, at least one."""
    live = len(n)
    while live > 1 and n[live - 1] == np.uint64(0):
        live -= 1
    return live


@_compiled
def _step(n, live):
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
        if live == len(n):
            return live, 0
        n[live] = carry
        live += 1
    skipped = 0
    while n[skipped] == np.uint64(0):
        skipped += 1
    bits = _trailing_zeros(n[skipped])
    k = WORD * skipped + np.int64(bits)
    if bits:
        back = np.uint64(WORD) - bits
        for i in range(skipped, live - 1):
            n[i - skipped] = (n[i] >> bits) | (n[i + 1] << back)
        n[live - 1 - skipped] = n[live - 1] >> bits
    else:
        for i in range(skipped, live):
            n[i - skipped] = n[i]
    for i in range(live - skipped, live):
        n[i] = np.uint64(0)
    live -= skipped
    while live > 1 and n[live - 1] == np.uint64(0):
        live -= 1
    return live, k


@_compiled
def walk(numbers, values, halvings, one, overflown):
    """Fill the rows of Windows, with T^j(n) itself as a float64; `overflown` gets the step at which a row left its
    limbs, where it did."""
    steps = halvings.shape[1]
    n = np.empty(numbers.shape[1], np.uint64)
    for row in range(len(numbers)):
        n[:] = numbers[row]
        live = _live(n)
        one[row] = NOT_SEEN
        for j in range(steps):
            if live == 1:
                small = n[0]
                values[row, j] = np.float64(small)
                if small == np.uint64(1):
                    one[row] = j
                    values[row, j:] = 1.0
                    halvings[row, j:] = 2
                    break
                if small <= FAST:
                    small = small + (small << np.uint64(1)) + np.uint64(1)
                    bits = _trailing_zeros(small)
                    n[0] = small >> bits
                    halvings[row, j] = bits
                    continue
            else:
                values[row, j] = _as_float(n, live)
            live, k = _step(n, live)
            if k == 0:
                overflown[row] = j
                break
            halvings[row, j] = k
        if one[row] == NOT_SEEN:
            values[row, steps] = _as_float(n, live) if live > 1 else np.float64(n[0])
            if live == 1 and n[0] == np.uint64(1):
                one[row] = steps


@_compiled
def advance(numbers, steps):
    """T^steps(n) of each row in place, or 1 where that comes first. The first row that left its limbs, or -1."""
    for row in range(len(numbers)):
        n = numbers[row]
        live = _live(n)
        for _ in range(steps[row]):
            if live == 1 and n[0] == np.uint64(1):
                break
            live, k = _step(n, live)
            if k == 0:
                return row
    return -1


@_compiled
def _as_float(n, live):
    """The `live` lowest limbs, at least two, as a float64: what lies below the two highest it cannot show."""
    value = n[live - 1] * 2.0**64 + n[live - 2]
    for _ in range(live - 2):
        value *= 2.0**64
    return value


@_compiled
def tilted_maximum(logs, one, tilt):
    """(N,): max of x_j + tilt j over j = 0 .. L, or only to where 1 is seen; logs (N, L + 1), one (N,)."""
    found = np.empty(len(logs))
    for row in range(len(logs)):
        last = one[row] if one[row] != NOT_SEEN else logs.shape[1] - 1
        found[row] = logs[row, 0]
        for j in range(1, last + 1):
            found[row] = max(found[row], logs[row, j] + tilt * j)
    return found
