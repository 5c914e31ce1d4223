"""The controls do exactly what their names say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import brains
from brains.brain import Body, Experience


def oracle(observations: Any) -> Any:
    """A rule for the tests: the place of the largest sense."""
    return np.argmax(observations, axis=-1)


DISCRETE = Body(observation_size=4, actions=4, teacher=True, oracle=oracle, lanes=3)
CONTINUOUS = Body(observation_size=4, actions=2, discrete=False, low=(-1.0, 0.0), high=(1.0, 4.0), lanes=3)


def make(kind: str, body: Body = DISCRETE, **settings: Any) -> Any:
    brain_class = brains.load(kind)
    return brain_class(brain_class.Config(**settings), body, np.random.SeedSequence(0))


def observations(ticks: int, body: Body = DISCRETE) -> np.ndarray:
    shape = (ticks, body.lanes, body.observation_size)
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("delay", [0, 1, 2, 7])
def test_the_oracle_is_late_by_its_delay(delay: int) -> None:
    """action(t) = oracle(observation(t - delay)), 0 before; a reset lane starts again; latency says the same."""
    brain, lived = make("oracle", delay=delay), observations(20)
    actions = np.array([brain.act(observation) for observation in lived])
    np.testing.assert_array_equal(actions[delay:], oracle(lived)[: 20 - delay])
    assert not actions[:delay].any()
    assert (brain.latency, brain.settling_ticks) == (delay, delay + 1)
    brain.reset(np.array([True, False, False]))
    if delay:
        action = brain.act(lived[0])
        assert action[0] == 0 and (action[1:] == oracle(lived[20 - delay])[1:]).all()


def test_the_last_label_is_the_oracle_a_tick_late() -> None:
    brain, lived = make("repeat_last_label"), observations(20)
    actions = np.array([brain.act(observation) for observation in lived])
    np.testing.assert_array_equal(actions[1:], oracle(lived)[:-1])


def test_constant_is_constant() -> None:
    brain = make("constant", action=2)
    assert all((brain.act(observation) == 2).all() for observation in observations(5))
    for share, expected in ((0.0, [-1.0, 0.0]), (0.25, [-0.5, 1.0]), (1.0, [1.0, 4.0])):
        brain = make("constant", CONTINUOUS, action=share)
        np.testing.assert_allclose(brain.act(observations(1)[0]), np.tile(expected, (3, 1)))


def test_alternating_actions_go_round_and_round_from_where_they_were_saved() -> None:
    """action(t) = actions[t mod 3], in every lane, also after the state went into another brain."""
    brain, lived = make("alternate", actions=(0, 3, 1)), observations(8)
    assert [brain.act(observation).tolist() for observation in lived[:4]] == [[k] * 3 for k in (0, 3, 1, 0)]
    again = make("alternate", actions=(0, 3, 1))
    again.load_state_dict(brain.state_dict())
    assert [again.act(observation).tolist() for observation in lived[4:]] == [[k] * 3 for k in (3, 1, 0, 3)]
    for body, actions in ((DISCRETE, (0, 4)), (CONTINUOUS, (0, 1))):
        with pytest.raises(ValueError, match="not all among"):
            make("alternate", body, actions=actions)


def test_random_is_uniform() -> None:
    """Chi-square and moments of 3,000 actions within four deviations."""
    brain = make("random")
    counts = np.bincount(np.concatenate([brain.act(each) for each in observations(1000)]), minlength=4)
    assert ((counts - 750.0) ** 2 / 750.0).sum() < 3 + 4 * np.sqrt(6)
    brain = make("random", CONTINUOUS)
    drawn = np.concatenate([brain.act(each) for each in observations(1000)])
    share = (drawn - [-1.0, 0.0]) / [2.0, 4.0]
    assert share.min() >= 0.0 and share.max() <= 1.0
    assert np.abs(share.mean(0) - 0.5).max() < 4 * np.sqrt(1 / 12 / 3000)
    assert np.abs(share.var(0) - 1 / 12).max() < 4 * np.sqrt(1 / 180 / 3000)


def test_bias_only_closed_form() -> None:
    """b += rate (t - s(b)) (s(b)(1 - s(b)) + 0.01) for each lane; the action is the largest bias; input is not seen."""
    brain, lived = make("bias_only", learning_rate=0.7), observations(30)
    bias = np.zeros((3, 4))
    no, nothing = np.zeros(3, bool), np.zeros(3, np.float32)
    for observation in lived:
        action = brain.act(observation)
        np.testing.assert_array_equal(action, bias.argmax(1))
        target = np.eye(4)[oracle(observation)]
        sigmoid = 1 / (1 + np.exp(-bias))
        loss = brain.learn(Experience(observation, action, nothing, observation, no, no)).loss
        assert loss == pytest.approx(((target - sigmoid) ** 2).sum(1).mean(), rel=1e-5)
        bias += 0.7 * (target - sigmoid) * (sigmoid * (1 - sigmoid) + 0.01)
    np.testing.assert_allclose(brain.memory, bias, rtol=1e-4, atol=1e-5)
