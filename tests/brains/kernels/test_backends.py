"""The numba kernels equal the torch reference, to rounding, for everything that a config can say.

SGD has a momentum, for its velocities show a gradient's error where weights, being larger, hide it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import ValidationError

from brains.brain import NO_LABEL, Experience, Learning
from brains.kernels.cpu.bound import many_ticks
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


def tick(brain: Any, experience: Experience) -> Learning:
    """Act and learn; what was said about it."""
    brain.act(experience.observation)
    return brain.learn(experience)


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


def live(compared: Any, ticks: int, seed: int = 0) -> None:
    """Random ticks of acting and learning, and rehearsing where there is replay."""
    for moment in experiences(compared.tested, ticks, seed):
        compared.tick(lambda brain: tick(brain, moment))  # noqa: B023
        if compared.tested.config.replay is not None:
            compared.tick(lambda brain: brain.rehearse())
    compared.errors.check()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("align", ALIGNMENTS)
@pytest.mark.parametrize("execution", EXECUTIONS)
@pytest.mark.parametrize("readout", READOUTS)
def test_every_combination(
    rule: str, align: str, execution: str, readout: str, make_brain: Any, comparison: Any
) -> None:
    """Those that the settings allow, each until the replay ring has wrapped and a snapshot been taken."""
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
        live(comparison(make_brain, **shape, **settings, snapshot_every=3), 16, seed=number)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("hidden", [(), (1,), (16,), (33, 5, 64, 3)])
def test_every_activation_and_odd_sizes(
    hidden: tuple[int, ...], normalize: bool, activation: str, make_brain: Any, comparison: Any
) -> None:
    for rule, align, observation_size in (("backprop", "pipeline", 1), ("tween_chain", "instant", 17)):
        shape = {"activation": activation, "normalize": normalize, "observation_size": observation_size}
        live(comparison(make_brain, hidden, **shape, rule=rule, align=align, learning_rate=0.003, momentum=0.5), 20)


@pytest.mark.parametrize("rule", RULES)
def test_several_lanes(rule: str, make_brain: Any, comparison: Any) -> None:
    """Lanes with weights, labels and random streams of their own."""
    for schedule in SCHEDULES:
        live(comparison(make_brain, lanes=4, rule=rule, momentum=0.5, **schedule), 20)


@pytest.mark.parametrize("rule", RULES)
def test_continuous(rule: str, make_brain: Any, comparison: Any) -> None:
    for align in ALIGNMENTS:
        settings = {"readout": "linear", "rule": rule, "align": align, "momentum": 0.5}
        live(comparison(make_brain, lanes=2, continuous=True, **settings), 20)


def test_lanes_do_not_touch_each_other(make_brain: Any) -> None:
    """Lane i of four lives bit for bit as a brain alone that has its state."""
    for settings in ({}, {"rule": "tween"}, {"rule": "tween_chain"}, {"optimizer": "adam", **SCHEDULES[3]}):
        many = make_brain(lanes=4, **settings)
        alone = [make_brain(**settings) for _ in range(4)]
        for lane, brain in enumerate(alone):
            brain.load_state_dict({name: array[lane : lane + 1] for name, array in many.state_dict().items()})
        for moment in experiences(many, 30):
            tick(many, moment)
            many.rehearse()
            for lane, brain in enumerate(alone):
                one = slice(lane, lane + 1)
                arrays = (moment.observation[one], moment.action[one], moment.reward[one], moment.observation[one])
                tick(
                    brain,
                    Experience(*arrays, moment.terminated[one], moment.truncated[one], moment.teacher_action[one]),
                )
                brain.rehearse()
        for lane, brain in enumerate(alone):
            own = {name: array[lane : lane + 1] for name, array in many.state_dict().items()}
            assert all(np.array_equal(own[name], array) for name, array in brain.state_dict().items())


@pytest.mark.parametrize("rule", RULES)
def test_many_ticks_in_one_call_are_the_same_bits(rule: str, make_brain: Any) -> None:
    """`live` for twelve ticks of three learning steps, over five moments again and again, is act and learn by hand."""
    for settings in ({}, {"align": "pipeline", **SCHEDULES[3]}):
        fused, single = (make_brain(lanes=3, rule=rule, **settings) for _ in range(2))
        generator = np.random.default_rng(0)
        observations = generator.normal(size=(5, 3, 5)).astype(np.float32)
        targets = generator.integers(0, 3, (5, 3, 1)).astype(np.float32)
        targets[2, 1] = np.nan
        many_ticks(fused.net, observations, targets, 3)(12)
        for now in range(12):
            single.kernel.act(observations[now % 5])
            single.target[:] = targets[now % 5]
            for step in range(3):
                single.kernel.learn(step == 0)
        np.testing.assert_array_equal(fused.action, single.action)
        assert all(np.array_equal(single.state_dict()[name], array) for name, array in fused.state_dict().items())
