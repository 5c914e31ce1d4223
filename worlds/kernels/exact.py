"""What the C library says of sines, cosines and squares, to the bit, without asking it: where a result lies so near the
middle between two numbers that another method might round it the other way, the library is asked (Ziv's test)."""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from agentsim.compiled.jit import inline
from agentsim.compiled.wide import absolute

LARGEST = 0.3
UNIT = 2.0**-53  # half a unit in the last place of 1
# what may be wrong, in UNITs of the result: our rounding, at most .02, and the library's, at most .02 units in the last
# place (glibc's own bounds are .518 in all)
SINE_DOUBT, COSINE_DOUBT = 0.08 * UNIT, 0.07 * UNIT


@inline
def sine_and_cosine(x):
    """(sin x, cos x, sure) of eight small angles by their series, which end below 2^-60 for angles up to LARGEST; both
    sums are the large term and a small rest, so that the last addition is nearly all the rounding there is."""
    z = x * x
    rest = z * (1.0 / 362880.0 + z * (-1.0 / 39916800.0 + z * (1.0 / 6227020800.0)))
    rest = x * z * (-1.0 / 6.0 + z * (1.0 / 120.0 + z * (-1.0 / 5040.0 + rest)))
    doubt = absolute(x) * SINE_DOUBT
    sine = x + rest
    sure = (x + (rest - doubt) == x + (rest + doubt)) & (absolute(x) < LARGEST)
    half = 0.5 * z
    large = 1.0 - half
    series = z * (1.0 / 40320.0 + z * (-1.0 / 3628800.0 + z * (1.0 / 479001600.0)))
    small = ((1.0 - large) - half) + z * z * (1.0 / 24.0 + z * (-1.0 / 720.0 + series))
    cosine = large + small
    sure = sure & (large + (small - COSINE_DOUBT) == large + (small + COSINE_DOUBT))
    return sine, cosine, sure


@intrinsic
def _product_less(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """a b - c, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        of = ir.FunctionType(ir.DoubleType(), [ir.DoubleType()] * 3)
        fused = cgutils.get_or_insert_function(builder.module, of, "llvm.fma.f64")
        return builder.call(fused, [values[0], values[1], builder.fneg(values[2])])

    return types.float64(types.float64, types.float64, types.float64), generate


@inline
def square(x, two):
    """pow(x, 2), which is off by .52 units in the last place at most, so that it is not always x x. `two` is a 2 that
    the compiler does not know, or it would be x x after all."""
    product = x * x
    if product + 1.1 * _product_less(x, x, product) == product:
        return product
    return math.pow(x, two)
