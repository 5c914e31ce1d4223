"""A settling actor-critic against the paper's algorithm on torch networks that autograd goes through: the pass upwards
of backprop, and for equilibrium propagation the whole settling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from brains.brain import Body, Experience
from brains.eqprop.core import Core
from brains.eqprop.reward import EqPropRewardBrain, EqPropRewardConfig
from brains.kernels.program import counter
from tests.brains.stepping.test_streaming import StreamAC, live, moments

BODIES = {
    "discrete": Body(5, 3),
    "continuous": Body(5, 2, discrete=False, low=(-9.0, -9.0), high=(9.0, 9.0)),
}
SWEEPS = 60


def brain(body: Body, seed: int = 0, **given: Any) -> EqPropRewardBrain:
    given = {"hidden": [7], **given}
    return EqPropRewardBrain(EqPropRewardConfig.model_validate(given), body, np.random.SeedSequence(seed))


class Settled:
    """One hidden layer of tanh units that hears its linear outputs through gamma, in float64: settled by iterating."""

    def __init__(self, core: Core, sweeps: int, softmax: bool) -> None:
        own = [core.weights[0], core.biases[0], core.weights[1], core.biases[1]]
        self.parameters = [torch.tensor(np.array(each), dtype=torch.float64, requires_grad=True) for each in own]
        self.gain, self.sweeps, self.softmax = float(core.gains[0]) if sweeps else 0.0, sweeps, softmax

    def __call__(self, x: np.ndarray) -> Any:
        a, b, w, c = self.parameters
        drive = torch.tensor(x, dtype=torch.float64) @ a + b
        output = torch.tanh(drive) @ w + c
        for _ in range(self.sweeps):
            output = torch.tanh(drive + self.gain * w @ output) @ w + c
        return torch.softmax(output, 0) if self.softmax else output


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("rule", ["backprop", "eqprop"])
@pytest.mark.parametrize("reward", [{}, {"optimizer": "intentional"}, {"scale_reward": False, "entropy": 0.5}])
def test_stream_ac_of_the_paper(reward: dict[str, Any], rule: str, body: str) -> None:
    """60 transitions with terminations and truncations: the same delta, weights and traces at every one; our traces are
    in ascent form, so minus theirs. With beta .01 the contrast is the gradient to about 1e-4."""
    phases = {"free_sweeps": SWEEPS, "nudged_sweeps": SWEEPS, "beta": 0.01, "homeostasis": None, "gain": 0.2}
    own = brain(BODIES[body], rule=rule, units="tanh", reward=reward, **phases)
    sweeps = SWEEPS if rule == "eqprop" else 0

    def net(of: EqPropRewardBrain, network: Core | None = None, readout: str = "") -> Settled:
        return Settled(network or of.actor, sweeps, readout == "softmax")

    theirs, close = StreamAC(own, net, body == "continuous"), 3e-3 if sweeps else 1e-4
    for moment in moments(60):
        learning = live(own, moment)
        delta = theirs.step(moment, own.sampled[0].copy())
        assert (learning.updates, learning.rollbacks) == (1, 0)
        assert learning.loss == pytest.approx(delta**2, rel=1e-2, abs=1e-3)
        for core, expected in ((own.actor, theirs.policy), (own.critic, theirs.value)):
            mine = [core.weights[0], core.biases[0], core.weights[1], core.biases[1]]
            for ours, other in zip(mine, expected.parameters, strict=True):
                np.testing.assert_allclose(ours, other.detach().numpy(), rtol=close, atol=close)
        for trace, expected in zip(own.traces, (theirs.policy, theirs.value), strict=True):
            other = sum(float(z.square().sum()) for z in theirs.traces[expected])
            assert np.square(trace[0]).sum() == pytest.approx(other, rel=10 * close, abs=1e-6)


def test_lanes_share_the_networks_and_nothing_else() -> None:
    """On weights that (almost) stand still, each of two lanes has the traces and moments of the same life alone."""
    still = {"learning_rate": 1e-12}
    own = brain(Body(5, 3, lanes=2), reward=still)
    alone = [brain(Body(5, 3), reward=still) for _ in range(2)]
    for index, (*parts, terminated, truncated) in enumerate(moments(30, lanes=2)):
        moment = (*parts, terminated & (index < 20), truncated & (index < 20))
        live(own, moment)
        for lane, other in enumerate(alone):
            observation, *rest = (part[lane : lane + 1] for part in moment)
            other.act(observation)
            other.learn(Experience(observation, own.sampled[lane].astype(np.int64), *rest))
    for lane, other in enumerate(alone):
        for mine, expected in zip(own.traces, other.traces, strict=True):
            assert expected.any()
            np.testing.assert_allclose(mine[lane], expected[0], rtol=1e-3, atol=1e-4)
        np.testing.assert_array_equal(own.statistics[lane], other.statistics[0])
    assert own.arrays()["actor.value"].shape[0] == 1
    assert own.counters[0, counter.STREAM] != own.counters[1, counter.STREAM]


def test_what_is_not_finite_teaches_nothing_and_ends_its_traces() -> None:
    own = brain(BODIES["discrete"])
    for moment in moments(5):
        live(own, moment)
    before = own.actor.state_dict()["value"]
    observation = np.zeros((1, 5), np.float32)
    no = np.zeros(1, bool)
    action = own.act(observation)
    learning = own.learn(Experience(observation, action, np.full(1, np.nan, np.float32), observation, no, no))
    assert (learning.updates, learning.rollbacks) == (0, 1)
    np.testing.assert_array_equal(own.actor.state_dict()["value"], before)
    assert not own.traces[0].any()


def test_homeostasis_holds_both_networks() -> None:
    """gamma sigma^2 by numpy's own singular values, after a life of large steps."""
    own = brain(BODIES["discrete"], gain=1.0, homeostasis=0.5, reward={"kappa_policy": 0.3, "kappa_value": 0.3})
    for moment in moments(300):
        live(own, moment)
    for core in (own.actor, own.critic):
        assert core.gains[0] * np.linalg.norm(core.weights[1], 2) ** 2 < 0.6


def test_a_frozen_copy_takes_the_likeliest_action() -> None:
    """The softmax of the outputs that acted, of its own moments; sampling chooses others as well."""
    own = brain(BODIES["discrete"])
    for moment in moments(50):
        live(own, moment)
    copy, x = own.frozen_copy(lanes=40), np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    chosen = copy.act(x)
    count, size = own.statistics[0, 0], 5
    mean = own.statistics[0, -2 * size : -size]
    deviation = np.sqrt(own.statistics[0, -size:] / (count - 1) + 1e-8)
    for row, action in zip(x, chosen, strict=True):
        assert own.actor.settle(((row - mean) / deviation)[None]).argmax() == action
