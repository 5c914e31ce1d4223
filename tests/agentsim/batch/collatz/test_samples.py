"""What is seen of a number and of those after it, whichever way it is come by."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsim.batch.collatz.arithmetic import to_limbs
from agentsim.batch.collatz.orbits import successor
from agentsim.batch.collatz.samples import Pairs

NUMBERS = [3, 5, 7, 27, 85, 626331, 2**61 - 1, 2**90 + 12345, 2**124 - 1]
ODD = st.integers(3, 2**128 - 1).map(lambda n: n | 1)


def syracuse(n: int) -> int:
    """T(n) by the definition, in Python's integers."""
    n = 3 * n + 1
    while n % 2 == 0:
        n //= 2
    return n


@settings(deadline=None)
@given(st.lists(ODD.filter(lambda n: n > 1), min_size=1, max_size=9), st.integers(1, 60))
def test_what_is_seen_of_the_successor_is_what_is_seen_of_it_as_a_number(numbers: list[int], lookahead: int) -> None:
    """Pairs.there, cut out of the window of n, is the view of T(n) made anew; and a longer window hides what is far."""
    there = Pairs.of(to_limbs(numbers), 60).there(lookahead)
    anew = Pairs.of(to_limbs([syracuse(n) for n in numbers]), lookahead).here(lookahead)
    for name in ("logs", "halvings", "one", "residue"):
        assert np.array_equal(getattr(there, name), getattr(anew, name)), name


def test_views_further_ahead_are_those_of_the_later_states() -> None:
    """T^j(n) as a number of its own looks as it does from n."""
    pairs = Pairs.of(to_limbs(NUMBERS), 12, 8)
    for steps in (1, 4, 8):
        ahead, later = pairs.there(12, steps), NUMBERS
        for _ in range(steps):
            later = [successor(n) for n in later]
        own = Pairs.of(to_limbs(later), 12).here(12)
        np.testing.assert_allclose(ahead.logs, own.logs, rtol=1e-14)
        for name in ("halvings", "one", "residue"):
            np.testing.assert_array_equal(getattr(ahead, name), getattr(own, name))
