"""Every registered world as a Gymnasium environment, single and vector."""

import subprocess
import sys
import warnings
from copy import deepcopy

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings
from hypothesis import strategies as st

import worlds

worlds.register()
every_world = pytest.mark.parametrize("world", worlds.WORLDS)
chase_avoid = pytest.mark.parametrize("world", [world for world in worlds.WORLDS if "ChaseAvoid" in world])
ARENA, CLASSIC = "agentsim/ChaseAvoid-v0", "agentsim/ChaseAvoidClassic-v0"


def make(world, **options):
    return gymnasium.make(world, **options).unwrapped


def same(one, other):
    return data_equivalence(one, other, exact=True)


def test_importing_worlds_is_light():
    """Neither a compiler, a tensor library nor a display before a world is made."""
    code = "import sys, worlds; worlds.register(); print({'numba', 'torch', 'pygame'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_registering_twice_is_quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        worlds.register()
        worlds.register()


@every_world
def test_gymnasium_finds_nothing_to_say(world, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make(world, render_mode="rgb_array"))
        env = gymnasium.make(world, render_mode="rgb_array", max_episode_steps=5)  # with PassiveEnvChecker
        env.reset(seed=0)
        truncated = [env.step(env.action_space.sample())[3] for _ in range(5)]
        env.render()
    assert truncated == [False] * 4 + [True]


@chase_avoid
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    task=st.sampled_from(("chase", "avoid")),
    actions=st.lists(st.integers(0, 3), min_size=1, max_size=130),
    switch=st.integers(0, 130),
)
def test_observations_stay_in_bounds_and_tell_the_oracle(world, seed, task, actions, switch):
    env = make(world, task=task)
    observation, info = env.reset(seed=seed)
    for k, action in enumerate(actions):
        assert observation in env.observation_space
        assert info["teacher_action"] == env.oracle(observation) == env.oracle(observation[None])[0]
        assert info["task"] == observation[7] == env.task
        observation, reward, terminated, truncated, info = env.step(action)
        assert np.isfinite(reward)
        assert not terminated
        assert not truncated
        if k == switch:
            env.switch_task(1 - env.task)
            observation, info = env.observe()


@chase_avoid
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 3), max_size=70), st.lists(st.integers(0, 3), max_size=70))
def test_a_saved_state_has_the_same_future(world, seed, past, future):
    """Also through a reset: the generator that keys the next episode is part of the state."""
    env, twin = make(world, task="avoid"), make(world)
    env.reset(seed=seed)
    for action in past:
        env.step(action)
    saved = env.get_state()
    kept = {name: value.copy() for name, value in saved.items()}
    expected = [env.step(action) for action in future] + [env.reset()]
    twin.set_state(saved)
    assert same([twin.step(action) for action in future] + [twin.reset()], expected)
    assert same(saved, kept)  # not a view of the living world


@every_world
@pytest.mark.parametrize("begun", [False, True])
def test_a_copy_is_a_world_of_its_own(world, begun):
    """Compiled code knows arrays by their address: a copy that kept it would move the original."""
    env = make(world)
    if begun:
        env.reset(seed=3)
    copy = deepcopy(env)
    actions = [env.action_space.sample() for _ in range(20)]
    first, second = [copy.reset(seed=3), *map(copy.step, actions)], [env.reset(seed=3), *map(env.step, actions)]
    assert same(first, second)
    again = deepcopy(copy)
    assert same([again.step(action) for action in actions], [env.step(action) for action in actions])


@chase_avoid
def test_a_damaged_state_is_refused_by_name(world):
    env = make(world)
    env.reset(seed=0)
    good = env.get_state()
    for name, value in good.items():
        for bad in (None, value[:, :1], value.astype(np.float32)):
            with pytest.raises(ValueError, match=name):
                env.set_state({**good, name: bad})
    for column, value in ((0, np.nan), (1, 1.5), (7, 2.0), (10, 1.0 - env.classic)):
        damaged = good["state"].copy()
        damaged[0, column] = value
        with pytest.raises(ValueError, match="state"):
            env.set_state({**good, "state": damaged})
    assert same(env.get_state(), good)


@chase_avoid
@pytest.mark.parametrize("max_episode_steps", [None, 37])
def test_vector_lanes_are_single_worlds(world, max_episode_steps):
    """Gymnasium's own SyncVectorEnv over single worlds is the oracle: everything that step returns, exactly."""
    options = {"num_envs": 4, "task": "avoid", "teacher_every": 3, "max_episode_steps": max_episode_steps}
    if max_episode_steps is None:
        del options["max_episode_steps"]
    vector = gymnasium.make_vec(world, **options)
    sync = gymnasium.make_vec(
        world, vectorization_mode="sync", vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP}, **options
    )
    assert vector.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert vector.observation_space == sync.observation_space
    assert vector.action_space == sync.action_space
    assert same(vector.reset(seed=11), sync.reset(seed=11))
    rng = np.random.default_rng(0)
    finals = 0
    for _ in range(300):
        actions = rng.integers(0, 4, 4)
        mine, theirs = vector.step(actions), sync.step(actions)
        assert same(mine, theirs)
        finals += "final_obs" in mine[4]
    assert finals == (300 // 37 if max_episode_steps else 0)
    assert same(vector.reset(), sync.reset())
    assert same(vector.reset(seed=[5, None, 2, 3]), sync.reset(seed=[5, None, 2, 3]))


@every_world
def test_vector_lane_is_the_single_world_of_its_seed(world):
    vector = gymnasium.make_vec(world, num_envs=3)
    observations, _ = vector.reset(seed=20)
    for lane in range(3):
        np.testing.assert_array_equal(observations[lane], make(world).reset(seed=20 + lane)[0])


@chase_avoid
def test_a_saved_vector_state_has_the_same_future(world):
    vector, twin = (gymnasium.make_vec(world, num_envs=3, max_episode_steps=7) for _ in range(2))
    vector.reset(seed=0)
    for _ in range(5):
        vector.step(np.array([0, 1, 2]))
    twin.set_state(vector.get_state())
    for _ in range(5):
        assert same(vector.step(np.array([0, 1, 2])), twin.step(np.array([0, 1, 2])))
    vector.switch_task(1)
    twin.switch_task(1)
    assert same(vector.observe(), twin.observe())
    assert (vector.observe()[1]["task"] == 1).all()
    with pytest.raises(ValueError, match="steps"):
        twin.set_state({**vector.get_state(), "steps": np.zeros(2)})


@chase_avoid
def test_switching_changes_the_role_and_nothing_else_in_sight(world):
    env = make(world)
    before, _ = env.reset(seed=3)
    env.switch_task(1)
    after, info = env.observe()
    np.testing.assert_array_equal(after[:7], before[:7])
    assert (after[7], info["task"], env.tasks[info["task"]]) == (1, 1, "avoid")
    assert env.oracle(before) ^ 1 == info["teacher_action"]  # away is the opposite of toward
    assert env.reset()[1]["task"] == 1  # stays in force
    with pytest.raises(ValueError, match="chase"):
        env.switch_task(2)


def test_dragging_the_target():
    env = make(ARENA)
    env.reset(seed=0)
    env.drag_target(1.25, -0.25)
    np.testing.assert_allclose(env.observe()[0][2:4], [2 * 0.25 - 1, 2 * 0.75 - 1])
    env.drag_target(-1e-20, 1.0)
    np.testing.assert_array_equal(env.observe()[0][2:4], [-1, -1])
    env = make(CLASSIC)
    env.reset(seed=0)
    env.drag_target(2.0, -1.0)
    np.testing.assert_allclose(env.observe()[0][2:4], [0.9, 0.1])
    with pytest.raises(ValueError, match="point"):
        env.drag_target(float("nan"), 0.5)


def test_observing_does_not_count_an_event_twice():
    env = make(ARENA)
    _, info = env.reset(seed=0)
    while not info["events"]["catches"]:
        *_, info = env.step(info["teacher_action"])
    assert env.observe()[1]["events"] == {"catches": 0, "touches": 0}


@chase_avoid
@pytest.mark.parametrize("every", [0, 1, 4])
def test_teacher_speaks_on_every_kth_tick(world, every):
    env = make(world, teacher_every=every)
    speaks = [env.reset(seed=0)[1]["teacher_action"] >= 0]
    speaks += [env.step(0)[4]["teacher_action"] >= 0 for _ in range(12)]
    assert speaks == [every > 0 and tick % every == 0 for tick in range(13)]


@chase_avoid
@pytest.mark.parametrize("task", [0, 1])
def test_probes_are_random_states_of_one_task(world, task):
    env = make(world, teacher_every=0)
    before = env.reset(seed=0)
    observations, actions = env.sample_states(2000, task, np.random.default_rng(0))
    assert (observations.shape, observations.dtype, actions.shape, actions.dtype) == ((2000, 8), "f4", (2000,), "i8")
    assert all(observation in env.observation_space for observation in observations)
    np.testing.assert_array_equal(actions, env.oracle(observations))
    np.testing.assert_array_equal(observations[:, 7], task)
    assert np.abs(np.bincount(actions, minlength=4) / 2000 - 0.25).max() < 0.04  # by symmetry
    assert same(env.observe(), before)  # probing leaves the world alone


@chase_avoid
def test_mistakes_are_named(world):
    for options, name in (
        ({"task": "hide"}, "task"),
        ({"shaping": float("inf")}, "shaping"),
        ({"teacher_every": -1}, "teacher_every"),
        ({"teacher_every": 1.5}, "teacher_every"),
        ({"render_mode": "rgb_array", "render_size": 1}, "render_size"),
    ):
        with pytest.raises(ValueError, match=name):
            make(world, **options)
    env = make(world)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(0)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="action"):
        env.step(4)
    vector = gymnasium.make_vec(world, num_envs=2)
    with pytest.raises(gymnasium.error.ResetNeeded):
        vector.step(np.array([0, 1]))
    with pytest.raises(ValueError, match="seeds"):
        vector.reset(seed=[1, 2, 3])
    vector.reset(seed=0)
    for actions in ([0], [0, 4], [0, -1], [0.0, 1.0]):
        with pytest.raises(ValueError, match="actions"):
            vector.step(np.array(actions))
