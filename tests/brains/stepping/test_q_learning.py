"""Learning from reward by replay: double Q-learning against a short torch implementation with autograd and torch.optim,
against values in closed form, and numba against the torch backend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import huber_loss

from brains.brain import Body, Experience
from brains.kernels import BACKENDS
from brains.kernels.program import block
from brains.stepping.kind import stepping
from brains.stepping.settings import SteppingConfig


def make(make_brain: Any, *, reward: dict[str, Any] | None = None, replay: Any = None, **settings: Any) -> Any:
    keywords = {"execution": "sequential", "readout": "linear", "optimizer": "adam", "learning_rate": 0.01, **settings}
    replay = replay or {"capacity": 40, "per_tick": 6, "recent": 7}
    brain = make_brain((7, 6), teacher=False, replay=replay, reward=reward or {}, **keywords)
    brain.slow[:] = brain.network.parameters[:, block.VALUE]  # whose biases make_brain has drawn
    return brain


def moments(count: int, lanes: int = 1, seed: int = 0) -> Iterator[tuple[np.ndarray, ...]]:
    """(observation, reward, next observation, terminated, truncated): a life of episodes of some ten ticks."""
    generator = np.random.default_rng(seed)
    observation = generator.normal(size=(lanes, 5)).astype(np.float32)
    for _ in range(count):
        following = (3.0 * generator.normal(size=(lanes, 5)) + 1.0).astype(np.float32)
        end = generator.random(lanes)
        reward = (2.0 * generator.normal(size=lanes)).astype(np.float32)
        yield observation, reward, following, end < 0.06, (end >= 0.06) & (end < 0.12)
        observation = following


def live(brain: Any, moment: tuple[np.ndarray, ...]) -> Any:
    """One tick: what learning said."""
    observation, reward, following, terminated, truncated = moment
    return brain.learn(Experience(observation, brain.act(observation), reward, following, terminated, truncated))


def running(values: list[Any]) -> tuple[Any, Any]:
    """Mean and sqrt(variance + 1e-8) of all values so far; the variance of one value is 1."""
    variance = np.var(values, axis=0, ddof=1) if len(values) > 1 else 1.0
    return np.mean(values, axis=0, dtype=np.float64), np.sqrt(variance + 1e-8)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("normalize", [True, False])
def test_double_q_learning_of_the_last_transition(
    normalize: bool, backend: str, make_brain: Any, torch_net: Any, parts: Any
) -> None:
    """A ring of one memory leaves nothing to chance: 100 transitions against autograd, torch's Huber loss and Adam.

    goal = r + discount Q_slow(s', argmax Q(s')), 0 ahead of a terminated transition and bootstrapped past a truncated
    one; then slow += tracking (Q - slow). Observations and rewards are over their running deviations, or as they are.
    """
    reward = {"discount": 0.9, "tracking": 0.1, "normalize_observation": normalize, "scale_reward": normalize}
    brain = make(
        make_brain, reward=reward, replay={"capacity": 1, "per_tick": 1}, gradient_clip=0, backend=backend, seed=1
    )
    newest, slow = torch_net(brain), torch_net(brain)
    optimizer = torch.optim.Adam(newest.parameters, 0.01, betas=(0.9, 0.99), eps=1e-8)
    seen: list[np.ndarray] = []
    returns: list[float] = []
    clipped, chose_otherwise, earned = 0, 0, 0.0
    for moment in moments(100):
        learning = live(brain, moment)
        observation, gain, following, terminated, truncated = (part[0] for part in moment)
        seen.append(observation.astype(np.float64))
        earned = 0.9 * earned * (not (terminated or truncated)) + float(gain)
        returns.append(earned)
        mean, deviation = running(seen) if normalize else (0.0, 1.0)
        scale = running(returns)[1] if normalize else 1.0
        x, ahead = (observation - mean) / deviation, (following - mean) / deviation
        with torch.no_grad():
            best = int(newest(ahead).argmax())
            chose_otherwise += best != int(slow(ahead).argmax())
            goal = float(gain) / scale + 0.9 * slow(ahead)[best] * (not terminated)
        value = newest(x)[int(brain.memory[0, 5])]
        optimizer.zero_grad()
        huber_loss(value, goal).backward()
        optimizer.step()
        with torch.no_grad():
            for mine, theirs in zip(slow.parameters, newest.parameters, strict=True):
                mine.lerp_(theirs, 0.1)
        off = float(goal - value.detach())
        clipped += abs(off) > 1.0
        assert (learning.updates, learning.rollbacks) == (1, 0)
        assert learning.loss == pytest.approx(off**2, rel=1e-3, abs=1e-4)
        for mine, expected in zip(parts(brain.network), newest.arrays(), strict=True):
            np.testing.assert_allclose(mine, expected, rtol=1e-3, atol=1e-3)
    brain.network.parameters[:, block.VALUE] = brain.slow
    for mine, expected in zip(parts(brain.network), slow.arrays(), strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-3, atol=1e-3)
    assert 5 < clipped < 95 and chose_otherwise > 0


def test_values_of_a_corridor() -> None:
    """Three rooms in a row: right leads on and out of the last one for a reward of 1, left leads back, and a visit is
    cut short after 20 ticks. The values of right are d^2, d, 1; of left one step more: d^3 (stay), d^3, d^2."""
    config = SteppingConfig.model_validate(
        {
            "execution": "sequential",
            "layers": [{}],
            "readout": "linear",
            "optimizer": "adam",
            "learning_rate": 0.01,
            "replay": {"capacity": 4096, "per_tick": 32},
            "reward": {
                "discount": 0.7,
                "exploration": 1.0,
                "tracking": 0.05,
                "normalize_observation": False,
                "scale_reward": False,
            },
        }
    )
    brain = stepping(config, Body(3, 2), np.random.SeedSequence(0))  # type: ignore[arg-type]
    rooms, room, age = np.eye(3, dtype=np.float32), 0, 0
    for _ in range(3000):
        observation = rooms[[room]]
        action = brain.act(observation)
        leaves, age = bool(room == 2 and action[0] == 1), age + 1
        room = min(room + 1, 2) if action[0] == 1 else max(room - 1, 0)
        cut = not leaves and age == 20
        reward, flags = np.array([leaves], np.float32), (np.array([leaves]), np.array([cut]))
        brain.learn(Experience(observation, action, reward, rooms[[room]], *flags))
        if leaves or cut:
            room, age = 0, 0
    values = brain.network.weight(0) + brain.network.bias(0)
    np.testing.assert_allclose(values, [[0.7**3, 0.7**2], [0.7**3, 0.7], [0.7**2, 1.0]], atol=0.01)


@pytest.mark.parametrize("backend", BACKENDS)
def test_exploration(backend: str, make_brain: Any, torch_net: Any) -> None:
    """At 0 the action of the largest value; at 0.6 the other two of three get a fifth each of 4,000 draws."""
    observation = np.full((1, 5), 0.3, np.float32)
    for share in (0.0, 0.6):
        brain = make(make_brain, reward={"exploration": share, "normalize_observation": False}, backend=backend)
        best = int(torch_net(brain)(observation[0]).argmax())
        counts = np.bincount([int(brain.act(observation)[0]) for _ in range(4000)], minlength=3)
        expected = np.full(3, 4000 * share / 3)
        expected[best] += 4000 * (1.0 - share)
        assert (np.abs(counts - expected) <= 4 * np.sqrt(expected)).all()


@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("normalize", [True, False])
def test_numba_is_the_reference(normalize: bool, lanes: int, make_brain: Any, comparison: Any) -> None:
    """Random ticks of two learning steps, until the ring has wrapped."""
    compared = comparison(make, make_brain, lanes=lanes, snapshot_every=17, normalize=normalize)
    for moment in moments(50, lanes):
        for step in (lambda brain: live(brain, moment), lambda brain: brain.rehearse()):  # noqa: B023
            learning = compared.tick(step)
            assert (learning.updates, learning.rollbacks) == (lanes, 0)
    compared.errors.check()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["reward", "observation", "next observation", "weight", "moment", "slow copy"])
def test_it_survives(where: str, value: float, backend: str, make_brain: Any, parts: Any) -> None:
    """One bad number: never remembered, what it spoiled rolled back, and learning goes on."""
    brain = make(make_brain, backend=backend, snapshot_every=4)
    rollbacks, good = [], None
    for tick, moment in enumerate(moments(60, seed=3)):
        bad = [part.copy() for part in moment]
        if tick == 20:
            match where:
                case "reward":
                    bad[1][0] = value
                case "observation":
                    bad[0][0, 2] = value
                case "next observation":
                    bad[2][0, 2] = value
                case "weight":
                    brain.network.weight(1)[3, 4] = value
                case "moment":
                    brain.network.weight(1, which=block.MOMENT1)[3, 4] = value
                case "slow copy":
                    brain.slow[:, 0] = value
        learning = live(brain, tuple(bad))
        rollbacks.append(learning.rollbacks)
        assert np.isfinite(learning.loss) and np.isfinite(brain.replay).all()
        if tick == 34:
            good = parts(brain.network)
    never = where in ("reward", "next observation")  # they are only left out
    assert sum(rollbacks[:20]) == 0 and sum(rollbacks[34:]) == 0, rollbacks
    assert (sum(rollbacks[20:34]) == 0) == never, rollbacks
    assert all(np.isfinite(array).all() for array in brain.state_dict().values())
    assert good is not None
    for now, old in zip(parts(brain.network), good, strict=True):
        assert (now != old).any()


@pytest.mark.parametrize(
    ("settings", "key"),
    [({"continuous": True}, "replay"), ({"execution": "stepping"}, "execution"), ({"readout": "softmax"}, "readout")],
)
def test_what_it_cannot_do_is_said(settings: dict[str, Any], key: str, make_brain: Any) -> None:
    with pytest.raises(ValueError, match=f"^{key}: "):
        make(make_brain, **settings)
