"""The gate before learning: its counts against plain Python on the torch reference, and the brains without it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from brains.brain import Body
from brains.eqprop.brain import EqPropBrain
from brains.kernels.program import settling as of
from brains.kernels.reference import settling
from tests.brains.eqprop.test_brain import CHANCE, START, live, make, moment, net_of, right_of, see

ALONE = Body(8, 4, teacher=True)
FIVE = Body(8, 4, teacher=True, lanes=5)


@pytest.fixture(autouse=True)
def _anew() -> None:
    CHANCE.bit_generator.state = START


def counts(brain: EqPropBrain) -> list[int]:
    """Judged, taken, held."""
    return brain.core.program[of.JUDGED : of.HELD + 1].tolist()  # type: ignore[no-any-return]


def costs_of(brain: EqPropBrain, x: Any, label: Any) -> list[float]:
    """At the end of the reference's free phase, in float64."""
    net, wide = net_of(brain), torch.tensor(x, dtype=torch.float64)
    with torch.no_grad():
        settled = settling.settle(net, net.forward(wide), int(brain.core.program[of.FREE]))
        cost = settling.cross_entropy(torch.tensor(np.eye(4)[label]), brain.config.temperature)
        return cost.value(settled.states[-1]).tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("rule", ["eqprop", "backprop"])
@pytest.mark.parametrize(("kappa", "ceiling"), [(1.2, 0.5), (0.9, None)])
def test_what_surprises_is_counted_and_kept_as_written(rule: str, kappa: float, ceiling: float | None) -> None:
    """cost >= min(kappa mean, ceiling log 4), the mean following each sample by a twentieth: which samples of 300 go
    through, which wait, and how many updates that makes."""
    gate = {"kappa": kappa, "ceiling": ceiling, "rate": 0.05, "batch": 7}
    limit = math.inf if ceiling is None else ceiling * math.log(4)
    brain = make(body=FIVE, replay=None, rule=rule, gate=gate)
    mean, taken, waiting, updates = math.log(4), 0, [], 0
    pool = see(20)
    for tick in range(60):
        x = pool[CHANCE.integers(0, 20, 5)]
        label = right_of(x)
        for row, cost in enumerate(costs_of(brain, x, label)):
            threshold = min(kappa * mean, limit)
            assert abs(cost - threshold) > 1e-5, "too near to tell from float32"
            if cost >= threshold:
                taken += 1
                waiting.append([*x[row], label[row]])
            mean += 0.05 * (cost - mean)
        learned = brain.learn(moment(x, label))
        assert learned.updates == len(waiting) // 7
        updates += learned.updates
        del waiting[: 7 * learned.updates]
        assert counts(brain) == [5 * tick + 5, taken, len(waiting)]
        if waiting:
            np.testing.assert_array_equal(brain.core._buffer[: len(waiting), :-1], np.float32(waiting))
        threshold = min(kappa * mean, limit)
        assert learned.extra == pytest.approx({"gate_share": taken / (5 * tick + 5), "gate_threshold": threshold}, 1e-4)
    assert brain.core.program[of.STEPS] == updates > 10 and 0.2 < taken / 300 < 0.8


@pytest.mark.parametrize("rule", ["eqprop", "backprop"])
@pytest.mark.parametrize("gate", [{"kappa": 0}, {"choose": "all"}, {"choose": "random", "share": 1}])
def test_an_open_gate_changes_nothing(rule: str, gate: dict[str, Any]) -> None:
    """Where everything goes through in batches of those drawn, the same bits as without a gate; one that is drawn by
    chance draws from the stream of the memory, and so learns as much of other samples."""
    open_, plain = make(rule=rule, gate=gate), make(rule=rule)
    for brain in (open_, plain):
        CHANCE.bit_generator.state = START
        live(brain, 30)
    assert counts(open_) == [120 * 32, 120 * 32, 0] and open_.core.program[of.STEPS] == 120
    if gate.get("choose") != "random":
        for name, array in plain.state_dict().items():
            np.testing.assert_array_equal(open_.state_dict()[name], array)


def test_without_a_ceiling_nothing_is_ever_above_twice_the_mean() -> None:
    """The deadlock: at the start all cost about as much, and what little goes through leaves it so. Half the cost of
    chance as a ceiling breaks it, and the brain learns."""
    stuck, guarded = (make(gate={"kappa": 2, "ceiling": ceiling}) for ceiling in (None, 0.5))
    x = see(500)
    for brain in (stuck, guarded):
        live(brain, 300)
    assert stuck.core.program[of.STEPS] < 5
    assert (stuck.frozen_copy(lanes=500).act(x) == right_of(x)).mean() < 0.5
    assert guarded.core.program[of.STEPS] > 100
    assert (guarded.frozen_copy(lanes=500).act(x) == right_of(x)).mean() > 0.75


def test_larger_batches_are_those_of_a_core_that_is_taught_them() -> None:
    """choose: all, 12 at a time, of 5 a tick: the same bits as `Core.learn` of each dozen."""
    brain, other = (
        make(body=FIVE, replay=None, gate={"choose": "all", "batch": 12}),
        make(body=Body(8, 4, teacher=True, lanes=12)),
    )
    seen = [(see(5), CHANCE.integers(0, 4, 5)) for _ in range(24)]
    made = [brain.learn(moment(*each)).updates for each in seen]
    x, label = (np.concatenate(parts) for parts in zip(*seen, strict=True))
    for start in range(0, 120, 12):
        other.core.learn(x[start : start + 12], np.eye(4)[label[start : start + 12]])
    assert sum(made) == 10
    np.testing.assert_array_equal(brain.core.weights[0], other.core.weights[0])


def test_by_chance() -> None:
    """A brain that hardly moves: of 6,400 samples .3 go through at random, within 4 standard deviations; in proportion
    to the cost, as many, and a sample that goes through costs E c^2 / E c on average."""
    by_chance = {
        choose: make(learning_rate=1e-12, gate={"choose": choose, "share": 0.3, "batch": 6400})
        for choose in ("random", "loss_proportional")
    }
    for brain in by_chance.values():
        live(brain, 50)
        assert counts(brain)[0] == 6400
        assert abs(counts(brain)[1] - 1920) < 4 * math.sqrt(6400 * 0.3 * 0.7)
    brain = by_chance["loss_proportional"]
    memory = brain.core.memory[:50]
    costs = np.array(costs_of(brain, memory[:, :-1], memory[:, -1].astype(int)))
    waiting = brain.core._buffer[: counts(brain)[2], -1]
    assert waiting.mean() == pytest.approx((costs**2).mean() / costs.mean(), rel=0.04)
    assert waiting.mean() > 1.02 * costs.mean()


@pytest.mark.parametrize("known", [0.0, 1.0])
def test_a_spike_is_a_higher_rate_for_what_costs_like_chance(known: float) -> None:
    """Adam's first step is its rate wherever there is a gradient. Outputs (known, 0, 0, 0) whatever the input cost
    log(1 + 3 exp(-3 known)) where the label is 0: 1 + 3 times the rate at chance, 1.3 times where it is known."""
    brain = make(body=FIVE, replay=None, gate={"choose": "all", "batch": 5, "spike": 3})
    brain.core.weights[1][...] = 0
    brain.core.biases[1][0] = known
    before = brain.core.biases[1].copy()
    assert brain.learn(moment(see(5), np.zeros(5, np.int64))).updates == 1
    haste = 1 + 3 * math.log1p(3 * math.exp(-3 * known)) / math.log(4)
    np.testing.assert_allclose(np.abs(brain.core.biases[1] - before), 0.006 * haste, rtol=1e-3)
    assert brain.core.numbers[of.RATE] == np.float32(0.006), "afterwards it is what it was"


def test_it_goes_on_exactly_and_names_what_does_not_fit() -> None:
    """Buffer, counts and mean are state: a brain that takes them over ends in the same bits."""
    settings: dict[str, Any] = {"gate": {"batch": 50}}
    one, other = make(**settings), make(seed=1, **settings)
    live(one, 37)
    assert counts(one)[2] > 0
    other.load_state_dict(one.state_dict())
    before = CHANCE.bit_generator.state
    for brain in (one, other):
        CHANCE.bit_generator.state = before
        live(brain, 37)
    for name, array in one.state_dict().items():
        np.testing.assert_array_equal(array, other.state_dict()[name], err_msg=name)
    state = one.state_dict()
    for spoiled in ([10, 11, 1], [100, 60, 50], [3, 2, -1]):
        with pytest.raises(ValueError, match=r"gate\.counts"):
            other.load_state_dict({**state, "gate.counts": np.array([spoiled])})
