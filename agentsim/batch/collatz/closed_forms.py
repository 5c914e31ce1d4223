"""Potentials without training: functions of a View, (N,) float64 each."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from agentsim.batch.collatz.arithmetic import NOT_SEEN, call
from agentsim.batch.collatz.draws import DRIFT
from agentsim.batch.collatz.samples import Values, View

TILT = 0.003
OUT_OF_SIGHT = 100.0  # above every V of a number from which 1 is seen
PER_STEP = 0.01
MOST_HALVINGS = 20  # of a step to a predecessor; more only make it larger

Form = Callable[[View], Values]


def log_n(view: View) -> Values:
    """ln n, the trivial control: right wherever n shrinks, wrong wherever it grows."""
    return view.logs[:, 0]


def expected_steps(view: View) -> Values:
    """B: the steps to 1 where 1 is in sight, else L and what is left at the average loss."""
    return np.where(view.one != NOT_SEEN, view.one, view.lookahead + view.logs[:, -1] / DRIFT)


def mean_log(view: View) -> Values:
    """C: the mean of x_0 .. x_L."""
    return view.logs.mean(axis=1)


def tilted_maximum(view: View, tilt: float = TILT) -> Values:
    """D: max of x_j + c j over j = 0 .. min(L, one).

    If the maximum for T(n) is not at its last position, the margin is at least c; so a violation needs T^(L+1)(n) to be
    a record of its window.
    """
    logs, found = view.logs, np.empty(len(view))
    last = np.where(view.one != NOT_SEEN, view.one, view.lookahead)
    call("tilted_maximum", len(view), logs.strides[0] // logs.itemsize, logs, last, np.array([tilt]), found)
    return found


def with_predecessors(view: View, power: int, tilt: float = TILT) -> Values:
    """F: as large as the predecessors of n allow, and at least D; below all that, .01 a step where 1 is in sight.

    With `power` a, what they allow is ln n + B[n mod 3^a].
    """
    bound = view.logs[:, 0] + predecessor_bounds(power, tilt)[view.residue % 3**power]
    above = OUT_OF_SIGHT + np.maximum(tilted_maximum(view, tilt), bound)
    return np.where(view.one != NOT_SEEN, PER_STEP * view.one, above)


@cache
def predecessor_bounds(power: int, tilt: float = TILT) -> NDArray[np.float64]:
    """B, (3^power,): how much larger than ln n V(n) may be for every predecessor m of n to be larger still by c.

    P_0 = -inf, P_a(n) = min over m = (2^k n - 1) / 3 of max(ln m, P_(a-1)(m)) - c, +inf where 3 | n, which has none;
    ln m is taken as ln n + k ln 2 - ln 3, and n mod 3^a says what m is mod 3^(a-1).
    """
    bounds = np.full(1, -np.inf)
    for a in range(1, power + 1):
        modulus, below = 3**a, 3 ** (a - 1)
        n = np.arange(modulus)
        found = np.full(modulus, np.inf)
        for k in range(1, MOST_HALVINGS + 1):
            image = pow(2, k, modulus) * n % modulus
            allowed = image % 3 == 1
            m = (image[allowed] - 1) // 3 % below
            to_m = k * np.log(2) - np.log(3)
            found[allowed] = np.minimum(found[allowed], to_m + np.maximum(0.0, bounds[m]) - tilt)
        bounds = found
    return bounds


CLOSED_FORMS: dict[str, Form] = {
    "ln n": log_n,
    "B": expected_steps,
    "C": mean_log,
    "D": tilted_maximum,
    "F81": partial(with_predecessors, power=4),
    "F3^8": partial(with_predecessors, power=8),
    "F3^12": partial(with_predecessors, power=12),
}
CONTROLS = ("ln n",)  # what every V has to beat
