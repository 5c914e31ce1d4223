"""Learning from reward: stream AC(lambda) with ObGD (Elsayed et al. 2024, arXiv 2410.14606) against a short torch
implementation in the paper's own form, the minimising one with autograd, and numba against the torch backend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Normal
from torch.nn.functional import softplus

from brains.brain import Experience
from brains.kernels import BACKENDS
from brains.kernels.program import block

SEQUENTIAL = {"execution": "sequential"}
STEPPING = {"execution": "stepping", "align": "pipeline"}
BODIES = {"discrete": {"continuous": False}, "continuous": {"continuous": True, "actions": 2}}


def make(make_brain: Any, body: str, *, reward: dict[str, Any] | None = None, **settings: Any) -> Any:
    keywords = {"normalize": True, "activation": "leaky_relu", **settings, **BODIES[body]}
    return make_brain((7, 6), teacher=False, reward=reward or {}, **keywords)


def moments(count: int, lanes: int = 1, seed: int = 0) -> Iterator[tuple[np.ndarray, ...]]:
    """(observation, reward, next observation, terminated, truncated): a life of episodes of some ten ticks."""
    generator = np.random.default_rng(seed)
    observation = generator.normal(size=(lanes, 5)).astype(np.float32)
    for _ in range(count):
        following = (3.0 * generator.normal(size=(lanes, 5)) + 1.0).astype(np.float32)
        end = generator.random(lanes)
        yield (
            observation,
            generator.normal(size=lanes).astype(np.float32),
            following,
            end < 0.06,
            (end >= 0.06) & (end < 0.12),
        )
        observation = generator.normal(size=(lanes, 5)).astype(np.float32) if (end < 0.12).any() else following


def live(brain: Any, moment: tuple[np.ndarray, ...]) -> Any:
    """One tick, with the reset after an episode; what learning said."""
    observation, reward, following, terminated, truncated = moment
    learning = brain.learn(Experience(observation, brain.act(observation), reward, following, terminated, truncated))
    if (terminated | truncated).any():
        brain.reset(terminated | truncated)
    return learning


def running(values: list[Any]) -> tuple[Any, Any]:
    """Mean and sqrt(variance + 1e-8) of all values so far; the variance of one value is 1."""
    variance = np.var(values, axis=0, ddof=1) if len(values) > 1 else 1.0
    return np.mean(values, axis=0, dtype=np.float64), np.sqrt(variance + 1e-8)


class StreamAC:
    """The paper's algorithm on plain torch networks in float64, for one lane acting sequentially.

    Where agentsim deviates (see brains/streaming.py) it does too: a truncated episode is bootstrapped, and the
    statistics that normalise a next observation are those of what has been acted on.
    """

    def __init__(self, brain: Any, torch_net: Any, continuous: bool) -> None:
        self.policy = torch_net(brain, readout="linear" if continuous else "softmax")
        self.value = torch_net(brain, network=brain.critic, readout="linear")
        self.settings, self.continuous = brain.config.reward, continuous
        self.traces = {net: [torch.zeros_like(p) for p in net.parameters] for net in (self.policy, self.value)}
        self.squares = {net: [torch.zeros_like(p) for p in net.parameters] for net in (self.policy, self.value)}
        self.deltas: list[float] = []
        self.seen: list[np.ndarray] = []
        self.returns: list[float] = []
        self.trace = 0.0

    def distribution(self, x: np.ndarray) -> Any:
        output = self.policy(x)
        if not self.continuous:
            return Categorical(probs=output)
        mean, raw = output.chunk(2)
        return Normal(mean, softplus(raw))

    def normalized(self, observation: np.ndarray) -> np.ndarray:
        if not self.settings.normalize_observation:
            return observation
        mean, deviation = running(self.seen)
        return (observation - mean) / deviation

    def step(self, moment: tuple[np.ndarray, ...], action: np.ndarray) -> float:
        """One transition; delta."""
        observation, reward, following, terminated, truncated = (part[0] for part in moment)
        settings, done = self.settings, bool(terminated or truncated)
        self.seen.append(observation.astype(np.float64))
        self.trace = settings.discount * self.trace * (not done) + float(reward)
        self.returns.append(self.trace)
        scale = running(self.returns)[1] if settings.scale_reward else 1.0
        x = self.normalized(observation)
        value = self.value(x)[0]
        ahead = 0.0 if terminated else self.value(self.normalized(following))[0].item()
        delta = float(reward) / scale + settings.discount * ahead - value.item()
        policy = self.distribution(x)
        chosen = torch.as_tensor(action if self.continuous else int(action[0]))
        entropy = settings.entropy * policy.entropy().sum() * np.sign(delta)
        losses = {self.policy: -policy.log_prob(chosen).sum() - entropy, self.value: -value}
        self.deltas.append(delta)
        for net, kappa in ((self.policy, settings.kappa_policy), (self.value, settings.kappa_value)):
            gradients = torch.autograd.grad(losses[net], net.parameters)
            traces = [
                settings.discount * settings.trace_decay * z + g
                for z, g in zip(self.traces[net], gradients, strict=True)
            ]
            if settings.optimizer == "intentional":
                self.intend(net, gradients, traces, done)
                continue
            total = sum(z.abs().sum().item() for z in traces)
            bound = settings.learning_rate * kappa * max(abs(delta), 1.0) * total
            size = settings.learning_rate / bound if bound > 1.0 else settings.learning_rate
            with torch.no_grad():
                for parameter, z in zip(net.parameters, traces, strict=True):
                    parameter.sub_(z, alpha=size * delta)
            self.traces[net] = [torch.zeros_like(z) for z in traces] if done else traces
        return delta

    def intend(self, net: Any, gradients: Any, traces: list[Any], done: bool) -> None:
        """Intentional Updates: the wanted change along the trace, solved for the step; running squares are weighted
        means of all that there were, newest first by .001 x .999^k."""
        settings, delta, count = self.settings, self.deltas[-1], len(self.deltas)
        weights = 0.001 * 0.999 ** np.arange(count)[::-1]
        usual = np.sqrt(np.sum(weights * np.square(self.deltas)) / weights.sum())
        wanted = float(np.clip(delta, -settings.delta_clip * usual, settings.delta_clip * usual))
        change = settings.value_change * wanted if net is self.value else settings.policy_change * wanted / usual
        self.squares[net] = [0.999 * v + 0.001 * g * g for v, g in zip(self.squares[net], gradients, strict=True)]
        scaled = [z / ((v / weights.sum()).sqrt() + 1e-8) for z, v in zip(traces, self.squares[net], strict=True)]
        along = sum((p * z).sum().item() for p, z in zip(scaled, traces, strict=True))
        with torch.no_grad():
            moved = 0.0
            for parameter, p, z in zip(net.parameters, scaled, traces, strict=True):
                parameter.sub_(p, alpha=change / max(along, 1e-30))
                moved += (p * z).sum().item() * change / max(along, 1e-30)
        assert moved == pytest.approx(change, rel=1e-6) or along < 1e-20
        self.traces[net] = [torch.zeros_like(z) for z in traces] if done else traces


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    "reward",
    [
        {},
        {"learning_rate": 0.002, "entropy": 0.5, "trace_decay": 0.95, "kappa_policy": 0.1, "kappa_value": 0.1},
        {"normalize_observation": False, "scale_reward": False, "discount": 0.5},
        {"optimizer": "intentional"},
        {"optimizer": "intentional", "trace_decay": 0.0, "policy_change": 0.2, "delta_clip": 1.0},
    ],
)
def test_stream_ac_of_the_paper(
    reward: dict[str, Any], body: str, backend: str, make_brain: Any, torch_net: Any, parts: Any
) -> None:
    """100 transitions with terminations and truncations: the same delta, weights and traces at every one; traces are
    ours in ascent form, so minus theirs. The second case has steps that the bound does not shorten."""
    brain = make(make_brain, body, reward=reward, backend=backend, **SEQUENTIAL)
    theirs = StreamAC(brain, torch_net, body == "continuous")
    kinds = set()
    for moment in moments(100):
        learning = live(brain, moment)
        delta = theirs.step(moment, brain.sampled[0].copy())
        assert (learning.updates, learning.rollbacks) == (1, 0)
        assert learning.loss == pytest.approx(delta**2, rel=1e-3, abs=1e-4)
        kinds.add((bool(moment[3][0]), bool(moment[4][0])))
        for net, network in ((theirs.policy, brain.network), (theirs.value, brain.critic)):
            for mine, expected in zip(parts(network), net.arrays(), strict=True):
                np.testing.assert_allclose(mine, expected, rtol=1e-4, atol=1e-4)
            for mine, expected in zip(parts(network, 0, block.MOMENT1), theirs.traces[net], strict=True):
                scale = max(1.0, float(expected.abs().max()))
                np.testing.assert_allclose(mine, -expected.numpy(), rtol=1e-3, atol=1e-3 * scale)
    assert len(kinds) == 3


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("body", BODIES)
def test_stepping_learns_through_the_activations_that_acted(
    body: str, backend: str, make_brain: Any, torch_net: Any, parts: Any
) -> None:
    """On weights that (almost) stand still: an episode's first L-1 ticks teach nothing; then the traces are the sum of
    autograd's gradients of log pi(a(t)) and V, both at observation t - (L-1), decayed."""
    reward = {"learning_rate": 1e-12, "entropy": 0.0, "normalize_observation": False}
    brain = make(make_brain, body, reward=reward, backend=backend, **STEPPING)
    policy = torch_net(brain, readout="softmax" if body == "discrete" else "linear")
    value = torch_net(brain, network=brain.critic, readout="linear")
    depth, decay = 3, brain.config.reward.discount * brain.config.reward.trace_decay
    traces = {net: [torch.zeros_like(p) for p in net.parameters] for net in (policy, value)}
    no, age, observations = np.zeros(1, bool), 0, []
    for tick, (observation, gain, following, *_) in enumerate(moments(16)):
        if tick == 7:
            brain.reset(np.ones(1, bool))
            age, observations = 0, []
        age += 1
        observations.append(observation[0])
        assert live(brain, (observation, gain, following, no, no)).updates == int(age >= depth)
        if age < depth:
            continue
        acted = observations[-depth]
        output, sampled = policy(acted), torch.tensor(brain.sampled[0])
        if body == "discrete":
            log = Categorical(probs=output).log_prob(sampled.long()[0])
        else:
            mean, raw = output.chunk(2)
            log = Normal(mean, softplus(raw)).log_prob(sampled).sum()
        for net, gain_of in ((policy, log), (value, value(acted)[0])):
            gradients = torch.autograd.grad(gain_of, net.parameters)
            traces[net] = [decay * z + g for z, g in zip(traces[net], gradients, strict=True)]
        for net, network in ((policy, brain.network), (value, brain.critic)):
            for mine, expected in zip(parts(network, 0, block.MOMENT1), traces[net], strict=True):
                np.testing.assert_allclose(mine, expected.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_actions_are_drawn_from_the_softmax(backend: str, make_brain: Any, torch_net: Any) -> None:
    """4,000 draws of a policy: chi-square within four deviations of its mean, the degrees of freedom."""
    brain = make(make_brain, "discrete", reward={"normalize_observation": False}, backend=backend, **SEQUENTIAL)
    observation = np.full((1, 5), 0.3, np.float32)
    expected = 4000 * torch_net(brain, readout="softmax")(observation[0]).detach().numpy()
    counts = np.bincount([int(brain.act(observation)[0]) for _ in range(4000)], minlength=3)
    statistic, freedom = float(((counts - expected) ** 2 / expected).sum()), 2
    assert expected.min() > 100 and statistic < freedom + 4 * np.sqrt(2 * freedom)


@pytest.mark.parametrize("backend", BACKENDS)
def test_continuous_actions_are_gaussian(backend: str, make_brain: Any, torch_net: Any) -> None:
    """Mean output[:A] and deviation softplus(output[A:]), uncorrelated; what acts is clipped to the bounds."""
    brain = make(make_brain, "continuous", reward={"normalize_observation": False}, backend=backend, **SEQUENTIAL)
    observation = np.full((1, 5), 0.3, np.float32)
    mean, raw = torch_net(brain, readout="linear")(observation[0]).detach().chunk(2)
    acted, drawn = [], []
    for _ in range(4000):
        acted.append(brain.act(observation)[0])
        drawn.append(brain.sampled[0].copy())
    np.testing.assert_array_equal(acted, np.clip(drawn, -2.0, 2.0))
    normal = (np.array(drawn) - mean.numpy()) / softplus(raw).numpy()
    error = 4 / np.sqrt(4000)
    assert np.abs(normal.mean(0)).max() < error
    assert np.abs(normal.var(0) - 1.0).max() < error * np.sqrt(2)
    assert abs((normal[:, 0] * normal[:, 1]).mean()) < error
    for within, share in ((1.0, 0.682689), (2.0, 0.954500)):
        assert np.abs((np.abs(normal) < within).mean(0) - share).max() < error * np.sqrt(share * (1 - share))


@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize("execution", [SEQUENTIAL, STEPPING])
@pytest.mark.parametrize("body", BODIES)
def test_numba_is_the_reference(
    body: str, execution: dict[str, str], lanes: int, make_brain: Any, comparison: Any
) -> None:
    """Several random episodes, with three snapshots or more."""
    compared = comparison(make, make_brain, body, lanes=lanes, snapshot_every=13, **execution)
    for moment in moments(60, lanes):
        compared.tick(lambda brain: live(brain, moment))  # noqa: B023
    compared.errors.check()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("execution", [SEQUENTIAL, STEPPING])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["reward", "observation", "next observation", "policy", "critic", "trace"])
def test_a_streaming_brain_survives(
    where: str, value: float, execution: dict[str, str], body: str, backend: str, make_brain: Any, parts: Any
) -> None:
    """One bad number: counted and rolled back, nothing that lasts is spoiled, and learning goes on."""
    brain = make(make_brain, body, backend=backend, snapshot_every=4, lanes=1, **execution)
    rollbacks, good = [], None
    for tick, moment in enumerate(moments(60, seed=3)):
        parts_of_moment = [part.copy() for part in moment]
        parts_of_moment[3][:] = parts_of_moment[4][:] = False
        if tick == 20:
            match where:
                case "reward":
                    parts_of_moment[1][0] = value
                case "observation":
                    parts_of_moment[0][0, 2] = value
                case "next observation":
                    parts_of_moment[2][0, 2] = value
                case "policy":
                    brain.network.weight(1)[3, 4] = value
                case "critic":
                    brain.critic.weight(1)[3, 4] = value
                case "trace":
                    brain.network.weight(1, which=block.MOMENT1)[3, 4] = value
        learning = live(brain, tuple(parts_of_moment))
        rollbacks.append(learning.rollbacks)
        assert np.isfinite(learning.loss) and np.isfinite(brain.sampled).all()
        assert np.isfinite(brain.network.newest()[-1]).all()
        if tick == 34:
            good = [*parts(brain.network), *parts(brain.critic)]
    unseen = where == "next observation" and execution is STEPPING  # it is overwritten before it gets anywhere
    assert sum(rollbacks[:20]) == 0 and sum(rollbacks[34:]) == 0, rollbacks
    assert sum(rollbacks[20:34]) == 0 if unseen else sum(rollbacks[20:34]) >= 1, rollbacks
    assert all(np.isfinite(array).all() for array in brain.state_dict().values())
    assert good is not None
    for now, old in zip([*parts(brain.network), *parts(brain.critic)], good, strict=True):
        assert (now != old).any()
