"""Any Gymnasium world as lane-shaped arrays: spaces, autoreset, seeds, a person's hand, saving and going on."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from agentsim.config.sections import WorldConfig
from agentsim.errors import UserError
from agentsim.loop.commands import DragTarget, Push, SwitchTask
from agentsim.loop.environment import Environment
from brains.brain import NO_LABEL

STANDARD = ["CartPole-v1", "Pendulum-v1", "Acrobot-v1", "MountainCar-v0"]
WORLDS = [*STANDARD, "agentsim/ChaseAvoid-v0", "agentsim/ChaseAvoidClassic-v0"]


class Scripted(gymnasium.Env[Any, Any]):
    """Observation: (episode seed's first draw, steps so far). Terminates after `length` steps; a teacher counts."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}  # type: ignore[misc]

    def __init__(
        self, length: int = 3, bad: float = 0.0, action_space: Any = None, observation_space: Any = None
    ) -> None:
        self.length, self.bad = length, bad
        self.observation_space = observation_space or Box(-np.inf, np.inf, (2,), np.float32)
        self.action_space = action_space or Discrete(3, start=5)
        self.actions: list[Any] = []

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps, self.first = 0, self.np_random.random()
        return np.array([self.first, 0]), {"teacher_action": 0}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.actions.append(action)
        self.steps += 1
        info = {"teacher_action": self.steps % 3, "events": {"steps": 1}}
        return np.array([self.first, self.steps]), 1 + self.bad, self.steps == self.length, False, info


class Wrong(Scripted):
    """A Scripted whose steps return what they are told to."""

    def __init__(self, continuous: bool = False, label: Any = None, observation: Any = None) -> None:
        super().__init__(action_space=Box(-2, 2, (2,), np.float32) if continuous else Discrete(3))
        self.right = np.zeros(2) if continuous else 0
        self.label, self.shown = label, observation

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        return super().reset(seed=seed)[0], {"teacher_action": self.right}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        observation, *rest, _ = super().step(action)
        label = self.right if self.label is None else self.label
        return (observation if self.shown is None else self.shown), *rest, {"teacher_action": label}


class Forgetful(Scripted):
    """Draws a number in every step and saves everything but the generator, unless it is whole."""

    def __init__(self, whole: bool = False) -> None:
        super().__init__(length=5)
        self.whole, self.told = whole, 0

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.told += 1
        self.first = self.np_random.random()
        return super().step(action)

    def get_state(self) -> dict[str, Any]:
        state = {"place": np.array([self.first, self.steps])}
        return state | ({"random": self.np_random.bit_generator.state} if self.whole else {})

    def set_state(self, state: dict[str, Any]) -> None:
        self.first, self.steps = float(state["place"][0]), int(state["place"][1])
        if self.whole:
            self.np_random.bit_generator.state = state["random"]


gymnasium.register("test/Forgetful-v0", entry_point=Forgetful)
gymnasium.register("test/Scripted-v0", entry_point=Scripted)
gymnasium.register("test/Wrong-v0", entry_point=Wrong)


def make(id: str = "test/Scripted-v0", **options: Any) -> Environment:  # noqa: A002
    return Environment(WorldConfig(id=id, options=options), np.random.SeedSequence(1).spawn(1)[0])


def some_action(environment: Environment, rng: np.random.Generator) -> Any:
    if environment.body.discrete:
        return rng.integers(0, environment.body.actions, 1)
    return rng.uniform(environment.body.low, environment.body.high, (1, environment.body.actions)).astype(np.float32)


@pytest.mark.parametrize("world", WORLDS)
def test_standard_worlds_live_and_go_on_exactly(world: str) -> None:
    """Live 60 ticks, save, live 60 more; a second world set to the saved state lives the same 60."""
    environment, rng = make(world, max_episode_steps=45), np.random.default_rng(0)
    for _ in range(60):
        environment.step(some_action(environment, rng))
    saved = environment.state()
    other = make(world, max_episode_steps=45)
    other.load_state(saved)
    actions = [some_action(environment, rng) for _ in range(60)]
    for action in actions:
        first, second = environment.step(action), other.step(action)
        for name in ("observation", "next_observation", "reward", "terminated", "truncated", "teacher_action"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    for name, array in environment.fingerprint().items():
        np.testing.assert_array_equal(array, other.fingerprint()[name])
    assert environment.episode == other.episode > 0


def test_bodies_of_the_standard_worlds() -> None:
    """Sizes from Gymnasium's documentation."""
    bodies = {world: make(world).body for world in WORLDS}
    assert [(bodies[w].observation_size, bodies[w].actions) for w in STANDARD] == [(4, 2), (3, 1), (6, 3), (2, 3)]
    assert bodies["Pendulum-v1"].low == (-2.0,)
    assert not bodies["CartPole-v1"].teacher
    assert bodies["agentsim/ChaseAvoid-v0"].teacher


def test_autoreset_at_the_boundary() -> None:
    """The last experience of an episode ends in its own final observation; the next begins with the new one."""
    environment = make(length=2)
    first = environment.observation[0, 0]
    one = environment.step(np.array([1]))
    assert one.next_observation.tolist() == [[first, 1]]
    assert not one.terminated[0]
    two = environment.step(np.array([2]))
    assert (two.observation.tolist(), two.next_observation.tolist()) == ([[first, 1]], [[first, 2]])
    assert two.terminated[0]
    assert environment.finished_return == 2
    fresh = environment.observation[0].copy()
    assert fresh[1] == 0
    assert fresh[0] != first
    three = environment.step(np.array([0]))
    assert three.observation[0].tolist() == fresh.tolist()
    assert environment.unwrapped.actions == [6, 7, 5]  # Discrete(3, start=5)


def test_teacher_action_belongs_to_the_observation() -> None:
    """The scripted teacher answers steps % 3 with the observation that shows `steps`; after a reset it answers 0."""
    environment = make(length=4)
    for expected in (0, 1, 2, 0, 0, 1):
        experience = environment.step(np.array([0]))
        assert experience.teacher_action is not None
        assert experience.teacher_action.tolist() == [expected]
        assert experience.observation[0, 1] % 3 == expected


def test_episode_seeds_come_from_run_lane_and_episode() -> None:
    """Each episode's seed is SeedSequence(run, spawn key of the world + (lane 0, episode))."""
    environment = make(length=1)
    for episode in range(3):
        assert environment.episode == episode
        seed = np.random.SeedSequence(1, spawn_key=(0, 0, episode)).generate_state(1)[0]
        expected = gymnasium.utils.seeding.np_random(int(seed))[0].random()
        assert environment.observation[0, 0] == np.float32(expected)
        environment.step(np.array([0]))


def test_time_limit_truncates() -> None:
    environment = make("MountainCar-v0", max_episode_steps=7)
    flags = [bool(environment.step(np.array([0])).truncated[0]) for _ in range(14)]
    assert flags == ([False] * 6 + [True]) * 2
    assert make("CartPole-v1")._limit == gymnasium.spec("CartPole-v1").max_episode_steps


@pytest.mark.parametrize(
    ("world", "action"),
    [
        ("CartPole-v1", np.array([2])),
        ("CartPole-v1", np.array([-1])),
        ("CartPole-v1", np.array([[1]])),
        ("CartPole-v1", np.array([np.nan])),
        ("Pendulum-v1", np.array([[np.nan]], np.float32)),
        ("Pendulum-v1", np.array([[2.5]], np.float32)),
        ("Pendulum-v1", np.array([1.0], np.float32)),
    ],
)
def test_actions_out_of_range_are_named(world: str, action: Any) -> None:
    with pytest.raises(ValueError, match=r"act\(\) returned .*this world takes"):
        make(world).checked(action)


def test_values_that_are_not_finite_are_named() -> None:
    with pytest.raises(ValueError, match="reward nan"):
        make(bad=np.nan).step(np.array([0]))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("few", [0, 100])
def test_observations_that_are_not_finite_are_named(
    bad: float, place: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By either way to look at them, that for few numbers and that for many."""
    monkeypatch.setattr("agentsim.loop.environment._FEW", few)
    observation = [bad, 1.0] if place == 0 else [1.0, bad]
    with pytest.raises(ValueError, match="observation that is not finite"):
        make("test/Wrong-v0", observation=observation).step(np.array([0]))


def test_the_largest_observations_are_finite() -> None:
    """Their sum is not, in float32."""
    largest = np.full(2, np.finfo(np.float32).max)
    environment = make("test/Wrong-v0", observation=largest)
    environment.step(np.array([0]))
    np.testing.assert_array_equal(environment.observation, [largest])


@pytest.mark.parametrize("label", [3, 99, -2, 100_000_000, 0.5, np.int64(-7)])
def test_labels_that_are_no_action_are_named(label: Any) -> None:
    """Brains use a label as an index: 0 to 2 here, or NO_LABEL."""
    with pytest.raises(ValueError, match=r"teacher_action .*no action of this world"):
        make("test/Wrong-v0", label=label).step(np.array([0]))


@pytest.mark.parametrize("label", [[0, 2.5], [-3, 0], [0, np.inf], [0, np.nan]])
def test_labels_out_of_bounds_are_named(label: Any) -> None:
    with pytest.raises(ValueError, match=r"teacher_action .*no action of this world"):
        make("test/Wrong-v0", continuous=True, label=label).step(np.zeros((1, 2), np.float32))


def test_labels_at_the_bounds_and_silence_are_taken() -> None:
    for label in (2, NO_LABEL, np.int64(1), np.array([1])):
        environment = make("test/Wrong-v0", label=label)
        environment.step(np.array([0]))
        np.testing.assert_array_equal(environment.teacher_action, np.reshape(label, 1))
    for label in ([-2, 2], [np.nan, np.nan]):
        environment = make("test/Wrong-v0", continuous=True, label=label)
        environment.step(np.zeros((1, 2), np.float32))
        np.testing.assert_array_equal(environment.teacher_action, [label])


@pytest.mark.parametrize("observation", [0.5, [0.5], [[0.5, 0.5]], [0.5] * 3])
def test_observations_of_another_shape_are_named(observation: Any) -> None:
    with pytest.raises(ValueError, match=r"observation of shape .*, not \(2,\)"):
        make("test/Wrong-v0", observation=observation).step(np.array([0]))


@pytest.mark.parametrize("limit", [0, -5, "abc", 1.5, np.nan, True])
def test_time_limits_that_are_none_are_named(limit: Any) -> None:
    with pytest.raises(UserError, match="max_episode_steps: should be a whole number above 0"):
        make("CartPole-v1", max_episode_steps=limit)


def test_unknown_worlds_and_options_are_named() -> None:
    with pytest.raises(UserError, match="did you mean CartPole-v1"):
        make("CartPol-v1")
    with pytest.raises(UserError, match="nonsense"):
        make("CartPole-v1", nonsense=1)


def test_push_adds_to_the_cart_velocity_and_is_sensed_and_saved() -> None:
    environment, other = make("CartPole-v1"), make("CartPole-v1")
    environment.step(np.array([1]))
    before = environment.observation.copy()
    environment.apply(Push(direction=-1))
    np.testing.assert_allclose(environment.observation - before, [[0, -0.5, 0, 0]], atol=1e-6)
    environment.step(np.array([0]))
    other.load_state(environment.state())
    np.testing.assert_array_equal(
        environment.step(np.array([1])).next_observation, other.step(np.array([1])).next_observation
    )


def test_commands_that_a_world_cannot_do_are_named() -> None:
    for command in (SwitchTask(task=0), DragTarget(x=0, y=0)):
        with pytest.raises(UserError, match="CartPole-v1 has no"):
            make("CartPole-v1").apply(command)
    with pytest.raises(UserError, match="no task 2"):
        make("agentsim/ChaseAvoid-v0").apply(SwitchTask(task=2))
    with pytest.raises(UserError, match="no thing to push"):
        make("agentsim/ChaseAvoid-v0").apply(Push(direction=1))


def test_a_dragged_target_and_a_new_task_are_sensed_at_once() -> None:
    """Observation 2, 3 is the target as 2x - 1, 2y - 1; 7 the task bit; the teacher flees where it chased."""
    environment = make("agentsim/ChaseAvoid-v0")
    environment.apply(DragTarget(x=0.75, y=0.25))
    np.testing.assert_allclose(environment.observation[0, 2:4], [0.5, -0.5], atol=1e-6)
    assert environment.teacher_action is not None
    chase = int(environment.teacher_action[0])
    environment.apply(SwitchTask(task=1))
    assert environment.observation[0, 7] == 1
    assert int(environment.teacher_action[0]) == chase ^ 1  # 0 up, 1 down, 2 left, 3 right


def test_a_world_that_does_not_repeat_itself_cannot_resume() -> None:
    environment = make()
    environment.step(np.array([0]))
    state = environment.state()
    state["observation"] = state["observation"] + 1
    with pytest.raises(ValueError, match="does not do the same again"):
        make().load_state(state)


def test_a_world_that_forgets_a_part_of_its_state_resumes_by_living_its_episode_again() -> None:
    """It is found out when it is built, and said; a world that keeps its state goes on from that state, unasked."""
    assert make("test/Forgetful-v0", whole=True).notice is None
    assert make("test/Forgetful-v0", whole=True).has_state
    environment, plain = make("test/Forgetful-v0"), make("test/Scripted-v0", length=5)
    assert environment.notice is not None and "lived again" in environment.notice and not environment.has_state
    assert environment.episode == 0 and environment.length == 0
    np.testing.assert_array_equal(environment.observation, plain.observation)  # the same first episode, untouched
    for _ in range(8):
        environment.step(np.array([0]))
    other = make("test/Forgetful-v0")
    other.load_state(environment.state())
    assert other.unwrapped.told == 2 + 3  # the two of the round trip, then those of the present episode
    for _ in range(8):
        first, second = environment.step(np.array([1])), other.step(np.array([1]))
        np.testing.assert_array_equal(first.next_observation, second.next_observation)


@pytest.mark.parametrize("name", ["observation", "episode", "journal.actions"])
def test_missing_state_is_named(name: str) -> None:
    environment = make()
    state = environment.state()
    del state[name]
    with pytest.raises(ValueError, match=name):
        environment.load_state(state)
