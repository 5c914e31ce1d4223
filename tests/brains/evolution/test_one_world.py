"""The evolution strategy in one real world: whose turn it is, what a generation moves, what is kept, that it learns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import brains
from agentsim.config.load import load_config
from agentsim.loop.simulation import Simulation
from brains.brain import Body, Experience
from brains.evolution.brain import EvolutionBrain
from brains.evolution.one_world import OneWorldBrain
from worlds.chase_avoid import ChaseAvoid


def born(body: Body, seed: int = 0, window: int = 3, hidden: tuple[int, ...] = (7,), **evolution: Any) -> OneWorldBrain:
    kind = brains.load("evolution")
    settings = {"worlds": "real", "hidden": hidden, "window": window, "evolution": {"population": 2, **evolution}}
    made: Any = brains.make(kind, kind.Config.model_validate(settings), body, np.random.SeedSequence(seed))
    assert type(made) is OneWorldBrain
    return made


def members_of(brain: EvolutionBrain) -> Any:
    return np.concatenate([brain.evolution.members(chunk) for chunk in brain.evolution.chunks()])


def outputs(brain: EvolutionBrain, parameters: Any, seen: Any) -> Any:
    """Of a policy with one hidden layer, in float64."""
    w, b, v, c = (place.of(parameters.astype(np.float64)) for place in brain.evolution.places)
    z = np.clip(w @ seen + b, -3, 3)
    return v @ (z * (27 + z * z) / (27 + 9 * z * z)) + c


def told(brain: OneWorldBrain, seen: Any, reward: Any = 0.0, terminated: Any = False) -> Any:
    lanes = len(seen)
    rewards, ends = np.full(lanes, reward, np.float32), np.full(lanes, terminated)
    action = brain.act(seen)
    return action, brain.learn(Experience(seen, action, rewards, seen, ends, np.zeros(lanes, bool)))


def test_members_act_in_turn_and_the_mean_before_it_is_taught() -> None:
    """The first tick is the mean's; then each of four members has three, twins next to each other, and so on with the
    new mean's. One that is never taught, a frozen copy, and one that begins anew act by the mean."""
    brain, rng = born(Body(5, 3), population=4, sigma=2.0), np.random.default_rng(0)
    mean = brain.evolution.mean.copy()
    for generation in range(3):
        for who in [mean] * (generation == 0) + [member for member in members_of(brain) for _ in range(3)]:
            seen = rng.normal(size=(1, 5)).astype(np.float32)
            assert (
                brain.frozen_copy(2).act(seen.repeat(2, 0))[1] == outputs(brain, brain.evolution.mean, seen[0]).argmax()
            )
            _, learning = told(brain, seen, rng.normal())
            np.testing.assert_allclose(brain.layers[-1][0], outputs(brain, who, seen[0]), rtol=1e-4, atol=1e-5)
        assert learning.updates == 1 and brain.evolution.generation == generation + 1
    other = born(Body(5, 3), seed=1, population=4)
    other.adopt(brain.state_dict(), changed=True)
    for _ in range(3):
        other.act(seen)
        np.testing.assert_allclose(other.layers[-1][0], outputs(brain, brain.evolution.mean, seen[0]), atol=1e-5)


def test_a_generation_moves_the_mean_by_what_twins_earned_a_life() -> None:
    """Plain steps of raw differences: rate x (F+ - F-) / (2 sigma) x E, E = (member+ - member-) / (2 sigma). Of two
    lanes and four ticks each, what was earned in the first tick of all counts for nobody, and lives are the lanes and
    one more for each that was terminated."""
    given = {"shaping": "raw", "optimizer": "sgd", "learning_rate": 0.25, "sigma": 0.5}
    brain, rng = born(Body(5, 3, lanes=2), window=4, **given), np.random.default_rng(1)
    rewards, seen, ends = rng.integers(-8, 9, (17, 2)) / 8, np.zeros((2, 5), np.float32), np.zeros((17, 2), bool)
    ends[[0, 2, 4, 4, 7, 11, 15, 16, 16], [0, 1, 0, 1, 1, 0, 1, 0, 1]] = True
    told(brain, seen, rewards[0], ends[0])
    for first, lives in ((1, (2 + 3, 2 + 1)), (9, (2 + 1, 2 + 3))):
        mean, (plus, minus) = brain.evolution.mean.astype(np.float64), members_of(brain).astype(np.float64)
        for tick in range(first, first + 8):
            _, learning = told(brain, seen, rewards[tick], ends[tick])
            assert learning.updates == (tick == first + 7)
        up, down = rewards[first : first + 8].reshape(2, -1).sum(1) / lives
        moved = 0.25 * (up - down) / (2 * 0.5) * (plus - minus) / (2 * 0.5)
        np.testing.assert_allclose(brain.evolution.mean, mean + moved, atol=1e-6)
        assert abs(moved).max() > 0.01
        np.testing.assert_allclose(-learning.loss, (up + down) / 2 / 4)
        generations = 1.0 + (first > 1)
        told_of = {"fitness": -learning.loss, "ties": 0.0, "generations": generations, "simulated": 0.0}
        assert brain.figures() == told_of


def test_it_goes_on_exactly_from_the_middle_of_a_window() -> None:
    """In a brain of another seed, at every tick of two generations of four members."""
    seen, rewards = np.random.default_rng(2).normal(size=(2, 60, 1, 1)).astype(np.float32)
    for cut in range(26):
        one, other = born(Body(1, 2), population=4), born(Body(1, 2), seed=7, population=4)
        for tick in range(cut):
            told(one, seen[tick], rewards[tick, 0])
        other.load_state_dict(one.state_dict())
        for tick in range(cut, cut + 30):
            assert told(one, seen[tick], rewards[tick, 0])[0] == told(other, seen[tick], rewards[tick, 0])[0]
        for name, array in one.state_dict().items():
            assert np.array_equal(array, other.state_dict()[name]), name


@pytest.mark.parametrize("better", [0, 1])
def test_the_mean_moves_to_the_better_arm(better: int) -> None:
    """Of a bandit of two arms, which pay 1 with chances of .8 and .2: from three beginnings the mean comes to pull the
    better one, and twins, nearly always."""
    seen, pays = np.ones((1, 1), np.float32), np.array([0.2, 0.2])
    pays[better] = 0.8
    for seed in range(3):
        brain = born(Body(1, 2), seed, window=10, hidden=(3,), sigma=0.3, learning_rate=0.05)
        rng, pulled = np.random.default_rng(seed), []
        for _ in range(6000):
            action = int(brain.act(seen)[0])
            paid = np.array([rng.random() < pays[action]], np.float32)
            brain.learn(Experience(seen, np.array([action]), paid, seen, *np.zeros((2, 1), bool)))
            pulled.append(action)
        assert brain.frozen_copy().act(seen) == better
        assert np.mean(np.array(pulled[-1000:]) == better) > 0.95


def test_it_has_no_simulator_where_there_is_one() -> None:
    """Nor steps of one; members that live in shadows are another brain of the same kind."""
    world = ChaseAvoid()
    brain = born(Body(8, 4, shadows=world.shadows))
    told(brain, np.zeros((1, 8), np.float32))
    assert brain.shadows is None and brain.body.shadows is None and brain.imagines() is None
    assert brain.figures()["simulated"] == 0
    kind = brains.load("evolution")
    made = brains.make(kind, kind.Config(), Body(8, 4, shadows=world.shadows), np.random.SeedSequence(0))
    assert type(made) is EvolutionBrain and made.shadows is not None


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_it_learns_cartpole_from_reward_alone(seed: int) -> None:
    """100,000 ticks; random actions balance for 22 (Gymnasium's own start, 9.3 from the best constant)."""
    settings = ["brain.window=100", "brain.evolution.learning_rate=0.03", f"run.seed={seed}", "clock.pacing=none"]
    config = load_config("cartpole", "evolution-one-world", overrides=[*settings, "run.seconds=2000"])
    simulation = Simulation(config, drawn=False)
    with simulation:
        simulation.run()
        assert simulation.close()["episodes"]["last_20_mean"] > 100
