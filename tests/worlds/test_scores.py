"""Rates, ceilings and the table of the published test, against the figures that the specification gives."""

import math

import gymnasium
import numpy as np
import pytest

import worlds
from worlds.chase_avoid import ChaseAvoid
from worlds.scores import (
    constant_policy,
    delayed_oracle,
    diagonal_policy,
    event_rate,
    measure_score_rates,
    random_policy,
)

worlds.register()


def test_stored_rates_are_what_the_world_gives():
    """Within 5 standard errors of independent (Poisson) events."""
    lanes = 40
    for task, measured in measure_score_rates(lanes=lanes, seed=1).items():
        for rate, stored in zip(measured, ChaseAvoid.score_rates[task], strict=True):
            assert abs(rate - stored) < 5 * math.sqrt(max(stored, 0.1) / lanes), task


@pytest.mark.parametrize(("delay", "ceiling"), [(1, 0.97), (2, 0.92), (5, 0.55), (10, 0.22)])
def test_what_lateness_costs_in_chase(delay, ceiling):
    baseline, oracle = ChaseAvoid.score_rates["chase"]
    score = (event_rate("chase", delayed_oracle(delay), lanes=60) - baseline) / (oracle - baseline)
    assert score == pytest.approx(ceiling, abs=0.03)


def test_what_a_constant_action_is_worth_in_avoid():
    """0.70 of the way from random actions to the oracle."""
    random, oracle = event_rate("avoid", random_policy(0), lanes=60), ChaseAvoid.score_rates["avoid"][1]
    for action in range(4):
        constant = event_rate("avoid", constant_policy(action), lanes=60)
        assert (random - constant) / (random - oracle) == pytest.approx(0.70, abs=0.03)


def test_what_a_blind_diagonal_is_worth_in_avoid():
    """A score of 0.42 in the project's review: the baseline is not the best that can be done blindly."""
    baseline, oracle = ChaseAvoid.score_rates["avoid"]
    rate = event_rate("avoid", diagonal_policy(), lanes=60)
    assert (baseline - rate) / (baseline - oracle) == pytest.approx(0.42, abs=0.04)


def accuracies(policy, seeds=10, ticks=5000):
    """Mean accuracy in % of chase, avoid and chase, against the oracle of the moment; `seeds` lanes."""
    world = gymnasium.make_vec("agentsim/ChaseAvoidClassic-v0", num_envs=seeds)
    world.reset(seed=0)
    phases = []
    for task in (0, 1, 0):
        world.switch_task(task)
        observation, info = world.observe()
        right = 0
        for _ in range(ticks):
            action = policy(observation)
            right += (action == info["teacher_action"]).sum()
            observation, _, _, _, info = world.step(action)
        phases.append(100 * right / ticks / seeds)
    return phases


@pytest.mark.parametrize(("delay", "published"), [(0, (100, 100, 100)), (1, (46, 100, 46)), (5, (30, 100, 30))])
def test_classic_rows_of_the_late_oracle(delay, published):
    """One tick late is also `repeat the previous tick's correct label`, published as 45 / 100 / 46."""
    np.testing.assert_allclose(accuracies(delayed_oracle(delay)), published, atol=2)


@pytest.mark.parametrize("action", range(4))
def test_classic_row_of_a_constant_action(action):
    """0 / 82-91 / 0: it ends at a wall, from where the right way to flee is that wall in most places."""
    chase, avoid, again = accuracies(constant_policy(action))
    assert max(chase, again) < 2
    assert 70 < avoid <= 100
