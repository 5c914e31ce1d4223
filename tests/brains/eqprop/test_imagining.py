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


def test_an_update_has_the_present_transition_recent_ones_and_old_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the config's docstring says, of transitions that are numbered: 1 of 16 is the present one, 3 are of the last
    60 and the others of all; so many updates a tick, with what happened beside what was done."""
    model = Network(NetworkModel(updates=2, hidden=(4,)), 2, 1, 1, np.random.SeedSequence(0))
    chance, taught = np.random.default_rng(0), []
    monkeypatch.setattr(model.core, "learn", lambda x, y: taught.append((x.copy(), y.copy())))
    for number in range(400):
        model.learn(np.full(2, number, np.float32), np.array([-number], np.float32), chance)
    assert len(taught) == 2 * 400
    ages = np.array([now - x[:, 0] for now, (x, _) in zip(np.repeat(np.arange(400), 2), taught, strict=True)])[-400:]
    assert all(np.array_equal(y, -x[:, :1]) for x, y in taught)
    assert not ages[:, 0].any()
    assert ages[:, 1:4].max() == 59 and ages[:, 1:4].min() == 0
    assert ages[:, 4:].max() > 350 and ages[:, 4:].mean() == pytest.approx(350 / 2 - 25, rel=0.1)


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


class Taught:
    """A model that keeps what it is taught, and from then on says just that."""

    def __init__(self) -> None:
        self.said, self.x = np.zeros((1, 3)), np.zeros(4)

    def predict(self, x: Any) -> Any:
        return self.said.repeat(len(x), 0)

    def learn(self, x: Any, y: Any, chance: np.random.Generator) -> None:
        self.x, self.said = x, y[None]

    def arrays(self) -> dict[str, Any]:
        return {}


def test_what_is_taught_is_the_change_and_its_error_is_of_before() -> None:
    """By hand, for Pendulum: of what is seen over (1, 1, 8) and a torque over 2, by how much it changes over
    (.13, .13, .54). A model that knows it afterwards was wrong all the same."""
    model, never = Taught(), np.zeros(1, bool)
    seen, following = np.array([[0.6, 0.8, 4]], np.float32), np.array([[0.73, 0.54, 4.54]], np.float32)
    lived = Experience(seen, np.array([[-1.0]], np.float32), np.zeros(1, np.float32), following, never, never)
    own = brain(model=model)
    learning = own.learn(lived)
    np.testing.assert_allclose(model.x, [0.6, 0.8, 0.5, -0.5], rtol=1e-6)
    np.testing.assert_allclose(model.said[0], [1, -2, 1], rtol=1e-5)
    assert learning.loss == pytest.approx(1 + 4 + 1, rel=1e-5)
    assert own.learn(lived).loss == pytest.approx(0, abs=1e-9)


def test_a_plan_goes_on_by_a_tick_and_ends_with_its_episode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing new is drawn, all sequences are the plan of before, a tick further, with 0 at its end."""
    own = brain(model=Known(lambda x: 0 * x[:, :3]), horizon=4)

    class Still:
        def standard_normal(self, shape: Any) -> Any:
            return np.zeros(shape)

    monkeypatch.setattr(own, "generator", Still())
    own.mean[...] = [0.1, 0.2, 0.3, 0.4]
    action = own.act(np.array([[1, 0, 0]], np.float32))
    np.testing.assert_allclose(own.mean, [[0.2, 0.3, 0.4, 0]])
    assert action[0, 0] == pytest.approx(2 * 0.2), "the first of the plan, of a torque of 2"
    own.reset(np.ones(1, bool))
    assert not own.mean.any() and not own.imagined.any()


def test_another_body_is_refused() -> None:
    with pytest.raises(ValueError, match="preference: pendulum is about 3 observations"):
        ImaginingBrain(ImaginingConfig(preference="pendulum"), CARTPOLE, np.random.SeedSequence(0))


@pytest.mark.parametrize("rule", ["eqprop", "backprop"])
def test_the_motor_learns_to_do_what_imagination_prefers(rule: str) -> None:
    """The world is known: what is wanted is the sign of what is sensed. After 300 ticks its outputs agree, and without
    having been asked to imagine; before, they do not."""
    own = brain("cartpole", horizon=1, motor={"rule": rule}, model=Known(lambda x: np.outer(x[:, 4], [0, 0, 0, -1.0])))
    chance, no = np.random.default_rng(0), np.zeros(1, bool)
    for _ in range(400):
        x = chance.uniform(-0.2, 0.2, (1, 4)).astype(np.float32)
        own.learn(Experience(x, own.act(x), np.zeros(1, np.float32), x, no, no))
    own._best_choice = lambda *_: pytest.fail("it imagines")  # type: ignore[method-assign]
    right = 0
    for x in chance.uniform(-0.2, 0.2, (200, 1, 4)).astype(np.float32):
        right += own.act(x)[0] == (x[0, 2] + 0.3 * x[0, 3] > 0)
    assert right > 180
