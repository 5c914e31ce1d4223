"""What the layers on a CPU (numba) are made of: scalar functions, matrix products, normalisation, activations."""

from __future__ import annotations

import math

import numpy as np

from brains.kernels import layout as at
from brains.kernels.compile import jit

F = np.float32
LARGEST = np.finfo(np.float32).max


@jit
def exponential(x):
    """e^x in float32 by Cody-Waite reduction and a polynomial of degree six (Cephes expf, relative error 1.2e-7).

    Branch-free, so that a loop over it is vectorised (six times faster than libm here), and the same bits everywhere.
    x is clamped to +-80, so that no softmax or sigmoid ends as a denormal number; NaN stays NaN.
    """
    x = min(max(x, F(-80.0)), F(80.0))
    n = np.floor(x * F(1.44269504) + F(0.5))
    f = (x - n * F(0.693359375)) + n * F(2.12194440e-4)
    p = F(1.9875691500e-4)
    p = p * f + F(1.3981999507e-3)
    p = p * f + F(8.3334519073e-3)
    p = p * f + F(4.1665795894e-2)
    p = p * f + F(1.6666665459e-1)
    p = p * f + F(5.0000001201e-1)
    p = p * f * f + f + F(1.0)
    return p * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)


@jit
def clip(value, limit):
    """Clamp to +-limit; a non-finite value becomes 0."""
    clamped = min(max(value, -limit), limit)
    return clamped if abs(value) <= F(LARGEST) else F(0.0)


@jit
def flush(value):
    """0 for what is about to become a denormal number, with which a CPU computes many times slower; NaN stays NaN."""
    return F(0.0) if abs(value) < F(1e-30) else value


@jit
def draw(stream, bound):
    """The next value of a splitmix64 stream: (new stream, integer in [0, bound))."""
    stream += np.int64(-7046029254386353131)
    z = stream
    z = (z ^ ((z >> 30) & 0x3FFFFFFFF)) * np.int64(-4658895280553007687)
    z = (z ^ ((z >> 27) & 0x1FFFFFFFFF)) * np.int64(-7723592293110705685)
    z = z ^ ((z >> 31) & 0x1FFFFFFFF)
    return stream, ((z >> 33) & 0x7FFFFFFF) % bound


@jit
def is_finite(value):
    """Whether a number is finite. Not math.isfinite: that asks about value - value, which "reassoc" may make 0."""
    return abs(value) < math.inf


@jit
def finite(values):
    """Whether every value is finite: 0 x is NaN for the others, and NaN survives every sum."""
    check = F(0.0)
    for k in range(values.size):
        check += values[k] * F(0.0)
    return is_finite(check)


@jit
def affine(weight, bias, x, y):
    """y = bias + x W, with W (in, width): four rows at a time, so that y is loaded and stored a quarter as often."""
    rows, width = weight.shape
    for o in range(width):
        y[o] = bias[o]
    whole = rows - rows % 4
    for k in range(0, whole, 4):
        x0, x1, x2, x3 = x[k], x[k + 1], x[k + 2], x[k + 3]
        for o in range(width):
            y[o] += x0 * weight[k, o] + x1 * weight[k + 1, o] + x2 * weight[k + 2, o] + x3 * weight[k + 3, o]
    for k in range(whole, rows):
        for o in range(width):
            y[o] += x[k] * weight[k, o]


@jit
def affine_pair(weight, bias, x, y, u, v):
    """y = bias + x W and v = bias + u W in one pass over W, which is what costs."""
    rows, width = weight.shape
    for o in range(width):
        y[o] = bias[o]
        v[o] = bias[o]
    whole = rows - rows % 4
    for k in range(0, whole, 4):
        x0, x1, x2, x3 = x[k], x[k + 1], x[k + 2], x[k + 3]
        u0, u1, u2, u3 = u[k], u[k + 1], u[k + 2], u[k + 3]
        for o in range(width):
            w0, w1, w2, w3 = weight[k, o], weight[k + 1, o], weight[k + 2, o], weight[k + 3, o]
            y[o] += x0 * w0 + x1 * w1 + x2 * w2 + x3 * w3
            v[o] += u0 * w0 + u1 * w1 + u2 * w2 + u3 * w3
    for k in range(whole, rows):
        for o in range(width):
            y[o] += x[k] * weight[k, o]
            v[o] += u[k] * weight[k, o]


@jit
def add_product(weight, x, y):
    """y += x W, with W (in, width)."""
    rows, width = weight.shape
    for k in range(rows):
        for o in range(width):
            y[o] += x[k] * weight[k, o]


@jit
def add_outer(gradient, x, delta):
    """gradient (in, width) += x outer delta (width,)."""
    for k in range(gradient.shape[0]):
        xk = x[k]
        for o in range(delta.size):
            gradient[k, o] += xk * delta[o]


@jit
def add_transposed(weight, delta, x):
    """x[k] += sum_o W[k, o] delta[o]."""
    for k in range(weight.shape[0]):
        total = F(0.0)
        for o in range(delta.size):
            total += weight[k, o] * delta[o]
        x[k] += total


@jit
def transposed(weight, delta, x, scale, limit):
    """x[k] = scale sum_o W[k, o] delta[o], clipped to +-limit where limit > 0; four rows at a time, as in affine."""
    rows = weight.shape[0]
    whole = rows - rows % 4
    for k in range(0, whole, 4):
        x0, x1, x2, x3 = F(0.0), F(0.0), F(0.0), F(0.0)
        for o in range(delta.size):
            x0 += weight[k, o] * delta[o]
            x1 += weight[k + 1, o] * delta[o]
            x2 += weight[k + 2, o] * delta[o]
            x3 += weight[k + 3, o] * delta[o]
        x[k], x[k + 1], x[k + 2], x[k + 3] = x0 * scale, x1 * scale, x2 * scale, x3 * scale
    for k in range(whole, rows):
        total = F(0.0)
        for o in range(delta.size):
            total += weight[k, o] * delta[o]
        x[k] = total * scale
    if limit > F(0.0):
        for k in range(rows):
            x[k] = clip(x[k], limit)


@jit
def normalize(y, units, hat):
    """Parameter-free LayerNorm of y[:units] in place; hat keeps the result and, at hat[-1], 1 / deviation."""
    mean = F(0.0)
    for o in range(units):
        mean += y[o]
    mean /= F(units)
    variance = F(0.0)
    for o in range(units):
        variance += (y[o] - mean) * (y[o] - mean)
    inverse = F(1.0) / math.sqrt(variance / F(units) + F(at.LAYER_NORM_EPSILON))
    for o in range(units):
        y[o] = (y[o] - mean) * inverse
        hat[o] = y[o]
    hat[hat.size - 1] = inverse


@jit
def normalize_gradient(delta, units, hat):
    """delta <- delta times the Jacobian of LayerNorm at hat, in place: (d - mean d - hat mean(d hat)) / deviation."""
    mean, along = F(0.0), F(0.0)
    for o in range(units):
        mean += delta[o]
        along += delta[o] * hat[o]
    mean /= F(units)
    along /= F(units)
    for o in range(units):
        delta[o] = (delta[o] - mean - hat[o] * along) * hat[hat.size - 1]


@jit
def tanh(x):
    """(e^2x - 1) / (e^2x + 1)."""
    return F(1.0) - F(2.0) / (exponential(F(2.0) * x) + F(1.0))


@jit
def sigmoid(x):
    """1 / (1 + e^-x)."""
    return F(1.0) / (F(1.0) + exponential(-x))


@jit
def matrix(block, start, rows, width):
    """The (rows, width) view of a block of parameters that starts there."""
    return block[start : start + rows * width].reshape((np.int64(rows), np.int64(width)))


@jit
def padded(size):
    """The next multiple of layout.PAD."""
    return size + (-size) % at.PAD


@jit
def activate(kind, y, units):
    """Apply activation `kind` to y in place (softmax over its first `units`)."""
    if kind == at.TANH:
        for o in range(y.size):
            y[o] = tanh(y[o])
    elif kind == at.SIGMOID:
        for o in range(y.size):
            y[o] = sigmoid(y[o])
    elif kind == at.LEAKY_RELU:
        for o in range(y.size):
            y[o] = max(y[o], F(0.1) * y[o])
    elif kind == at.SCALED_RELU:
        for o in range(y.size):
            y[o] = F(1.1) * y[o] if y[o] > F(0.0) else F(0.0) * y[o]  # so that NaN stays NaN
    elif kind == at.SOFTPLUS:
        for o in range(y.size):
            y[o] = max(y[o], F(0.0)) + math.log1p(exponential(-abs(y[o])))
    elif kind in (at.SOFTMAX, at.SHARES):
        largest = y[0]
        for o in range(units):
            largest = max(largest, y[o])
        total = F(0.0)
        for o in range(units):
            y[o] = exponential(y[o] - largest)
            total += y[o]
        for o in range(units):
            y[o] /= total


@jit
def derivative(kind, y, rule, slope):
    """slope[o] = the activation's derivative from its output y; the tween chain's form adds 0.01 to smooth ones."""
    more = F(0.01) if rule == at.TWEEN_CHAIN else F(0.0)
    if kind == at.TANH:
        for o in range(y.size):
            slope[o] = F(1.0) - y[o] * y[o] + more
    elif kind == at.SIGMOID:
        for o in range(y.size):
            slope[o] = y[o] * (F(1.0) - y[o]) + more
    elif kind == at.LEAKY_RELU:
        for o in range(y.size):
            slope[o] = F(1.0) if y[o] >= F(0.0) else F(0.1)
    elif kind == at.SCALED_RELU:
        for o in range(y.size):
            slope[o] = F(1.1) if y[o] > F(0.0) else F(0.0)
    elif kind == at.SOFTPLUS and rule == at.TWEEN_CHAIN:
        for o in range(y.size):
            slope[o] = F(1.0) / (F(1.0) + exponential(-y[o])) + more
    elif kind == at.SOFTPLUS:
        for o in range(y.size):
            slope[o] = F(1.0) - exponential(-y[o])
    else:
        for o in range(y.size):
            slope[o] = F(1.0)
