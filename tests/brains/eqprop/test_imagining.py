"""Imagining: models against linear algebra, preferences against Gymnasium's own rewards, planning where the best plan
is known in closed form."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

from brains.brain import Body, Experience
from brains.eqprop.inference import ImaginingBrain, ImaginingConfig
from brains.eqprop.preferences import PREFERENCES
from brains.eqprop.world_model import PRIOR, Network, NetworkModel, Regression, RegressionModel

CARTPOLE = Body(4, 2)
PENDULUM = Body(3, 1, discrete=False, low=(-2.0,), high=(2.0,))
BODIES = {"cartpole": CARTPOLE, "pendulum": PENDULUM, "acrobot": Body(6, 3)}


def brain(preference: str = "pendulum", model: Any = None, **given: Any) -> ImaginingBrain:
    config = ImaginingConfig.model_validate({"preference": preference, "babble": 0, **given})
    return ImaginingBrain(config, BODIES[preference], np.random.SeedSequence(3), model)


@pytest.mark.parametrize("kind", ["linear", "quadratic"])
def test_a_regression_is_the_ridge_solution_of_all_that_it_saw(kind: str) -> None:
    """(F'F + 1 / prior)^-1 F'y by numpy, with the monomials written out here."""
    chance = np.random.default_rng(0)
    x, y = chance.normal(size=(30, 3)).astype(np.float32), chance.normal(size=(30, 2))
    model = Regression(RegressionModel(kind=kind), 3, 2)
    for row, target in zip(x, y, strict=True):
        model.learn(row, target, chance)
    monomials = [np.ones(30), *x.T]
    if kind == "quadratic":
        monomials += [x[:, i] * x[:, j] for i in range(3) for j in range(i, 3)]
    features = np.stack(monomials, axis=1).astype(np.float64)
    solution = np.linalg.solve(features.T @ features + np.eye(features.shape[1]) / PRIOR, features.T @ y)
    np.testing.assert_allclose(model.predict(x), features @ solution, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", ["eqprop", "backprop"])
def test_a_network_learns_a_product_that_no_linear_model_can(kind: str) -> None:
    """y = x_0 x_1, of which linear least squares explains nothing."""
    chance = np.random.default_rng(1)
    model = Network(NetworkModel(kind=kind, hidden=(32,)), 2, 1, 8, np.random.SeedSequence(0))
    for x in chance.uniform(-1, 1, (1_500, 2)).astype(np.float32):
        model.learn(x, np.array([x[0] * x[1]], np.float32), chance)
    x = chance.uniform(-1, 1, (8, 2)).astype(np.float32)
    assert np.abs(model.predict(x)[:, 0] - x[:, 0] * x[:, 1]).max() < 0.1


def test_the_pendulums_preference_is_its_own_cost() -> None:
    environment = gymnasium.make("Pendulum-v1")
    observation, _ = environment.reset(seed=0)
    environment.action_space.seed(0)
    for _ in range(50):
        action = environment.action_space.sample()
        cost, last = PREFERENCES["pendulum"].cost(observation[None].astype(float), action[None].astype(float))
        observation, reward, *_ = environment.step(action)
        assert cost[0] == pytest.approx(-reward, rel=1e-5)
        assert not last[0]


def test_the_acrobots_preference_knows_when_it_is_over() -> None:
    """Gymnasium's own word on random states; the cost is 1 to 3 elsewhere, the less the higher."""
    environment: Any = gymnasium.make("Acrobot-v1").unwrapped
    chance = np.random.default_rng(2)
    states = chance.uniform(-np.pi, np.pi, (300, 4))
    moments = np.stack(
        [*(f(states[:, k]) for k in (0, 1) for f in (np.cos, np.sin)), states[:, 2], states[:, 3]], axis=1
    )
    cost, last = PREFERENCES["acrobot"].cost(moments, np.zeros((300, 1)))
    for state, over in zip(states, last, strict=True):
        environment.state = state
        assert environment._terminal() == over
    height = -np.cos(states[:, 0]) - np.cos(states[:, 0] + states[:, 1])
    np.testing.assert_allclose(cost[~last], 2 - height[~last] / 2)
    assert (cost[last] == 0).all()


class Known:
    """A model whose truth is given."""

    def __init__(self, of: Any) -> None:
        self.predict = of

    def learn(self, x: Any, y: Any, chance: Any) -> None:
        pass

    def arrays(self) -> dict[str, Any]:
        return {}


def test_the_plan_is_the_best_where_it_is_known() -> None:
    """The moment is what the action was, and .4 of the way is preferred: every action of the plan is .4."""
    own = brain(horizon=4, rounds=8, model=Known(lambda x: np.column_stack([x[:, 3:], 0 * x[:, :2]]) - x[:, :3]))
    own.scale[...], own.unit[...] = 1, 1
    own.preferred = lambda moments, action: ((moments[:, 0] - 0.4) ** 2, np.zeros(len(moments), bool))
    action = own.act(np.zeros((1, 3), np.float32))
    assert action.shape == (1, 1)
    assert action[0, 0] == pytest.approx(2 * 0.4, abs=0.05), "in the units of the body, which end at 2"
    np.testing.assert_allclose(own.mean[0], 0.4, atol=0.05)
    np.testing.assert_allclose(own.imagined[0, :, 0], 0.4, atol=0.1)


def test_what_comes_after_the_end_of_an_imagined_episode_costs_nothing() -> None:
    """Being there costs 1 a tick, and the choice 0 ends it; any other plan is dearer, however it goes on."""
    own = brain(
        "acrobot", horizon=6, hold=2, model=Known(lambda x: np.column_stack([x[:, 6:], 0 * x[:, :5]]) - x[:, :6])
    )
    own.scale[...], own.unit[...] = 1, 1
    own.preferred = lambda moments, action: (np.ones(len(moments)), moments[:, 0] < -0.5)
    assert own.act(np.zeros((1, 6), np.float32))[0] == 0


def test_one_step_ahead_every_choice_is_imagined() -> None:
    """By hand: the pole falls to the right, and only a push to the right catches it."""
    pushed = np.array([0, 0, 0, -1.0])
    own = brain("cartpole", horizon=1, model=Known(lambda x: x[:, 4:] * pushed))
    assert own.act(np.array([[0, 0, 0.1, 0.5], [0, 0, -0.1, -0.5]], np.float32)[:1])[0] == 1
    assert own.act(np.array([[0, 0, -0.1, -0.5]], np.float32))[0] == 0


def test_one_step_ahead_is_shown_further_ahead_choice_by_choice() -> None:
    """By hand: each tick the pole speeds up by the push that brings theta + .3 theta_dot nearest to 0."""
    unit = PREFERENCES["cartpole"].change[3]
    own = brain("cartpole", horizon=1, model=Known(lambda x: x[:, 4:] * np.array([0, 0, 0, -1.0])))
    assert own.imagines() is None
    own.act(np.array([[0, 0, 0.1, 0.5]], np.float32))
    before, shown = own.state_dict(), own.imagines()
    speed, expected = 0.5, []
    for _ in range(15):
        speed = min((speed - unit, speed + unit), key=lambda after: (0.1 + 0.3 * after) ** 2)
        expected.append(speed)
    assert shown is not None and shown.shape == (1, 15, 4)
    np.testing.assert_allclose(shown[0, :, 3], expected, atol=1e-4)
    assert all(np.array_equal(array, before[name]) for name, array in own.state_dict().items())


def test_choices_are_equal_shares_of_the_range() -> None:
    own = brain("acrobot")
    cut = own._cut(np.array([-1, -0.34, -0.33, 0, 0.33, 0.34, 1]))
    assert cut.tolist() == [0, 0, 1, 1, 1, 2, 2]


@pytest.mark.parametrize("model", [{"kind": "eqprop"}, {"kind": "quadratic"}])
def test_it_goes_on_to_the_same_bits(model: dict[str, Any]) -> None:
    """Twenty ticks more, babbling over in between, of the brain and of one that took over its state."""

    def live(own: ImaginingBrain, first: int, ticks: int) -> list[Any]:
        chance, seen = np.random.default_rng(first), []
        never = np.zeros(1, bool)
        for _ in range(ticks):
            o, following = chance.uniform(-1, 1, (2, 1, 3)).astype(np.float32)
            seen.append(own.act(o).copy())
            own.learn(Experience(o, seen[-1], np.zeros(1, np.float32), following, never, never))
        return seen

    given: dict[str, Any] = {"model": {**model, "memory": 16} if model["kind"] == "eqprop" else model, "babble": 25}
    own, other = (
        ImaginingBrain(ImaginingConfig(preference="pendulum", horizon=3, **given), PENDULUM, np.random.SeedSequence(s))
        for s in (0, 9)
    )
    live(own, 0, 20)
    other.load_state_dict(own.state_dict())
    for mine, others in zip(live(own, 1, 20), live(other, 1, 20), strict=True):
        np.testing.assert_array_equal(mine, others)
    for name, array in own.state_dict().items():
        np.testing.assert_array_equal(array, other.state_dict()[name])


def test_the_error_is_that_of_its_prediction_before_it_learned() -> None:
    """By hand, of a model that says that nothing changes: the error is all that happened."""
    own = brain("cartpole", horizon=1, model=Known(lambda x: 0 * x[:, :4]))
    never = np.zeros(1, bool)
    o, following = np.zeros((1, 4), np.float32), np.array([[0.005, 0.4, 0, 0]], np.float32)
    learning = own.learn(Experience(o, np.array([1]), np.zeros(1, np.float32), following, never, never))
    assert learning.loss == pytest.approx(1 + 4)
    assert own.figures() == {"prediction_error": pytest.approx(1.0)}
    lost = own.learn(Experience(o, np.array([1]), np.zeros(1, np.float32), following * np.nan, never, never))
    assert (lost.rollbacks, lost.updates) == (1, 0)


def test_another_body_is_refused() -> None:
    with pytest.raises(ValueError, match="preference: pendulum is about 3 observations"):
        ImaginingBrain(ImaginingConfig(preference="pendulum"), CARTPOLE, np.random.SeedSequence(0))
