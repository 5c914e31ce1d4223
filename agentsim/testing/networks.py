"""What must hold of every network, whatever its layers and its rule: the parts of `check_layer` and `check_rule`.

`layers` are those of a config, as in YAML; the last is the read-out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agentsim.testing.comparison import Comparison, agree, networks_of
from brains.brain import Body, Experience, Learning
from brains.kernels.program import block
from brains.stepping.base import SteppingBrain
from brains.stepping.kind import stepping
from brains.stepping.settings import SteppingConfig

Layers = Sequence[dict[str, Any]]

SIZE, ACTIONS, TILE = 6, 3, 24  # of the small body, and how wide its observation is made
TAUGHT, REWARDED = Body(SIZE, ACTIONS, teacher=True), Body(SIZE, ACTIONS)


def brain_of(layers: Layers, body: Body = TAUGHT, seed: int = 0, **settings: Any) -> SteppingBrain:
    """A brain of these layers and other settings; its parameters are random, so that nothing sits on a kink."""
    config = SteppingConfig.model_validate({"tile": TILE, "layers": list(layers), **settings})
    brain = stepping(config, body, np.random.SeedSequence(seed))
    generator = np.random.default_rng(seed + 1)
    for network in networks_of(brain).values():
        for lane in range(body.lanes):
            for i, views in enumerate(network.views):
                for name, view in views.items():
                    network.parameter(i, name, lane)[:] += 0.1 * generator.normal(size=view.shape)
        network.parameters[:, block.GOOD_VALUE] = network.parameters[:, block.VALUE]
    return brain


def inputs(ticks: int, lanes: int = 1, seed: int = 2) -> Iterator[NDArray[np.float32]]:
    """Random observations (lanes, SIZE)."""
    generator = np.random.default_rng(seed)
    for _ in range(ticks):
        yield generator.uniform(-1, 1, (lanes, SIZE)).astype(np.float32)


def moments(ticks: int, lanes: int = 1, seed: int = 2) -> Iterator[Experience]:
    """Ticks of a life, each with a label that depends on the observation, a reward, and now and then an end; the action
    is left to whoever lives it."""
    generator = np.random.default_rng(seed + 1)
    for observation, following in zip(inputs(ticks, lanes, seed), inputs(ticks, lanes, seed + 2), strict=True):
        label = (observation[:, 0] > 0).astype(np.int64) + (observation[:, 1] > 0)
        ended, cut = generator.random((2, lanes)) < 0.1
        yield Experience(observation, label, observation[:, 2].copy(), following, ended, cut & ~ended, label)


def live(brain: SteppingBrain, moment: Experience) -> Learning:
    """One tick of acting and learning; a brain that learns from reward is reset after an end."""
    action = brain.act(moment.observation)
    ended = moment.terminated | moment.truncated
    if brain.body.teacher:
        return brain.learn(moment)
    ends = moment.reward, moment.next_observation, moment.terminated, moment.truncated
    learning = brain.learn(Experience(moment.observation, action, *ends))
    if ended.any():
        brain.reset(ended)
    return learning


def outputs(brain: SteppingBrain, observations: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The read-out of every tick, (ticks, actions)."""
    found = []
    for observation in observations:
        brain.act(observation)
        found.append(brain.network.newest()[-1][0].copy())
    return np.array(found)


def check_stepping(layers: Layers, backend: str) -> None:
    """Check that output(t) = sequential output(t - (L-1)) for any inputs: states advance with the wave, from tick i on;
    and again after a reset."""
    brain, late = brain_of(layers, backend=backend), len(layers) - 1
    for _ in range(2):
        observations = list(inputs(30))
        found = outputs(brain, observations)[late:]
        sequential = partial(brain_of, layers, execution="sequential")
        what = f"{backend}, stepping, {late} ticks late, beside an ordinary forward pass"
        agree(found, sequential, lambda other: outputs(other, observations)[: len(found)], what)  # noqa: B023
        brain.reset(np.ones(1, bool))


def check_parameters_move(layers: Layers, backend: str, **settings: Any) -> None:
    """Check that each single weight and bias of every layer is told to move, and that each array of them does."""
    settings = {"learning_rate": 0.05, "backend": backend, **settings}
    gathering = brain_of(layers, schedule={"accumulate": 1000}, **settings)
    moving = brain_of(layers, **settings)
    before = moving.network.parameters[0, block.VALUE].copy()
    for moment in moments(12):
        live(gathering, moment)
        live(moving, moment)
    for i, views in enumerate(moving.network.views):
        for name, view in views.items():
            told = gathering.network.parameter(i, name, which=block.GRADIENT) != 0
            where = f"{backend}, {settings.get('rule', 'backprop')}, operation {i}, {name}"
            assert told.all(), f"{where}: {np.mean(~told):.0%} are never told to move"
            assert (moving.network.parameter(i, name) != view.of(before)).any(), f"{where} never moved"
    assert np.isfinite(moving.network.parameters).all(), "parameters must stay finite"


def check_kernels(layers: Layers, body: Body = TAUGHT, ticks: int = 20, **settings: Any) -> None:
    """Check that the compiled kernels are the torch reference, to rounding (see `comparison.Errors`), on random ticks
    of acting, learning and, where there is replay, rehearsing.

    Under align: pipeline of taught layers with a state the weights have to be held (schedule: accumulate, of more
    ticks than there are): the reference takes the wave's errors through Jacobians of the weights of now, the kernels
    through what the wave left inside of a layer when it passed.
    """
    compared = Comparison(partial(brain_of, layers, body), **settings)
    for moment in moments(ticks, body.lanes):
        compared.tick(lambda brain: live(brain, moment))  # noqa: B023
        if "replay" in settings:
            compared.tick(lambda brain: brain.rehearse())
    compared.errors.check()
