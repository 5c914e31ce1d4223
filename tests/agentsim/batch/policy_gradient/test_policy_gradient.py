"""CartPole by policy gradient: the gradient, the physics, the advantages, exact resume, the controls, the command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from torch import Tensor

from agentsim.batch.policy_gradient import cartpole
from agentsim.batch.policy_gradient.engines import BackpropEngine, EqPropEngine, initial
from agentsim.batch.policy_gradient.ppo import ACTIONS, OUTPUTS, advantages, losses, normalised, shortened
from agentsim.batch.policy_gradient.settings import EqPropSettings, PolicyConfig
from agentsim.batch.policy_gradient.task import PolicyTask, greedy_returns
from agentsim.system.process import one_compute_thread
from brains.kernels.reference.settling import Net, settle
from brains.kernels.reference.units import UNITS


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_compute_thread():
        yield


TINY = {"hidden": [8, 8], "environments": 4, "horizon": 16, "epochs": 3, "validation_episodes": 3, "eval_interval": 2}


def config(batches: int = 6, kind: str = "eqprop", **given: Any) -> PolicyConfig:
    return PolicyConfig.model_validate({**TINY, "engine": {"kind": kind}, "batches": batches, **given})


# --- the gradient ----------------------------------------------------------------------------------------------------


def a_net(seed: int) -> tuple[list[Tensor], list[Tensor]]:
    """Of the shipped shape, in float64, with outputs and biases as large as they become in training."""
    chance = torch.Generator().manual_seed(seed)
    weights, biases = initial(4, (64, 64), OUTPUTS, 0.7, chance)
    weights[-1] *= 60
    return [w.double() for w in weights], [torch.randn(b.shape, generator=chance).double() / 5 for b in biases]


def a_batch(seed: int, rows: int = 32) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """What was seen, and the loss of PPO of it; in some rows the clip bites, and teaches nothing."""
    chance = torch.Generator().manual_seed(seed)
    x, before, advantage, target = (
        torch.randn(shape, generator=chance).double() for shape in ((rows, 4), (rows,), (rows,), (rows,))
    )
    actions = torch.randint(0, 2, (rows,), generator=chance)
    return x, lambda outputs: losses(outputs, actions, -before.abs(), advantage, target, 0.2, 0.5)


@pytest.mark.parametrize("homeostasis", [0.3, 0.1, None])
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_that_of_autograd_through_the_settling(seed: int, homeostasis: float | None) -> None:
    """In float64, with many sweeps and a small beta: of every weight and bias, direction and length."""
    given = EqPropSettings(beta=1e-4, free_sweeps=150, nudged_sweeps=150, gain=0.9, homeostasis=homeostasis)
    weights, biases = a_net(seed)
    if homeostasis is None:  # outputs as large would not settle
        weights[-1] /= 2
    engine = EqPropEngine(given, weights, biases)
    assert (min(engine.gains) < 0.9) == (homeostasis is not None), "homeostasis has something to do"
    x, loss = a_batch(seed)
    with torch.no_grad():
        found, mean = engine.gradient(x, loss)
    leaves = [each.clone().requires_grad_() for each in (*weights, *biases)]
    net = Net(leaves[:3], leaves[3:], [UNITS["tanh"], UNITS["tanh"], UNITS["linear"]], engine.gains)
    true_loss = loss(settle(net, net.forward(x), 150).states[-1]).mean()
    assert mean == pytest.approx(float(true_loss.detach()))
    for mine, right in zip(found, torch.autograd.grad(true_loss, leaves), strict=True):
        assert float(torch.nn.functional.cosine_similarity(mine.flatten(), right.flatten(), 0)) >= 0.9999
        assert float(mine.norm() / right.norm()) == pytest.approx(1, rel=1e-3)


def test_without_what_comes_down_it_is_backprop() -> None:
    """As the gain goes to 0 the network is the feed-forward one, and its gradient too."""
    weights, biases = a_net(3)
    given = EqPropSettings(beta=1e-2, free_sweeps=3, nudged_sweeps=3, gain=1e-4)
    x, loss = a_batch(3)
    with torch.no_grad():
        found, mean = EqPropEngine(given, weights, biases).gradient(x, loss)
    right, true_mean = BackpropEngine(weights, biases).gradient(x, loss)
    assert mean == pytest.approx(true_mean, rel=1e-3)
    for mine, its in zip(found, right, strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-2, atol=1e-4)


def test_the_clip_stops_where_the_paper_says() -> None:
    """Schulman et al. 2017, figure 1: for a good action the loss is flat above 1 + clip, for a bad one below 1 - clip.
    The ratio is set by the logits, p(1) = ratio / 2."""
    for ratio, advantage, surrogate, flat in (
        (1.0, 1.0, 1.0, False),
        (1.5, 1.0, 1.2, True),
        (0.5, 1.0, 0.5, False),
        (1.5, -1.0, -1.5, False),
        (0.5, -1.0, -0.8, True),
    ):
        outputs = torch.tensor([[0.0, np.log(ratio / (2 - ratio)), 3.0]], dtype=torch.float64, requires_grad=True)
        before, good = torch.tensor([np.log(0.5)]), torch.tensor([advantage])
        loss = losses(outputs, torch.tensor([1]), before, good, torch.tensor([1.0]), 0.2, 0.5)
        assert float(loss.detach()) == pytest.approx(0.5 * 2.0**2 - surrogate)
        (slope,) = torch.autograd.grad(loss.sum(), outputs)
        assert (float(slope[0, :ACTIONS].abs().sum()) == 0) == flat
        assert float(slope[0, ACTIONS]) == pytest.approx(2.0)


def test_gradients_are_shortened_as_a_whole() -> None:
    parts = [torch.tensor([3.0]), torch.tensor([[0.0, 4.0]])]
    assert [each.tolist() for each in shortened(parts, 5.0)] == [[3.0], [[0.0, 4.0]]]
    assert [each.tolist() for each in shortened(parts, 0.5)] == [[pytest.approx(0.3)], [[0.0, pytest.approx(0.4)]]]
    found = normalised(torch.tensor([1.0, 2.0, 6.0]))
    assert float(found.mean()) == pytest.approx(0, abs=1e-6)
    assert float(found.square().mean()) == pytest.approx(1)


# --- advantages ------------------------------------------------------------------------------------------------------


def test_advantages_are_the_double_sum() -> None:
    """Every step's is the sum of all later errors of its episode, each discounted: term by term."""
    rng, steps, lanes, discount, trace = np.random.default_rng(0), 12, 5, 0.9, 0.7
    rewards, values, after = rng.normal(size=(3, steps, lanes))
    terminated = rng.random((steps, lanes)) < 0.15
    ended = terminated | (rng.random((steps, lanes)) < 0.15)
    assert (ended & ~terminated).any() and terminated.any()
    found = advantages(rewards, values, after, terminated, ended, discount, trace)
    for lane in range(lanes):
        for first in range(steps):
            expected = 0.0
            for later in range(first, steps):
                next_value = 0.0 if terminated[later, lane] else after[later, lane]
                error = rewards[later, lane] + discount * next_value - values[later, lane]
                expected += (discount * trace) ** (later - first) * error
                if ended[later, lane]:
                    break
            assert found[first, lane] == pytest.approx(expected, abs=1e-12)


# --- the world -------------------------------------------------------------------------------------------------------


def test_the_physics_are_gymnasiums() -> None:
    """Step by step from the same states to the same states, and episodes that end at the same step."""
    rng, ends = np.random.default_rng(1), 0
    for episode in range(20):
        env = gymnasium.make("CartPole-v1")
        env.reset(seed=episode)
        state = np.array([env.unwrapped.state], np.float64).T  # type: ignore[attr-defined]
        for _ in range(cartpole.LIMIT):
            action = int(rng.random() < 0.5) if episode % 2 else int(state[2, 0] + 0.3 * state[3, 0] > 0)
            state, fallen = cartpole.moved(state, np.array([action]))
            observation, _, terminated, truncated, _ = env.step(action)
            np.testing.assert_allclose(state[:, 0], env.unwrapped.state, rtol=1e-12, atol=1e-14)  # type: ignore[attr-defined]
            np.testing.assert_allclose(cartpole.seen(state, 0.0, rng)[0], observation, rtol=1e-6)
            assert bool(fallen[0]) == terminated
            if terminated or truncated:
                ends += 1
                break
    assert ends == 20


def leaning(observations: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return (observations[:, 2] + 0.3 * observations[:, 3] > 0).astype(np.int64)


def always_right(observations: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.ones(len(observations), np.int64)


@pytest.mark.parametrize("policy", [leaning, always_right])
def test_returns_are_those_of_gymnasium(policy: Any) -> None:
    rng = np.random.default_rng(2)
    start = cartpole.starts(6, rng)
    assert (np.abs(start) <= 0.05).all()
    expected = []
    for lane in range(6):
        env, total, over = gymnasium.make("CartPole-v1"), 0.0, False
        env.reset(seed=0)
        env.unwrapped.state = start[:, lane]  # type: ignore[attr-defined]
        observation = start[:, lane]
        while not over:
            observation, reward, terminated, truncated, _ = env.step(int(policy(observation[None])[0]))
            total, over = total + float(reward), terminated or truncated
        expected.append(total)
    assert cartpole.returns(policy, start, 0.0, rng).tolist() == expected


def test_episodes_last_over_iterations_and_what_ends_begins_anew() -> None:
    """Replayed step by step from what was kept: rewards, what ended and why, and where it went on."""
    task = PolicyTask(config(horizon=60, reward_scale=0.5))
    task.kept["lasted"][:] = [0, 470, 100, 499]  # two are truncated soon, if they do not fall
    task.kept["state"][:] = 0.0
    before = {name: array.copy() for name, array in task.kept.items()}
    lived = task.live(np.random.default_rng(3))
    assert np.array_equal(lived.observations[0], before["seen"])
    lasted, state, truncated = before["lasted"].copy(), before["state"], 0
    for step in range(60):
        state, fallen = cartpole.moved(state, lived.actions[step])
        lasted = lasted + 1
        assert np.array_equal(lived.terminated[step], fallen)
        assert np.array_equal(lived.ended[step], fallen | (lasted >= 500))
        np.testing.assert_allclose(lived.after[step], state.T, atol=1e-5, err_msg="seen last, not what comes next")
        assert (lived.rewards[step] == 0.5).all()
        truncated += int((lived.ended[step] & ~fallen).sum())
        shown = lived.observations[step + 1] if step < 59 else task.kept["seen"]
        ended = lived.ended[step]
        assert (np.abs(shown[ended]) <= 0.05).all()
        assert np.array_equal(shown[~ended], lived.after[step][~ended])
        lasted[ended] = 0
        state = state.copy()
        state[:, ended] = shown[ended].T
    assert truncated >= 1
    assert lasted.tolist() == task.kept["lasted"].tolist()


def test_actions_are_taken_as_often_as_their_probability_and_it_is_remembered() -> None:
    task = PolicyTask(config(environments=400, horizon=5))
    with torch.no_grad():
        task.learner.engine.biases[-1].copy_(torch.tensor([0.0, np.log(3.0), 0.0]))
    lived = task.live(np.random.default_rng(4))
    actions = np.concatenate(lived.actions)
    assert actions.mean() == pytest.approx(0.75, abs=5 * np.sqrt(0.75 * 0.25 / 2_000))
    probabilities = np.exp(np.concatenate(lived.log_probabilities))
    np.testing.assert_allclose(probabilities, np.where(actions == 1, 0.75, 0.25), atol=0.03)


def test_noise_is_on_what_is_seen_and_on_rewards() -> None:
    task = PolicyTask(config(environments=500, horizon=4, observation_noise=0.1, reward_noise=0.2))
    lived = task.live(np.random.default_rng(5))
    first, after = PolicyTask(config(environments=500)).kept["seen"], PolicyTask(task.config).kept
    assert np.std(after["seen"] - first) == pytest.approx(0.1, rel=0.1)
    assert np.std(np.stack(lived.rewards)) == pytest.approx(0.1 * 0.2, rel=0.1)
    assert np.mean(np.stack(lived.rewards)) == pytest.approx(0.1, rel=0.05)
    steady, shaken = (PolicyTask(config(observation_noise=noise)).learner for noise in (0.0, 0.5))
    assert greedy_returns(steady, 2, 50).tolist() != greedy_returns(shaken, 2, 50).tolist()
