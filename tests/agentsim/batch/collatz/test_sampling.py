"""What is trained on: nothing that touches a test orbit, and what it is said to be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from agentsim.batch.collatz.arithmetic import to_integers, to_limbs
from agentsim.batch.collatz.draws import evaluation_set, interior, random_odd
from agentsim.batch.collatz.evaluation import margins
from agentsim.batch.collatz.orbits import HARD_SEEDS, TEST_SEEDS, orbit, successor, training_states
from agentsim.batch.collatz.samples import Pairs
from agentsim.batch.collatz.sampling import EXACT, Sampler, allowed, climbing, forbidden, nothing_mined
from agentsim.batch.collatz.settings import CollatzConfig

Configs = Callable[..., CollatzConfig]

TEST_STATES = {n for seed in TEST_SEEDS for n in orbit(seed)}
EVALUATION_SET = set(evaluation_set())


@pytest.mark.parametrize("ahead", [[1], [1, 4, 8]])
def test_forbidden_is_what_touches_a_test_orbit(ahead: list[int]) -> None:
    """Against Python's integers: small numbers, hard orbits, every odd n just before a test state, and large numbers of
    the evaluation set with others beside them."""
    before = [(n << k) // 3 for n in TEST_STATES for k in range(1, 40) if (n << k) % 3 == 1]
    near = [n + d for n in sorted(EVALUATION_SET)[-2_000:] for d in (-2, 0, 2, 2**64)]
    numbers = [*{*range(1, 30_001, 2), *training_states(leak=True), *before, *near}]

    def touches(n: int) -> bool:
        states = [n]
        for _ in range(max(ahead)):
            states.append(successor(states[-1]))
        later = any(states[j] in tested for j in ahead)
        return later or n == 1 or n in TEST_STATES or n in EVALUATION_SET

    tested = TEST_STATES | {n for n in EVALUATION_SET if n < EXACT}

    assert max(TEST_STATES) < EXACT / 10
    assert forbidden(to_limbs(numbers), ahead).tolist() == [touches(n) for n in numbers]


@pytest.mark.parametrize("t8", [0.0, 0.2])
def test_no_batch_touches_a_test_orbit(t8: float, small_config: Configs) -> None:
    """Every number of a hundred batches, and those that are mined, recovered and followed by Python's integers."""
    mining = {"every": 20, "worst": 20, "of": 200}
    sampling = {"batch": 128, "hard_share": 0.5, "bits": (3, 17), "climbing_share": 0.3, "mining": mining}
    settings = small_config("prefix", sampling=sampling, loss={"kind": "hinge", "t8": t8})
    sampler, mined = Sampler.of(settings), nothing_mined()
    seen = set()
    for index in range(100):
        pairs, hard = sampler.batch(index, mined)
        assert len(pairs) == 128 and hard.sum() == 64
        found = np.rint(np.exp(pairs.windows.logs[:, [0, *settings.loss.ahead]])).astype(np.int64)
        assert not {*found.ravel().tolist()} & TEST_STATES
        seen |= set(found[:, 0].tolist())
        mined = sampler.mine(index, mined, lambda view: -view.logs[:, 0])
    assert len(mined) == 100 and not forbidden(mined, settings.loss.ahead).any()
    assert {n for n in seen if successor(n) in TEST_STATES} == set()
    assert 511_935 in seen and 27 not in seen, "a hard seed that no test orbit passes through is trained on"


def test_climbing_numbers_climb() -> None:
    """Halvings geometric with chance p climb while p > ln 2 / ln 3 = .63: more than a quarter do so over 20 steps, of
    random numbers few; sizes and oddness are kept."""
    numbers = climbing(np.random.default_rng(1), 2_000, (100, 125))
    found = Pairs.of(numbers, 20).windows
    assert (found.logs[:, 20] > found.logs[:, 0]).mean() > 0.25
    assert max(to_integers(numbers)) < 2**125 and min(to_integers(numbers)) >= 3
    small = to_integers(climbing(np.random.default_rng(2), 500, (3, 5)))
    assert {*small} <= {*range(3, 32, 2)} and len({*small}) > 10


def test_mining_keeps_the_worst_and_forgets_the_oldest(small_config: Configs) -> None:
    """V = -x_0 is worst where n falls furthest; of what is kept the newest stay."""
    mining = {"every": 2, "worst": 3, "of": 50, "kept": 7}
    sampler = Sampler.of(small_config("prefix", sampling={"batch": 16, "mining": mining}))
    mined, found = nothing_mined(), []
    for index in range(8):
        mined = sampler.mine(index, mined, lambda view: -view.logs[:, 0])
        found.append(mined)
    assert [len(numbers) for numbers in found] == [0, 3, 3, 6, 6, 7, 7, 7]
    np.testing.assert_array_equal(found[5][:4], found[3][-4:])
    numbers = allowed(random_odd, np.random.default_rng([0, 2, 1]), 50, (3, 125), [1])
    worst = np.sort(margins(lambda view: -view.logs[:, 0], Pairs.of(numbers, 12), 12))[:3]
    kept = margins(lambda view: -view.logs[:, 0], Pairs.of(found[1], 12), 12)
    np.testing.assert_array_equal(kept, worst)


def test_the_curriculum_brings_in_one_hard_seed_after_the_other(small_config: Configs) -> None:
    """No hard orbit in the first batch, half of the seeds halfway, all in the end."""
    sampler = Sampler.of(small_config("prefix", sampling={"batch": 64, "curriculum": 98}))
    assert not sampler.batch(0, nothing_mined())[1].any()
    allowed = {n for seed in HARD_SEEDS[:24] for n in orbit(seed)}
    for index in (48, 49):
        pairs, hard = sampler.batch(index, nothing_mined())
        assert hard.sum() == 16
        assert {*np.rint(np.exp(pairs.windows.logs[hard, 0])).astype(int).tolist()} <= allowed
    assert sampler.until[-1] == len(sampler.hard) == (~forbidden(to_limbs(training_states()))).sum()


def test_interior_states_are_those_of_orbits() -> None:
    """The same random numbers, walked by Python's integers: each state lies on the orbit of its number. None is a
    multiple of 3 once it moved, and two in three are 2 mod 3 (k is odd with probability 2/3)."""
    seeds = to_integers(random_odd(np.random.default_rng(3), 3_000, (20, 125)))
    states = to_integers(interior(np.random.default_rng(3), 3_000, (20, 125)))
    moved = [state for seed, state in zip(seeds, states, strict=True) if state != seed]
    for seed, state in zip(seeds, states, strict=True):
        assert state in {*orbit(seed), 1}
    assert len(moved) > 2_700
    assert all(state % 3 for state in moved)
    share = np.mean([state % 3 == 2 for state in moved if state > 10**6])
    assert share == pytest.approx(2 / 3, abs=0.04)
