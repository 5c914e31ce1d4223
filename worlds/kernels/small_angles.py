"""Sine and cosine of eight small angles at once, the same bits as the C library's: where a result lies so near the
middle between two numbers that another method might round it the other way, it is not `sure`, and the library must be
asked (Ziv's test)."""

from __future__ import annotations

from agentsim.compiled.jit import inline
from agentsim.compiled.wide import absolute

LARGEST = 0.3
UNIT = 2.0**-53  # half a unit in the last place of 1
# what may be wrong, in UNITs of the result: our rounding, at most .02, and the library's, at most .02 units in the last
# place (glibc's own bounds are .518 in all)
SINE_DOUBT, COSINE_DOUBT = 0.08 * UNIT, 0.07 * UNIT


@inline
def sine_and_cosine(x):
    """(sin x, cos x, sure) by their series, which end below 2^-60 for angles up to LARGEST; both sums are the large
    term and a small rest, so that the last addition is nearly all the rounding there is."""
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
