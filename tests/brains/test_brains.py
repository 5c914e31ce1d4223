"""What every brain promises, for every kind in BRAINS and every file in configs/brains, on every backend."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

import brains
from agentsim.config.load import load_brain
from agentsim.testing import check_brain
from brains.brain import Body, Experience
from brains.kernels import BACKENDS
from brains.stepping.settings import SteppingConfig
from worlds.chase_avoid import ChaseAvoid

FILES = sorted((Path(__file__).parents[2] / "configs" / "brains").glob("*.yaml"))
NAMED = {path.stem: load_brain(path.stem) for path in FILES}
SHIPPED = [kind for kind, target in brains.BRAINS.items() if str(target).startswith("brains.")]  # not a test's own
NAMED |= {kind: {"kind": kind} for kind in SHIPPED if kind != "stepping"}


def oracle(observations: Any) -> Any:
    return (np.abs(observations[..., 0]) * 3.99).astype(np.int64)


TAUGHT = Body(observation_size=6, actions=4, teacher=True, oracle=oracle, lanes=2)
REWARDED = Body(observation_size=6, actions=4, lanes=2)
CONTINUOUS = Body(observation_size=3, actions=2, discrete=False, low=(-1.0, -2.0), high=(1.0, 2.0), lanes=2)
CARTPOLE = Body(observation_size=4, actions=2, lanes=2)
CANVAS = Body(observation_size=33, actions=4, discrete=False, low=(0.0,) * 4, high=(1.0,) * 4, lanes=2)
ARENA = ChaseAvoid()
ARENA.reset(seed=0)
SHADOWED = Body(observation_size=8, actions=4, lanes=2, shadows=ARENA.shadows)
TWO_TASKS = Body(
    observation_size=8, actions=4, teacher=True, lanes=2
)  # dreams are told by its last sense which task it is
PENDULUM = Body(observation_size=3, actions=1, discrete=False, low=(-2.0,), high=(2.0,), lanes=2)


STEPPING = [(name, backend) for name, config in NAMED.items() if config["kind"] == "stepping" for backend in BACKENDS]
CONTROLS = [(name, "numpy") for name, config in NAMED.items() if config["kind"] != "stepping"]


def make(name: str, backend: str, body: Body, seed: np.random.SeedSequence) -> Any:
    settings = dict(NAMED[name])
    if backend != "numpy":
        settings["backend"] = backend
    if settings.get("replay"):  # torch is slow, and no promise depends on how much is replayed
        settings["replay"] = {**settings["replay"], "per_tick": 4}
    brain_class = brains.load(settings["kind"])
    return brain_class(brain_class.Config.model_validate(settings), body, seed)


def fitting(name: str, backend: str) -> list[Body]:
    """The bodies in which this brain can live: at least one."""
    found = []
    shadowed = [SHADOWED] if getattr(brains.load(NAMED[name]["kind"]), "lives_in_shadows", False) else []
    for body in (TAUGHT, REWARDED, CONTINUOUS, CARTPOLE, TWO_TASKS, PENDULUM, CANVAS, *shadowed):
        with suppress(ValueError):
            make(name, backend, body, np.random.SeedSequence(0))
            found.append(body)
    assert found
    return found


def live(brain: Any, ticks: int) -> list[np.ndarray]:
    """A life with learning, and everything it saw."""
    generator, body, seen = np.random.default_rng(0), brain.body, []
    no = np.zeros(body.lanes, bool)
    for _ in range(ticks):
        seen.append(generator.uniform(-1, 1, (body.lanes, body.observation_size)).astype(np.float32))
        action = brain.act(seen[-1])
        label = generator.integers(0, body.actions, body.lanes) if body.teacher else None
        reward = generator.normal(size=body.lanes).astype(np.float32)
        brain.learn(Experience(seen[-1], action, reward, seen[-1], no, no, label))
    return seen


@pytest.mark.parametrize(("name", "backend"), [*STEPPING, *CONTROLS])
def test_the_protocol(name: str, backend: str) -> None:
    """Determinism by seed, exact round trips, resets that leave other lanes alone, frozen copies changing nothing."""
    check_brain(lambda body, seed: make(name, backend, body, seed), fitting(name, backend), ticks=8)


@pytest.mark.parametrize(("name", "backend"), STEPPING)
def test_a_frozen_copy_settles_on_the_ordinary_forward_pass(name: str, backend: str, torch_net: Any) -> None:
    """Holding an observation for settling_ticks: the greedy action of an independent network with lane 0's weights, and
    its outputs to 1e-5; where the brain normalises what it sees, by the mean and deviation of what lane 0 saw."""
    for body in fitting(name, backend):
        brain = make(name, backend, body, np.random.SeedSequence(5))
        seen = np.array(live(brain, 30))[:, 0].astype(np.float64)
        before = brain.state_dict()
        observation = np.random.default_rng(9).uniform(-1, 1, (50, body.observation_size)).astype(np.float32)
        frozen = brain.frozen_copy(lanes=50)
        for _ in range(frozen.settling_ticks):
            action = frozen.act(observation)
        for key, value in brain.state_dict().items():
            np.testing.assert_array_equal(value, before[key])
        own = body.teacher or brain.config.replay is not None
        readout = brain.config.readout if own else "softmax" if body.discrete else "linear"
        net, inputs = torch_net(brain, readout=readout), observation
        if not body.teacher and brain.config.reward.normalize_observation:
            inputs = (observation - seen.mean(0)) / np.sqrt(seen.var(0, ddof=1) + 1e-8)
        outputs = np.array([net(x).detach().numpy() for x in inputs])
        np.testing.assert_allclose(list(frozen.activity().values())[-1], outputs, rtol=1e-4, atol=1e-5)
        if body.discrete:
            top = np.sort(outputs, 1)
            clear = top[:, -1] - top[:, -2] > 1e-4
            assert clear.sum() > 25
            np.testing.assert_array_equal(action[clear], outputs.argmax(1)[clear])
        else:
            means = np.clip(outputs[:, : body.actions], body.low, body.high)
            np.testing.assert_allclose(action, means, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_frozen_copies_keep_the_lanes_apart_unless_asked(backend: str, torch_net: Any) -> None:
    """frozen_copy() has every lane's own knowledge, frozen_copy(lanes=n) lane 0's in all; neither learns."""
    brain = make("arena-no-replay", backend, TAUGHT, np.random.SeedSequence(1))
    live(brain, 5)
    observation = np.ones((2, 6), np.float32)
    for copy, source in ((brain.frozen_copy(), (0, 1)), (brain.frozen_copy(lanes=2), (0, 0))):
        for _ in range(copy.settling_ticks):
            copy.act(observation)
        for lane in range(2):
            expected = torch_net(brain, source[lane])(observation[lane]).detach().numpy()
            np.testing.assert_allclose(list(copy.activity().values())[-1][lane], expected, rtol=1e-4, atol=1e-5)
        before = copy.state_dict()
        no, nothing = np.zeros(2, bool), np.zeros(2, np.float32)
        moment = Experience(observation, np.zeros(2, np.int64), nothing, observation, no, no, np.zeros(2, np.int64))
        assert (copy.learn(moment).updates, copy.rehearse().updates) == (0, 0)
        for key, value in copy.state_dict().items():
            np.testing.assert_array_equal(value, before[key])


@pytest.mark.parametrize(("first", "second"), [("numba", "torch"), ("torch", "numba")])
@pytest.mark.parametrize("name", ["arena", "step-tween-chain", "step-backprop"])
def test_backends_can_be_changed_in_mid_life(name: str, first: str, second: str, agrees: Any) -> None:
    """A state saved by one backend lives on in the other, for twenty ticks, as if nothing had been changed."""

    def activity(brain: Any, lives: int) -> np.ndarray:
        for _ in range(lives):
            live(brain, 20)
        return np.concatenate([output.ravel() for output in brain.network.newest()])

    def brain_of(backend: str) -> Any:
        return make(name, backend, TAUGHT, np.random.SeedSequence(2))

    brain, other = brain_of(first), brain_of(second)
    live(brain, 20)
    other.load_state_dict(brain.state_dict())
    agrees(activity(other, 1), brain_of, lambda brain: activity(brain, 2))


@pytest.mark.parametrize(
    ("settings", "body", "message"),
    [
        ({"layers": [{"units": 5}]}, TAUGHT, "layers.0.units: 5 does not fit the world's 4 actions"),
        ({"readout": "softmax"}, replace(CONTINUOUS, teacher=True), "continuous: use linear"),
        ({"rule": "tween"}, REWARDED, "rule: tween learns from a teacher's labels"),
        ({"execution": "stepping"}, REWARDED, "that acted: use pipeline"),
        ({"execution": "sequential", "replay": {}}, REWARDED, "readout: softmax cannot say what an action will earn"),
        ({"execution": "sequential", "schedule": {"accumulate": 2}}, REWARDED, "schedule: learning from reward"),
        ({"kind": "constant", "action": 4}, TAUGHT, "not one of the world's 0 to 3"),
        ({"kind": "constant", "action": 1.5}, CONTINUOUS, "at most 1"),
        ({"kind": "oracle"}, REWARDED, "this world has none"),
        ({"kind": "repeat_last_label"}, REWARDED, "this world has none"),
        ({"kind": "bias_only"}, REWARDED, "this world has none"),
    ],
)
def test_a_misfit_says_what_to_change(settings: dict[str, Any], body: Body, message: str) -> None:
    if "kind" not in settings:
        settings = {"kind": "stepping", "layers": [{}], **settings}
    brain_class = brains.load(settings["kind"])
    config = brain_class.Config.model_validate(settings)
    with pytest.raises(ValueError, match=message):
        brain_class(config, body, np.random.SeedSequence(0))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": []}, "at least 1 item"),
        ({"layers": [{}, {}]}, "layer 0 needs `units`"),
        ({"layers": [{"activation": "tanh"}]}, "remove `activation`"),
        ({"layers": [{"normalize": True}]}, "remove `normalize`"),
        ({"layers": [{"units": 0}, {}]}, "greater than or equal to 1"),
        ({"replay": {}, "schedule": {"block": 3}}, "remove one of the two"),
        ({"schedule": {"block": 3}, "align": "sideways"}, "sideways"),
        ({"schedule": {"block": 3}, "align": "pipeline"}, "use align: instant"),
        ({"learning_rate": -1}, "greater than 0"),
        ({"learning_rat": 1}, "Extra inputs are not permitted"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SteppingConfig.model_validate({"layers": [{}], **settings})


def test_a_state_that_does_not_fit_is_named() -> None:
    brain = make("arena-no-replay", "numba", TAUGHT, np.random.SeedSequence(0))
    state = brain.state_dict()
    for spoiled, message in (
        ({name: array for name, array in state.items() if name != "activity"}, "'activity' is missing"),
        ({**state, "dreams": state["activity"]}, "'dreams' is unknown"),
        ({**state, "parameters": state["parameters"][:, :, :-1]}, r"'parameters' is float32\[.*this brain needs"),
        ({**state, "state": state["state"].astype(np.int32)}, r"'state' is int32\[.*this brain needs int64"),
    ):
        with pytest.raises(ValueError, match=message):
            brain.load_state_dict(spoiled)
        for name, array in brain.state_dict().items():
            np.testing.assert_array_equal(array, state[name])
