"""The numba kernels equal the torch reference, for everything that a config can say.

Re-synchronised every tick: 1e-5 in every number of the brain, and the same integers (counters, random streams, replay
choices). The working rows that the design promises never to read before writing are NaN at the start of every tick.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import ValidationError

from brains.brain import NO_LABEL, Experience
from brains.kernels import cpu_fused
from brains.kernels.program import block, op, row
from brains.layers.dense import Activation
from brains.rules import RULES
from brains.stepping.settings import SteppingConfig

ACTIVATIONS = get_args(Activation)
FIELDS = SteppingConfig.model_fields
ALIGNMENTS, EXECUTIONS, READOUTS, OPTIMIZERS = (
    get_args(FIELDS[name].annotation) for name in ("align", "execution", "readout", "optimizer")
)
SCHEDULES: tuple[dict[str, Any], ...] = (
    {},
    {"schedule": {"block": 4}},
    {"schedule": {"accumulate": 3}},
    {"replay": {"capacity": 9, "per_tick": 5, "recent": 3}},
)


def steps_of(rule: str) -> Iterator[dict[str, Any]]:
    """Every optimiser (the tween rules have their own) with every schedule."""
    optimizers = [{"optimizer": name, "momentum": 0.5} for name in OPTIMIZERS] if rule == "backprop" else [{}]
    for optimizer, schedule in itertools.product(optimizers, SCHEDULES):
        yield {**optimizer, **schedule}


def tick(brain: Any, experience: Experience) -> list[float]:
    """Act, learn and rehearse; what was said about it."""
    brain.act(experience.observation)
    learnings = [brain.learn(experience), brain.rehearse()]
    return [number for one in learnings for number in (one.loss, one.updates, one.rollbacks)]


def experiences(brain: Any, count: int, seed: int = 0) -> Iterator[Experience]:
    """Random moments of a lane-shaped life, in which the teacher is now and then silent."""
    generator, body = np.random.default_rng(seed), brain.body
    no, nothing = np.zeros(body.lanes, bool), np.zeros(body.lanes, np.float32)
    for _ in range(count):
        observation = generator.normal(size=(body.lanes, body.observation_size)).astype(np.float32)
        if body.discrete:
            label = generator.integers(NO_LABEL, body.actions, body.lanes)
        else:
            label = generator.normal(size=(body.lanes, body.actions)).astype(np.float32)
        yield Experience(observation, nothing, nothing, observation, no, no, label)


def poison(network: Any) -> None:
    """NaN into what must be written before it is read."""
    for row in (row.WAVE, row.ERROR, row.SCRATCH):
        network.activity[:, network.ring + row] = np.nan


def meaningful(brain: Any) -> tuple[np.ndarray, np.ndarray]:
    """Masks of (BLOCKS, P) parameters and (rows, S) activity: all parameters, padding too, but for velocities that
    nothing reads (plain SGD's, tween's biases'); the outputs of every layer in the ring and in the side row."""
    config, network = brain.config, brain.network
    parameters, activity = np.ones(network.parameters.shape[1:], bool), np.zeros(network.activity.shape[1:], bool)
    rows = [*range(network.ring), network.ring + row.SIDE]
    for layer in network.table:
        activity[rows, layer[op.Y] : layer[op.Y] + layer[op.UNITS]] = True
        for block in (block.MOMENT1, block.GOOD_VALUE + block.MOMENT1):
            if config.rule == "backprop":
                parameters[block] = config.optimizer == "adam" or config.momentum > 0
            else:
                parameters[block, layer[op.BIAS] : layer[op.BIAS] + layer[op.WIDTH]] = False
    return parameters, activity


def check_same(numba: Any, torch: Any, tolerance: float = 1e-5) -> None:
    """Every number that means something, within the tolerance, absolute or relative; integers exactly."""
    mine, theirs = numba.network, torch.network
    assert (mine.state == theirs.state).all()
    parameters, activity = meaningful(numba)
    for actual, expected in (
        (mine.parameters[:, parameters], theirs.parameters[:, parameters]),
        (mine.activity[:, activity], theirs.activity[:, activity]),
        (numba.replay, torch.replay),
        (numba.action, torch.action),
    ):
        assert (np.abs(actual - expected) <= tolerance * np.maximum(np.abs(expected), 1.0)).all()


def live_both(numba: Any, torch: Any, ticks: int, seed: int = 0) -> None:
    """Both live every tick from the same state."""
    for moment in experiences(numba, ticks, seed):
        poison(numba.network)
        np.testing.assert_allclose(tick(numba, moment), tick(torch, moment), rtol=1e-4, atol=1e-5)
        check_same(numba, torch)
        torch.load_state_dict(numba.state_dict())


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("align", ALIGNMENTS)
@pytest.mark.parametrize("execution", EXECUTIONS)
@pytest.mark.parametrize("readout", READOUTS)
def test_every_combination(rule: str, align: str, execution: str, readout: str, make_brain: Any) -> None:
    """Those that the settings allow, for 200 ticks of each rule, alignment, execution and read-out."""
    allowed = []
    for step in steps_of(rule):
        settings = {"rule": rule, "align": align, "execution": execution, "readout": readout, **step}
        try:
            SteppingConfig.model_validate({"layers": [{}], **settings})
        except ValidationError:
            continue
        allowed.append(settings)
    assert allowed
    for number, settings in enumerate(allowed):
        shape = {"activation": ACTIVATIONS[number % len(ACTIVATIONS)], "normalize": number % 2 == 1}
        numba, torch = (
            make_brain(**shape, **settings, backend=backend, snapshot_every=7) for backend in ("numba", "torch")
        )
        live_both(numba, torch, 200 // len(allowed) + 1, seed=number)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("hidden", [(), (1,), (16,), (33, 5, 64, 2)])
def test_every_activation_and_odd_sizes(
    hidden: tuple[int, ...], normalize: bool, activation: str, make_brain: Any
) -> None:
    for rule, align, observation_size in (("backprop", "pipeline", 1), ("tween_chain", "instant", 17)):
        shape = {"activation": activation, "normalize": normalize, "observation_size": observation_size}
        numba, torch = (
            make_brain(hidden, **shape, rule=rule, align=align, learning_rate=0.003, backend=backend)
            for backend in ("numba", "torch")
        )
        live_both(numba, torch, 20)


@pytest.mark.parametrize("rule", RULES)
def test_several_lanes(rule: str, make_brain: Any) -> None:
    """Lanes with weights, labels and random streams of their own."""
    for schedule in SCHEDULES:
        numba, torch = (make_brain(lanes=4, rule=rule, **schedule, backend=name) for name in ("numba", "torch"))
        live_both(numba, torch, 30)


@pytest.mark.parametrize("rule", RULES)
def test_continuous(rule: str, make_brain: Any) -> None:
    for align in ALIGNMENTS:
        numba, torch = (
            make_brain(lanes=2, continuous=True, readout="linear", rule=rule, align=align, backend=name)
            for name in ("numba", "torch")
        )
        live_both(numba, torch, 30)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("schedule", range(len(SCHEDULES)))
def test_free_running(rule: str, schedule: int, make_brain: Any) -> None:
    """200 ticks apart, with a smooth activation, and still within 1e-3."""
    numba, torch = (
        make_brain(rule=rule, **SCHEDULES[schedule], learning_rate=0.01, backend=name) for name in ("numba", "torch")
    )
    for moment in experiences(numba, 200):
        tick(numba, moment)
        tick(torch, moment)
    assert (numba.network.parameters[:, block.VALUE] != numba.network.parameters[:, block.GOOD_VALUE]).any()
    check_same(numba, torch, 1e-3)


def test_lanes_do_not_touch_each_other(make_brain: Any) -> None:
    """Lane i of four lives bit for bit as a brain alone that has its state."""
    for settings in ({}, {"rule": "tween"}, {"rule": "tween_chain"}, {"optimizer": "adam", **SCHEDULES[3]}):
        many = make_brain(lanes=4, **settings)
        alone = [make_brain(**settings) for _ in range(4)]
        for lane, brain in enumerate(alone):
            brain.load_state_dict({name: array[lane : lane + 1] for name, array in many.state_dict().items()})
        for moment in experiences(many, 30):
            tick(many, moment)
            for lane, brain in enumerate(alone):
                one = slice(lane, lane + 1)
                arrays = (moment.observation[one], moment.action[one], moment.reward[one], moment.observation[one])
                tick(
                    brain,
                    Experience(*arrays, moment.terminated[one], moment.truncated[one], moment.teacher_action[one]),
                )
        for lane, brain in enumerate(alone):
            own = {name: array[lane : lane + 1] for name, array in many.state_dict().items()}
            assert all(np.array_equal(own[name], array) for name, array in brain.state_dict().items())


@pytest.mark.parametrize("rule", RULES)
def test_many_ticks_in_one_call_are_the_same_bits(rule: str, make_brain: Any) -> None:
    """`live` for twelve ticks of three learning steps, over five moments again and again, is act and learn by hand."""
    for settings in ({}, {"align": "pipeline", **SCHEDULES[3]}):
        fused, single = (make_brain(lanes=3, rule=rule, **settings) for _ in range(2))
        generator, network = np.random.default_rng(0), fused.network
        observations = generator.normal(size=(5, 3, 5)).astype(np.float32)
        targets = generator.integers(0, 3, (5, 3, 1)).astype(np.float32)
        targets[2, 1] = np.nan
        arrays = (network.table, fused.options, fused.numbers, network.state, network.parameters, network.activity)
        cpu_fused.live(*arrays, fused.replay, observations, targets, fused.action, 3, 12)
        for now in range(12):
            single.kernel.act(observations[now % 5], single.action)
            for step in range(3):
                single.kernel.learn(targets[now % 5], step == 0)
        np.testing.assert_array_equal(fused.action, single.action)
        assert all(np.array_equal(single.state_dict()[name], array) for name, array in fused.state_dict().items())
