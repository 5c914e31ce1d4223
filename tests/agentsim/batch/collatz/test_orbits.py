"""The orbits that test and those that train, and that they are kept apart."""

from __future__ import annotations

from agentsim.batch.collatz import orbits
from agentsim.batch.collatz.arithmetic import to_limbs


def syracuse(n: int) -> int:
    """T(n) by the definition, in Python's integers."""
    n = 3 * n + 1
    while n % 2 == 0:
        n //= 2
    return n


def test_the_leak_is_the_one_that_was_found() -> None:
    """The specification's counts: 23 of 24, 41 of 41, 62 of 62, 113 of 113 and 32 of 189; 429 steps, 340 distinct."""
    found = orbits.leak_report()
    assert [(orbit["seen"], orbit["steps"]) for orbit in found["seen"].values()] == [
        (23, 24),
        (41, 41),
        (62, 62),
        (113, 113),
        (32, 189),
    ]
    assert (found["steps"], found["distinct_states"], found["hard_seeds"]) == (429, 340, 49)


def test_nothing_to_train_on_lies_on_a_test_orbit() -> None:
    forbidden = set()
    for seed in (111, 27, 703, 26623, 626331):
        state = seed
        while state != 1:
            forbidden.add(state)
            state = syracuse(state)
    numbers = [*range(1, 9_000, 2), *forbidden, *(2**64 + n for n in forbidden)]
    assert orbits.on_test_orbit(to_limbs(numbers)).tolist() == [n in forbidden for n in numbers]
    states = orbits.training_states()
    assert not set(states) & forbidden
    assert {n for seed in orbits.HARD_SEEDS for n in orbits.orbit(seed)} >= set(states)
