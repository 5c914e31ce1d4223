"""Settling and learning without phases: parallel sweeps, lag, and lanes of pairs, against the torch reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from brains.brain import Body
from brains.eqprop.core import Core
from brains.eqprop.settings import EqPropConfig
from brains.kernels.program import settling as of
from brains.kernels.program.settling import KINDS
from brains.kernels.reference import eqprop, settling
from tests.brains.eqprop.test_brain import CHANCE, START, live, make, moment, net_of, right_of, see
from tests.brains.eqprop.test_core import drawn, flat, reference_of

STRIDE = {"lanes": 12, "hold": 8, "ripe": 6, "sweeps": 1}


@pytest.fixture(autouse=True)
def _anew() -> None:
    CHANCE.bit_generator.state = START


def wide(array: Any) -> Any:
    return torch.tensor(np.array(array), dtype=torch.float64)


@given(
    sizes=st.lists(st.integers(1, 37), min_size=3, max_size=5),
    hidden=st.sampled_from(KINDS),
    rows=st.integers(1, 12),
    sweeps=st.integers(1, 5),
    gain=st.floats(0.1, 1),
    gated=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_parallel_sweeps_are_the_references(
    sizes: list[int], hidden: str, rows: int, sweeps: int, gain: float, gated: bool
) -> None:
    """`discrete`, from a pass upwards, and from any states on another input; the residual is that of the last sweep."""
    units = [hidden] * (len(sizes) - 2) + ["linear"]
    core = Core(sizes, units, rows=12, gain=gain, gated=gated, stride=STRIDE | {"sweeps": sweeps})
    net, x = reference_of(core, units), CHANCE.normal(size=(2, rows, sizes[0])).astype(np.float32)
    core.settle(x[0])
    right = settling.settle(net, net.forward(wide(x[0])), sweeps, dynamics=settling.discrete)
    given_ = [CHANCE.uniform(-1, 1, (rows, size)).astype(np.float32) for size in sizes[1:]]
    for _ in range(2):
        for mine, expected in zip(core.states, right.states, strict=True):
            np.testing.assert_allclose(mine[:rows], expected, rtol=1e-5, atol=2e-5)
        assert core.residual == pytest.approx(right.residual, rel=1e-4, abs=3e-5)
        core.step(x[1], given_)
        right = settling.settle(net, [wide(x[1]), *map(wide, given_)], sweeps, dynamics=settling.discrete)


@pytest.mark.parametrize(("sweeps", "hold", "ripe"), [(1, 8, 6), (2, 8, 6), (3, 7, 9), (8, 8, 1)])
def test_lanes_are_pairs_that_never_stop(sweeps: int, hold: int, ripe: int) -> None:
    """40 ticks of 13 lanes written out: samples by an independent splitmix64, every fourth lane's from the last 5;
    `discrete` under either nudge from where the pair was; the contrast of those that have had `ripe` sweeps, to 1e-4 of
    its size; their mean cost. The weights are the compiled ones of each tick."""
    lanes, beta, units = 13, 0.2, ["rational_tanh", "rational_tanh", "linear"]
    stride = {"lanes": lanes, "sweeps": sweeps, "hold": hold, "ripe": ripe}
    memory = np.zeros((20, 4), np.float32)
    core = Core((3, 20, 17, 4), units, rows=lanes, gated=True, memory=memory, recent=5, stride=stride)
    core.program[of.STREAM] = stream = 12345
    ticks, seen, ripened = -(-hold // sweeps), [], []
    wait = [sweeps * (lane * ticks // lanes) for lane in range(lanes)]  # until a lane's first sample
    age, x, target = [0] * lanes, torch.zeros(lanes, 3).double(), torch.zeros(lanes, 4).double()
    plus, minus = ([torch.zeros(lanes, size).double() for size in (20, 17, 4)] for _ in range(2))
    for tick in range(40):
        seen.append((CHANCE.normal(size=3).astype(np.float32), tick % 4))
        core.remember(*seen[-1])
        for lane in range(lanes):
            if wait[lane]:
                wait[lane] -= sweeps
                continue
            if age[lane] == 0 or age[lane] >= hold:
                held = min(tick + 1, 20)
                stream, back = drawn(stream, min(held, 5) if lane % 4 == 0 else held)
                sample, label = seen[-1 - back]
                x[lane], target[lane], age[lane] = wide(sample), wide(np.eye(4)[label]), 0
            age[lane] += sweeps
        net, cost = reference_of(core, units), settling.cross_entropy(target, 3.0)
        plus, minus = (
            settling.settle(net, [x, *side], sweeps, beta=b, cost=cost, dynamics=settling.discrete).states[1:]
            for side, b in ((plus, beta), (minus, -beta))
        )
        ripe_ones = torch.tensor(age) >= ripe
        updates = int(core.program[of.STEPS])
        assert core.walk() == int(ripe_ones.sum())
        ripened.append(int(ripe_ones.sum()))
        for side, name in ((plus, "plus"), (minus, "minus")):
            for index, state in enumerate(side, start=1):
                mine = core.arrays()[f"stride.{name}.{index}"][:, : state.shape[1]]
                np.testing.assert_allclose(mine, state, rtol=1e-4, atol=1e-4)
        assert core.program[of.STEPS] == updates + bool(ripened[-1])
        if ripened[-1]:
            pair = [[s[ripe_ones] for s in (x, *side)] for side in (plus, minus)]
            found = eqprop.contrast(net, *pair, 2 * beta)
            size = max(1.0, float(max(each.abs().max() for each in found)))
            for mine, right in zip(flat(core), found, strict=True):
                np.testing.assert_allclose(mine, right, rtol=1e-3, atol=3e-4 * size)
            costs = (cost.value(plus[-1]) + cost.value(minus[-1])) / 2
            assert core.loss == pytest.approx(float(costs[ripe_ones].mean()), rel=1e-3)
    assert 0 < ripened[-1] <= lanes and len({*ripened[10:]}) <= 2, "as much on every tick"


@pytest.mark.parametrize("sweeps", [1, 2])
def test_what_stands_still_is_swept_on(sweeps: int) -> None:
    """An input held for 5 ticks: 5 k sweeps of the reference from zero. Another input is heard at the outputs after
    `latency` ticks and not before: 2 of one sweep, 1 of two, through 3 layers; never late where they reach them."""
    brain = make(hidden=(20, 30), body=Body(8, 4, teacher=True, lanes=3), stride={"sweeps": sweeps})
    x, other = see(3), see(3)
    for _ in range(5):
        brain.act(x)
    net = net_of(brain)
    with torch.no_grad():
        zero = [wide(x), *(torch.zeros(3, size).double() for size in (20, 30, 4))]
        right = settling.settle(net, zero, 5 * sweeps, dynamics=settling.discrete).states
    for mine, expected in zip(brain.activity().values(), right[1:], strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-4, atol=1e-5)
    twin = make(hidden=(20, 30), body=Body(8, 4, teacher=True, lanes=3), stride={"sweeps": sweeps})
    twin.load_state_dict(brain.state_dict())
    late = 0
    while True:
        brain.act(x)
        twin.act(other)
        if not np.array_equal(brain.states[-1], twin.states[-1]):
            break
        late += 1
    assert late == brain.latency == {1: 2, 2: 1}[sweeps]
    assert make(hidden=(20, 30), stride={"sweeps": 3}).latency == 0


def test_an_episode_begins_from_zero_in_its_own_lane_alone() -> None:
    """After `reset` of a lane, a tick there is that of a brain that has lived through nothing; others go on."""
    body = Body(8, 4, teacher=True, lanes=3)
    brain, young = (make(hidden=(20, 30), body=body, stride={}) for _ in range(2))
    before, after = see(3), see(3)
    for _ in range(6):
        brain.act(before)
    brain.reset(np.array([False, True, False]))
    brain.act(after)
    young.load_state_dict({**brain.state_dict(), **{k: v for k, v in young.state_dict().items() if "state." in k}})
    young.act(after)
    for own, anew in zip(brain.states[1:], young.states[1:], strict=True):
        np.testing.assert_array_equal(own[1], anew[1])
    assert not np.array_equal(brain.states[2][0], young.states[2][0])


def test_it_has_its_final_word_after_settling() -> None:
    """A frozen copy that holds an input for `settling_ticks` answers as 500 sweeps of the reference do."""
    brain = make(hidden=(64, 64), stride={})
    live(brain, 300, 0)
    x = see(200)
    copy = brain.frozen_copy(lanes=200)
    for _ in range(copy.settling_ticks):
        answer = copy.act(x)
    net = net_of(brain)
    with torch.no_grad():
        right = settling.settle(net, net.forward(wide(x)), 500, dynamics=settling.discrete).states[-1].argmax(1)
    assert (answer == right.numpy()).mean() >= 0.99


def test_it_learns_the_arenas_rule_in_stride() -> None:
    """An update a tick for 1,500 ticks: at least 75 % of new states, from 25 %; two of them go on to the same bits."""
    x = see(500)
    brain, other = make(hidden=(64, 64), stride={}), make(hidden=(64, 64), stride={}, seed=1)
    live(brain, 1450, 0)
    other.load_state_dict(brain.state_dict())
    state = CHANCE.bit_generator.state
    for each in (brain, other):
        CHANCE.bit_generator.state = state
        live(each, 50, 0)
    for name, array in brain.state_dict().items():
        np.testing.assert_array_equal(array, other.state_dict()[name], err_msg=name)
    copy = brain.frozen_copy(lanes=500)
    for _ in range(copy.settling_ticks):
        answer = copy.act(x)
    assert (answer == right_of(x)).mean() > 0.75
    sight = see()
    learned = brain.learn(moment(sight, right_of(sight)))
    assert (learned.updates, learned.extra["ripe"]) == (1, 48), "128 lanes of which 3 in 8 are ripe"
    assert brain.rehearse().updates == 0


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"rule": "backprop", "stride": {}}, "stride: goes with rule: eqprop and a replay"),
        ({"replay": None, "stride": {}}, "stride: goes with rule: eqprop and a replay"),
        ({"gate": {}, "stride": {}}, "without a gate"),
        ({"stride": {"sweeps": 3, "hold": 8, "ripe": 10}}, "ripe: 10 is never reached: samples leave after 9 sweeps"),
    ],
)
def test_what_cannot_go_together_is_refused(given_: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        EqPropConfig.model_validate(given_)
