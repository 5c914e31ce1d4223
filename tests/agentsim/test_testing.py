"""The conformance tests: they pass good brains and worlds, and find out each way of being bad."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import brains
import worlds
from agentsim.cli.new import write
from agentsim.config.brain import checked
from agentsim.config.load import load_brain
from agentsim.config.naming import brain_names
from agentsim.templates.my_brain import MyBrain
from agentsim.templates.my_world import MyWorld
from agentsim.testing import check_brain, check_layer, check_rule, check_world
from brains.brain import Body, Learning
from brains.layers import LAYERS
from brains.rules import RULES
from worlds.chase_avoid import ChaseAvoid


def make(kind: type[MyBrain]) -> Any:
    return lambda body, seed: kind(MyBrain.Config(), body, seed)


def test_the_template_brain_passes() -> None:
    check_brain(make(MyBrain))
    check_brain(make(MyBrain), bodies=[Body(observation_size=1, actions=2, lanes=2)])


class OutOfRange(MyBrain):
    def act(self, observation: Any) -> Any:
        return super().act(observation) + self.body.actions


class WrongShape(MyBrain):
    def act(self, observation: Any) -> Any:
        return super().act(observation)[:, None]


class WrongType(MyBrain):
    def act(self, observation: Any) -> Any:
        return super().act(observation).astype(np.int32)


class GlobalChance(MyBrain):
    def act(self, observation: Any) -> Any:
        return np.random.randint(0, self.body.actions, self.body.lanes)  # noqa: NPY002


class Forgetful(MyBrain):
    """Does not save a part of its state."""

    count = 0

    def act(self, observation: Any) -> Any:
        self.count += 1
        return (super().act(observation) + (self.count % 7 == 0)) % self.body.actions


class LiveState(MyBrain):
    """Hands out its own arrays."""

    def state_dict(self) -> Any:
        return {"weights": self.weights, "scores": self.scores}


class SharedKnowledge(MyBrain):
    """Its frozen copies write into the original."""

    def frozen_copy(self, lanes: int | None = None) -> Any:
        copy = super().frozen_copy(lanes)
        copy.weights = self.weights
        copy.act = lambda observation: _spoil(copy)  # type: ignore[method-assign]
        copy.body = Body(copy.body.observation_size, copy.body.actions, lanes=lanes or self.body.lanes)
        return copy


def _spoil(brain: MyBrain) -> Any:
    brain.weights += 1
    return np.zeros(brain.body.lanes, np.int64)


class ResetsEverybody(MyBrain):
    def reset(self, lanes: Any) -> None:
        self.scores[:] = 0


class BusyWarmUp(MyBrain):
    def warm_up(self) -> None:
        self.weights += 1


class NoLearning(MyBrain):
    def learn(self, experience: Any) -> Any:
        return None


class NotFinite(MyBrain):
    def learn(self, experience: Any) -> Learning:
        return Learning(loss=float("nan"))


class AcceptsAnything(MyBrain):
    def load_state_dict(self, state: Any) -> None:
        self.weights, self.scores = state["weights"].copy(), state["scores"].copy()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (OutOfRange, r"must be in \[0, 4\)"),
        (WrongShape, "must have shape"),
        (WrongType, "must be int64"),
        (GlobalChance, "use only the given seed"),
        (Forgetful, "same future, bit for bit"),
        (LiveState, "return copies"),
        (SharedKnowledge, "must not change the original"),
        (ResetsEverybody, "reset of lane 0 changed"),
        (BusyWarmUp, "warm_up"),
        (NoLearning, "must return Learning"),
        (NotFinite, "loss must be finite"),
        (AcceptsAnything, "must raise ValueError"),
    ],
)
def test_bad_brains_are_found_out(kind: type[MyBrain], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_brain(make(kind))


def oracle(observations: Any) -> Any:
    return (np.abs(observations[..., 0]) * 3.99).astype(np.int64)


TAUGHT = Body(observation_size=8, actions=4, teacher=True, oracle=oracle)
REWARDED = Body(observation_size=8, actions=4)
CONTINUOUS = Body(observation_size=3, actions=2, discrete=False, low=(-1.0, -2.0), high=(1.0, 2.0))
ARENA = ChaseAvoid()
ARENA.reset(seed=0)
WORLDS_OF_THEIR_OWN = (
    Body(observation_size=8, actions=4, lanes=2, shadows=ARENA.shadows),
    Body(observation_size=4, actions=2, lanes=2),
    Body(observation_size=6, actions=3),
    Body(observation_size=3, actions=1, discrete=False, low=(-2.0,), high=(2.0,)),
    Body(observation_size=33, actions=4, discrete=False, low=(0.0,) * 4, high=(1.0,) * 4, lanes=2),
)


@pytest.mark.parametrize("name", [*brain_names(), *(kind for kind in brains.BRAINS if kind != "stepping")])
def test_shipped_brains_pass_in_every_body_that_they_fit(name: str) -> None:
    config = checked(load_brain(name))
    kind = brains.load(config.kind)
    fitting = []
    taught_or_not = (TAUGHT, replace(TAUGHT, lanes=3), REWARDED, replace(REWARDED, lanes=3), CONTINUOUS)
    for body in (*taught_or_not, *(() if fits_any(kind, config, taught_or_not) else WORLDS_OF_THEIR_OWN)):
        with suppress(ValueError):
            kind(config.settings, body, np.random.SeedSequence(0))
            fitting.append(body)
    assert fitting
    check_brain(lambda body, seed: kind(config.settings, body, seed), fitting)


def fits_any(kind: Any, config: Any, bodies: tuple[Body, ...]) -> bool:
    for body in bodies:
        with suppress(ValueError):
            kind(config.settings, body, np.random.SeedSequence(0))
            return True
    return False


def test_the_template_world_passes() -> None:
    check_world(MyWorld)


@pytest.mark.parametrize(
    "world",
    [
        *worlds.WORLDS,
        *("CartPole-v1", "Pendulum-v1", "Acrobot-v1", "MountainCar-v0"),
        *("FrozenLake-v1", "Blackjack-v1"),  # one-hot, a Tuple
        max(name for name in gymnasium.registry if name.startswith("Taxi-")),  # masks
    ],
)
def test_worlds_that_agentsim_names_pass(world: str) -> None:
    check_world(lambda: gymnasium.make(world), steps=60)


class Float64World(MyWorld):
    def __init__(self) -> None:
        super().__init__()
        self.observation_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float64)

    def _observation(self) -> Any:
        return super()._observation().astype(np.float64)


class DictWorld(MyWorld):
    """Says the same in two parts, and takes two numbers for an action."""

    observation_names, action_names = (), ()

    def __init__(self) -> None:
        super().__init__()
        line = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.observation_space = gymnasium.spaces.Dict({"place": line, "way": line})  # type: ignore[assignment]
        self.action_space = gymnasium.spaces.MultiDiscrete([2, 2])

    def _observation(self) -> Any:
        place, way = super()._observation()
        return {"place": np.array([place]), "way": np.array([way])}

    def step(self, action: Any) -> Any:
        return super().step(int(action[0]))


class TextWorld(MyWorld):
    def __init__(self) -> None:
        super().__init__()
        self.observation_space = gymnasium.spaces.Text(5)  # type: ignore[assignment]

    def _observation(self) -> Any:
        return "left"


class MisnamedWorld(MyWorld):
    action_names = ("left",)  # type: ignore[assignment]


class ChanceWorld(MyWorld):
    def _observation(self) -> Any:
        return np.random.uniform(-1, 1, 2).astype(np.float32)  # noqa: NPY002


class BadTeacher(MyWorld):
    def _info(self, finds: int) -> dict[str, Any]:
        return {"teacher_action": 7}


class HalfSaved(MyWorld):
    """Saves its places, and forgets its random stream."""

    def _observation(self) -> Any:
        return self.np_random.uniform(-1, 1, 2).astype(np.float32)

    def get_state(self) -> Any:
        return {"places": np.array([self.place, self.target])}

    def set_state(self, state: Any) -> None:
        self.place, self.target = state["places"]


@pytest.mark.parametrize("world", [Float64World, DictWorld])
def test_other_spaces_pass(world: type[MyWorld]) -> None:
    check_world(world)


@pytest.mark.parametrize(
    ("world", "message"),
    [
        (TextWorld, "cannot be made a row of numbers: it is a Text"),
        (MisnamedWorld, "1 names for 2 numbers: left"),
        (ChanceWorld, "."),  # gymnasium's own check may be the one that finds out
        (BadTeacher, "must be an action"),
        (HalfSaved, "same future, bit for bit"),
    ],
)
def test_bad_worlds_are_found_out(world: type[MyWorld], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_world(world)


# --- layer types and rules ---------------------------------------------------------------------------------------


@pytest.fixture
def mutant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Registers a template in which a line was made wrong, while a test runs."""
    before = dict(LAYERS), dict(RULES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def make(what: str, right: str, wrong: str) -> str:
        name = f"mutant_{hashlib.blake2b(f'{right} {wrong}'.encode(), digest_size=4).hexdigest()}"
        write(what, name)
        source = Path(f"{name}.py")
        assert source.read_text().count(right) == 1
        source.write_text(source.read_text().replace(right, wrong))
        import_module(name)
        return name

    yield make
    for known, kept in zip((LAYERS, RULES), before, strict=True):
        known.clear()
        known.update(kept)


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ('"bias": (row[op.UNITS],)', '"biases": (row[op.UNITS],)', "must be the parameters of plan"),
        ("x + self.bias, None", "x + self.bias + x - x.detach(), None", "its input is not the slope"),
        ("[o] * x[o] + bias[o]", "[o] * x[o]", "beside an ordinary forward pass"),
        ("else at(source, r * source_stride)", "else row", "beside an ordinary forward pass"),
        ("    bias_gradient[o] += d[o]", "    pass", "bias: 100% are never told to move"),
        (
            "dx_stride)\n        for",
            "dx_stride)\n        if r:\n            continue\n        for",
            "with .*replay",
        ),
        ("= gain[o] * d[o]", "= d[o]", "from float64"),
    ],
)
def test_bad_layers_are_found_out(right: str, wrong: str, message: str, mutant: Any) -> None:
    name = mutant("layer", right, wrong)
    with pytest.raises(AssertionError, match=f"(?s){message}"):
        check_layer(name, start=2.0)


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("import sample\n", "import sample as other\n", "has no sample"),
        ("lane.rate / (length + SMALLEST)", "lane.rate", "from float64"),
        ("    fill(gradient, 0.0, size)\n", "", "from float64"),
        ("        guard(program, counters, own)", "        pass", "Arrays are not equal"),
        ("range(0, size, WIDTH)", "range(0, WIDTH, WIDTH)", "never moved"),
    ],
)
def test_bad_rules_are_found_out(right: str, wrong: str, message: str, mutant: Any) -> None:
    name = mutant("rule", right, wrong)
    with pytest.raises(AssertionError, match=f"(?s){message}"):
        check_rule(name)


def test_only_what_is_known_is_checked() -> None:
    with pytest.raises(AssertionError, match="register_layer first"):
        check_layer("nobody")
    with pytest.raises(AssertionError, match="register_rule first"):
        check_rule("nobody")
