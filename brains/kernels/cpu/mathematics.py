"""What kernels are made of: functions of vectors, of rows of numbers, and the random stream."""

from __future__ import annotations

import math

import numpy as np

from agentsim.compiled.jit import inline
from agentsim.compiled.vectors import (
    WIDTH,
    absolute,
    fma,
    load,
    power_of_two,
    splat,
    total,
    where_less,
    whole,
)

F = np.float32
LARGEST = np.finfo(np.float32).max


@inline
def minimum(x, limit):
    """The smaller one; NaN where x is."""
    return where_less(limit, x, limit, x)


@inline
def maximum(x, limit):
    """The larger one; NaN where x is."""
    return where_less(x, limit, limit, x)


@inline
def clip(x, limit):
    """Clamp to +-limit, a vector; what is not finite becomes 0."""
    zero = splat(F(0.0))
    return where_less(absolute(x), splat(F(math.inf)), maximum(minimum(x, limit), zero - limit), zero)


@inline
def flush(x):
    """0 for what is about to become a denormal number, with which a CPU computes many times slower; NaN stays NaN."""
    return where_less(absolute(x), splat(F(1e-30)), splat(F(0.0)), x)


@inline
def exponential(x):
    """e^x by Cody-Waite reduction and a polynomial of degree six (Cephes expf, relative error 1.2e-7).

    x is clamped to +-80, so that no softmax or sigmoid ends as a denormal number; NaN stays NaN.
    """
    x = maximum(minimum(x, splat(F(80.0))), splat(F(-80.0)))
    n = whole(fma(x, splat(F(1.44269504)), splat(F(0.5))))
    f = fma(n, splat(F(2.12194440e-4)), fma(n, splat(F(-0.693359375)), x))
    p = fma(splat(F(1.9875691500e-4)), f, splat(F(1.3981999507e-3)))
    p = fma(p, f, splat(F(8.3334519073e-3)))
    p = fma(p, f, splat(F(4.1665795894e-2)))
    p = fma(p, f, splat(F(1.6666665459e-1)))
    p = fma(p, f, splat(F(5.0000001201e-1)))
    return (fma(p * f, f, f) + splat(F(1.0))) * power_of_two(n)


@inline
def tanh(x):
    """1 - 2 / (e^2x + 1)."""
    return splat(F(1.0)) - splat(F(2.0)) / (exponential(x + x) + splat(F(1.0)))


@inline
def sigmoid(x):
    """1 / (1 + e^-x)."""
    return splat(F(1.0)) / (splat(F(1.0)) + exponential(splat(F(0.0)) - x))


@inline
def rational_parts(z):
    """Numerator and denominator of z (27 + z^2) / (27 + 9 z^2), z held in +-3: a rational tanh; NaN stays NaN."""
    z = maximum(minimum(z, splat(F(3.0))), splat(F(-3.0)))
    square = z * z
    return z * (splat(F(27.0)) + square), fma(splat(F(9.0)), square, splat(F(27.0)))


@inline
def logarithm_of_one_more(x):
    """ln(1 + x) for x in [0, 1] (Cephes logf on u = 1 + x; the factor x / (u - 1) undoes what 1 + x rounded off)."""
    one = splat(F(1.0))
    u = one + x
    high = splat(F(1.41421356))
    m = where_less(high, u, splat(F(0.5)) * u, u) - one
    n = where_less(high, u, one, splat(F(0.0)))
    z = m * m
    p = fma(splat(F(7.0376836292e-2)), m, splat(F(-1.1514610310e-1)))
    p = fma(p, m, splat(F(1.1676998740e-1)))
    p = fma(p, m, splat(F(-1.2420140846e-1)))
    p = fma(p, m, splat(F(1.4249322787e-1)))
    p = fma(p, m, splat(F(-1.6668057665e-1)))
    p = fma(p, m, splat(F(2.0000714765e-1)))
    p = fma(p, m, splat(F(-2.4999993993e-1)))
    p = fma(p, m, splat(F(3.3333331174e-1)))
    y = fma(p * m, z, n * splat(F(-2.12194440e-4)))
    y = fma(splat(F(-0.5)), z, y)
    natural = fma(n, splat(F(0.693359375)), m + y)
    exact = where_less(one, u, u - one, one)
    return where_less(one, u, natural * (x / exact), x)


@inline
def fill(row, value, size):
    """row[:size] = value."""
    for k in range(size):
        row[k] = F(value)


@inline
def copy(source, target, size):
    """target[:size] = source[:size], of places that do not overlap."""
    for k in range(size):
        target[k] = source[k]


@inline
def sum_of(row, size):
    """The sum of row[:size]."""
    sums, k = splat(F(0.0)), 0
    while k + WIDTH <= size:
        sums = sums + load(row, k)
        k += WIDTH
    rest = F(0.0)
    while k < size:
        rest += row[k]
        k += 1
    return total(sums) + rest


@inline
def product_of(row, other, size):
    """The sum of row[k] other[k] for k below `size`."""
    sums, k = splat(F(0.0)), 0
    while k + WIDTH <= size:
        sums = fma(load(row, k), load(other, k), sums)
        k += WIDTH
    rest = F(0.0)
    while k < size:
        rest += row[k] * other[k]
        k += 1
    return total(sums) + rest


@inline
def padded(size):
    """The next multiple of a vector's width."""
    return size + (-size) % WIDTH


@inline
def is_finite(value):
    """Whether a number is finite."""
    return abs(value) < math.inf


@inline
def finite(row, size):
    """Whether every one of `size` numbers, a multiple of a vector's width, is finite: 0 x is NaN for the others, and
    NaN survives every sum."""
    check, zero = splat(F(0.0)), splat(F(0.0))
    for k in range(0, size, WIDTH):
        check = fma(load(row, k), zero, check)
    return is_finite(total(check))


@inline
def clip_number(value, limit):
    """Clamp to +-limit; what is not finite becomes 0."""
    return min(max(value, -limit), limit) if abs(value) <= F(LARGEST) else F(0.0)


@inline
def clear_padding(row, size):
    """Zero what lies between `size` and the next multiple of a vector's width."""
    for k in range(size, padded(size)):
        row[k] = F(0.0)


@inline
def draw(stream, bound):
    """The next value of a splitmix64 stream (Steele et al. 2014): (new stream, integer in [0, bound)).

    In unsigned numbers: numba tells LLVM that signed ones never overflow, which then computes what it likes.
    """
    state = np.uint64(stream) + np.uint64(0x9E3779B97F4A7C15)
    z = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = (z ^ (z >> np.uint64(31))) >> np.uint64(33)
    return np.int64(state), np.int64(z % np.uint64(bound))


@inline
def add_numbers(row, more, size):
    """row[:size] += more[:size], of places that do not overlap."""
    for k in range(size):
        row[k] += more[k]
