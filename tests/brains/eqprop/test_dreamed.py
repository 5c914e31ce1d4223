"""Dreams in place of memory: moments and recognition against NumPy and SciPy, nothing kept for more than a second."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import multivariate_normal

from brains.eqprop.dreamed import RIDGE, Pools
from brains.eqprop.settings import DreamsConfig, EqPropConfig
from tests.brains.eqprop.test_brain import CHANCE, START, live, make

SECOND: dict[str, Any] = {"replay": {"capacity": 60, "per_tick": 32, "recent": 60}, "dreams": {"task": 7}}


@pytest.fixture(autouse=True)
def _anew() -> None:
    CHANCE.bit_generator.state = START


def seen(**settings: Any) -> tuple[Pools, dict[int, Any]]:
    """Pools of two tasks and three labels that have seen some hundred experiences each, and these by pool."""
    pools = Pools(DreamsConfig(task=0, **settings), 4, 3, np.random.SeedSequence(0))
    chance, lived = np.random.default_rng(1), {}
    for k in range(6):
        mixing = chance.normal(size=(3, 3))
        x = chance.normal(size=(100 + 50 * k, 3)) @ mixing + 2 * chance.normal(size=3)
        lived[k] = np.hstack([np.full((len(x), 1), k // 3), x]).astype(np.float32)
    order = [(k, row) for k, rows in lived.items() for row in rows]
    for i in chance.permutation(len(order)):
        k, row = order[i]
        pools.see(row, k % 3)
    return pools, lived


def test_a_pool_has_the_moments_of_what_it_saw_and_dreams_have_them_too() -> None:
    """NumPy's mean and covariance of each; and those of 20,000 dreams of each, within the bounds of what was seen."""
    pools, lived = seen()
    bounds = np.concatenate([*lived.values()])
    for k, x in lived.items():
        assert pools.count[k] == len(x)
        np.testing.assert_allclose(pools.mean[k], x.mean(0), atol=1e-5)
        np.testing.assert_allclose(pools.covariance[k], np.cov(x.T, bias=True), atol=1e-4)
        alone = Pools(DreamsConfig(task=0), 4, 3, np.random.SeedSequence(2))
        for row in x:
            alone.see(row, k % 3)
        dreams, _ = alone.dreams(20_000)
        assert (dreams >= x.min(0)).all() and (dreams <= x.max(0)).all()
        scale = x.std(0).max()
        np.testing.assert_allclose(dreams.mean(0), x.mean(0), atol=0.05 * scale)
        np.testing.assert_allclose(np.cov(dreams.T), np.cov(x.T), atol=0.1 * scale**2)
    dreams, _ = pools.dreams(2_000)
    assert (dreams >= bounds.min(0)).all() and (dreams <= bounds.max(0)).all()


def test_dreams_are_recognised_as_bayes_would() -> None:
    """P(label | x, task), of Gaussian densities by SciPy and the pools' counts."""
    pools, lived = seen()
    x = np.concatenate([rows[:20] for rows in lived.values()]).astype(np.float64)
    task = np.repeat(np.arange(6), 20) // 3
    found = pools.recognise(x, task)
    for row, own, likely in zip(x, task, found, strict=True):
        weights = [
            len(lived[k])
            * multivariate_normal(lived[k].mean(0), np.cov(lived[k].T, bias=True) + RIDGE * np.eye(4)).pdf(row)
            for k in range(3 * own, 3 * own + 3)
        ]
        np.testing.assert_allclose(likely, np.array(weights) / sum(weights), atol=2e-3)


@pytest.mark.parametrize("spread", ["diagonal", "none"])
def test_controls_dream_of_less(spread: str) -> None:
    """Of every number by itself; or of nothing but the mean."""
    pools, lived = seen(spread=spread)
    dreams, _ = pools.dreams(12_000)
    if spread == "none":
        means = np.stack([rows.mean(0) for rows in lived.values()])
        nearest = np.abs(dreams[:, None] - means).max(2).min(1)
        assert nearest.max() < 1e-4
        return
    own = dreams[np.abs(dreams[:, None] - pools.mean).sum(2).argmin(1) == 5]
    assert len(own) > 500
    for k in range(6):
        factor = pools.factors[k] @ pools.factors[k].T
        np.testing.assert_allclose(factor, np.diag(np.cov(lived[k].T, bias=True).diagonal() + RIDGE), atol=1e-3)


def test_what_is_not_known_is_neither_dreamed_nor_recognised() -> None:
    """Until a pool has seen as many as it should."""
    pools = Pools(DreamsConfig(task=0, least=5), 2, 2, np.random.SeedSequence(0))
    memory, chance = np.zeros((10, 3), np.float32), np.random.default_rng(0)
    memory[:5, :2] = 0.25  # five are remembered
    for _ in range(4):
        pools.see(np.array([1, chance.normal()], np.float32), 1)
        assert not len(pools.known) and pools.batch(memory, 5, 8)[0].tolist() == [[0.25, 0.25]] * 8
    pools.see(np.array([1, 0.5], np.float32), 1)
    assert pools.known.tolist() == [3]
    x, target = pools.batch(memory, 5, 8)
    assert (x[:4] == 0.25).all() and (x[4:, 0] == 1).all()
    assert target.tolist() == [[1, 0]] * 4 + [[0, 1]] * 4


def test_nothing_is_kept_for_more_than_a_second() -> None:
    """Of 300 ticks the last 60 experiences are in its state, and of every other no number is."""
    brain = make(**SECOND)
    drawn: list[Any] = []
    real = CHANCE.uniform
    for _ in range(300):
        state = CHANCE.bit_generator.state
        drawn.append(real(-1, 1, (1, 8)).astype(np.float32)[0])
        CHANCE.bit_generator.state = state
        live(brain, 1, rehearsals=1)
    kept = {tuple(row[:8].tolist()) for row in brain.core.memory}
    assert kept == {tuple(row.tolist()) for row in drawn[-60:]}
    brain.act(drawn[-1][None])
    numbers = {float(n) for name, array in brain.state_dict().items() if name != "dreams.bounds" for n in array.ravel()}
    assert not numbers & {float(n) for row in drawn[:-60] for n in row}


def test_it_goes_on_exactly_and_refuses_what_is_damaged() -> None:
    """Chance included."""
    one, two = make(**SECOND), make(**SECOND, seed=5)
    live(one, 100)
    two.load_state_dict(one.state_dict())
    before = CHANCE.bit_generator.state
    live(one, 50)
    CHANCE.bit_generator.state = before
    live(two, 50)
    for name, array in one.state_dict().items():
        np.testing.assert_array_equal(array, two.state_dict()[name], err_msg=name)
    broken = one.state_dict()
    broken["dreams.covariance"] = -np.ones_like(broken["dreams.covariance"])
    with pytest.raises(ValueError, match="covariance"):
        two.load_state_dict(broken)
    with pytest.raises(ValueError, match="negative"):
        two.load_state_dict({**one.state_dict(), "dreams.count": -np.ones_like(one.state_dict()["dreams.count"])})


def test_what_it_does_not_go_with_is_refused() -> None:
    """With what to do."""
    for more in ({"replay": None}, {"gate": {}}, {"stride": {}}):
        with pytest.raises(ValidationError, match="dreams: go with a replay"):
            EqPropConfig.model_validate({"dreams": {}, **more})
    with pytest.raises(ValueError, match="give 0 to 7"):
        make(dreams={"task": 8})
    assert "dreams" not in EqPropConfig().model_dump()
