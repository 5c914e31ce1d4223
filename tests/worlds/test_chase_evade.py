"""agentsim/ChaseEvade-v0: places, catches and rewards against closed forms on the torus."""

import math

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings
from hypothesis import strategies as st

import worlds
from worlds.chase_evade import ChaseEvade, EvadeLanes
from worlds.scores import measure_evade_rates

worlds.register()
UP, DOWN, LEFT, RIGHT = range(4)
STEPS = np.array([[0, 1], [0, -1], [-1, 0], [1, 0]])


def put(env, *places):
    """The world with everyone where they are told to be."""
    env.reset(seed=0)
    env.set_state({**env.get_state(), "places": np.array(places, float)})
    return env


def ways(places, chasers):
    """Closed form: for each agent, the shortest way to its nearest opponent, over all nine images of the torus."""
    shifts = np.array([(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)])
    found = []
    for agent, here in enumerate(places):
        others = places[chasers:] if agent < chasers else places[:chasers]
        images = (others[:, None] + shifts - here).reshape(-1, 2)
        found.append(images[np.hypot(*images.T).argmin()])
    return np.array(found)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 3), st.lists(st.integers(0, 4**6 - 1), max_size=60))
def test_everyone_moves_senses_and_is_rewarded_by_the_closed_forms(seed, chasers, evaders, plan):
    """reward = shaping x (distance before - after) for a chaser, the negative for an evader, +-1 for each catch."""
    env = ChaseEvade(chasers, evaders, shaping=0.25)
    observation, info = env.reset(seed=seed)
    for code in plan:
        before = env.places.copy()
        actions = code // 4 ** np.arange(chasers + evaders) % 4
        observation, reward, terminated, truncated, info = env.step(actions)
        assert observation in env.observation_space
        assert not terminated
        assert not truncated
        speed = np.array([0.02] * chasers + [0.015] * evaders)
        moved = (before + STEPS[actions] * speed[:, None]) % 1
        distance = np.hypot(*ways(moved, chasers).T)
        caught = np.flatnonzero(distance[chasers:] < 0.05) + chasers
        stayed = np.setdiff1d(np.arange(chasers + evaders), caught)
        np.testing.assert_allclose(env.places[stayed], moved[stayed], atol=1e-12)
        for evader in caught:
            assert np.hypot(*ways(env.places, chasers)[evader]) >= 0.3
        role = np.array([1.0] * chasers + [-1.0] * evaders)
        catches = info["agent_events"]["catches"]
        assert catches[:chasers].sum() == len(caught) == info["events"]["catches"]
        np.testing.assert_array_equal(np.flatnonzero(catches[chasers:]) + chasers, caught)
        nearer = np.hypot(*ways(before, chasers).T) - distance
        np.testing.assert_allclose(info["rewards"], role * (0.25 * nearer + catches), atol=1e-6)
        assert reward == pytest.approx(info["rewards"].mean(), abs=1e-6)

        relative = ways(env.places, chasers)
        np.testing.assert_allclose(observation[:, :2], 2 * env.places - 1, atol=1e-6)
        np.testing.assert_allclose(np.hypot(*observation[:, 4:6].T) / 2, np.hypot(*relative.T), atol=1e-6)
        np.testing.assert_allclose(observation[:, 6], np.hypot(*relative.T) / 0.7072, atol=1e-6)
        gap = (observation[:, 2:4] - observation[:, :2] - observation[:, 4:6]) / 2  # whole turns of the torus
        np.testing.assert_allclose(gap, np.round(gap), atol=1e-6)
        np.testing.assert_array_equal(observation[:, 7], [0] * chasers + [1] * evaders)
        np.testing.assert_array_equal(info["teacher_action"], env.oracle(observation))


def test_a_catch_across_the_edge():
    """From 0.065 apart over x = 0, a chaser's step of 0.02 leaves 0.045 < 0.05: caught, 1 + 0.5 x 0.02 for it."""
    env = put(ChaseEvade(shaping=0.5), (0.99, 0.5), (0.055, 0.5))
    _, _, _, _, info = env.step(np.array([RIGHT, UP]))
    distance = math.hypot(0.045, 0.015)
    assert info["events"] == {"catches": 1, "escapes": 0}
    np.testing.assert_allclose(info["rewards"], np.array([1, -1]) * (1 + 0.5 * (0.065 - distance)), atol=1e-6)
    np.testing.assert_allclose(env.places[0], (0.01, 0.5), atol=1e-12)


def test_the_nearest_chaser_gets_the_catch_and_one_may_catch_two():
    env = put(ChaseEvade(2, 2), (0.5, 0.5), (0.5, 0.58), (0.52, 0.52), (0.5, 0.485))
    _, _, _, _, info = env.step(np.array([UP, DOWN, UP, UP]))  # to 0.52, 0.56, 0.535, 0.5
    assert info["agent_events"]["catches"].tolist() == [2, 0, 1, 1]


def test_an_evader_that_is_not_caught_for_300_ticks_escapes():
    """Both step to and fro, out of reach; on ticks 300 and 600 the evader gets 1, and reappears at a distance."""
    env = put(ChaseEvade(shaping=0.0), (0.1, 0.5), (0.5, 0.5))
    for tick in range(1, 601):
        before = env.places.copy()
        _, _, _, _, info = env.step(np.array([(UP, DOWN)[tick % 2]] * 2))
        escaped = int(tick % 300 == 0)
        assert info["events"] == {"catches": 0, "escapes": escaped}
        assert info["agent_events"]["escapes"].tolist() == [0, escaped]
        assert info["rewards"].tolist() == [0, escaped]
        assert (np.abs(env.places - before)[1].max() > 0.0151) == escaped
    assert np.hypot(*ways(env.places, 1)[1]) >= 0.3


@pytest.mark.parametrize(("chasers", "evaders"), [(1, 1), (3, 4)])
def test_an_episode_starts_at_a_distance(chasers, evaders):
    env = ChaseEvade(chasers, evaders)
    for seed in range(50):
        env.reset(seed=seed)
        assert (np.hypot(*ways(env.places, chasers)[chasers:].T) >= 0.3).all()


def test_agents_are_named_by_role():
    assert ChaseEvade().agents == ("chaser", "evader")
    assert ChaseEvade(2, 1).agents == ("chaser_1", "chaser_2", "evader")
    assert ChaseEvade(2, 1).score_rates == {}


def test_stored_rates_are_what_the_world_gives():
    """Within 5 standard errors of independent (Poisson) events."""
    ticks = 36_000
    for agent, measured in measure_evade_rates(ticks, seed=1).items():
        for rate, stored in zip(measured, ChaseEvade().score_rates[agent], strict=True):
            assert abs(rate - stored) < 5 * math.sqrt(max(stored, 0.1) * 3600 / ticks), agent


@pytest.mark.parametrize("every", [0, 1, 4])
def test_teacher_speaks_on_every_kth_tick(every):
    env = ChaseEvade(teacher_every=every)
    speaks = [(env.reset(seed=0)[1]["teacher_action"] >= 0).tolist()]
    speaks += [(env.step(np.zeros(2, int))[4]["teacher_action"] >= 0).tolist() for _ in range(8)]
    assert speaks == [[every > 0 and tick % every == 0] * 2 for tick in range(9)]


def test_a_saved_state_has_the_same_future_also_through_a_reset():
    env, twin = ChaseEvade(2, 2), ChaseEvade(2, 2)
    env.reset(seed=4)
    actions = np.random.default_rng(0).integers(0, 4, (60, 4))
    for action in actions[:30]:
        env.step(action)
    twin.set_state(env.get_state())
    for action in actions[30:]:
        assert data_equivalence(env.step(action), twin.step(action), exact=True)
    assert data_equivalence(env.reset(), twin.reset(), exact=True)


def test_a_damaged_state_is_refused_by_name():
    env = ChaseEvade()
    env.reset(seed=0)
    good = env.get_state()
    for name, value in good.items():
        for bad in (None, value.astype(np.float32), np.zeros((5, 5))):
            with pytest.raises(ValueError, match=name):
                env.set_state({**good, name: bad})
    with pytest.raises(ValueError, match="places"):
        env.set_state({**good, "places": good["places"] + 2})


def test_probes_are_random_states_of_one_role():
    env = ChaseEvade()
    for agent in range(2):
        observations, actions = env.sample_states(2000, agent, np.random.default_rng(0))
        assert (observations.shape, observations.dtype, actions.shape) == ((2000, 8), "f4", (2000,))
        np.testing.assert_array_equal(observations[:, 7], agent)
        np.testing.assert_array_equal(actions, env.oracle(observations))
        assert np.abs(np.bincount(actions, minlength=4) / 2000 - 0.25).max() < 0.04  # by symmetry


@pytest.mark.parametrize(("chasers", "evaders", "limit"), [(1, 1, None), (1, 1, 37), (2, 3, 301), (3, 5, 5)])
def test_vector_lanes_are_single_worlds(chasers, evaders, limit):
    """Gymnasium's own SyncVectorEnv over single worlds is the oracle: everything that step returns, exactly."""
    options = {"num_envs": 11, "chasers": chasers, "evaders": evaders, "teacher_every": 3}
    if limit is not None:
        options["max_episode_steps"] = limit
    name = "agentsim/ChaseEvade-v0"
    same_step = {"autoreset_mode": AutoresetMode.SAME_STEP}
    vector = gymnasium.make_vec(name, **options)
    sync = gymnasium.make_vec(name, vectorization_mode="sync", vector_kwargs=same_step, **options)
    assert vector.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert vector.observation_space == sync.observation_space
    assert vector.action_space == sync.action_space
    assert data_equivalence(vector.reset(seed=11), sync.reset(seed=11), exact=True)
    rng = np.random.default_rng(0)
    finals = 0
    for _ in range(700):
        actions = rng.integers(0, 4, (11, chasers + evaders))
        mine, theirs = vector.step(actions), sync.step(actions)
        assert data_equivalence(mine, theirs, exact=True)
        finals += "final_obs" in mine[4]
    assert finals == (700 // limit if limit else 0)
    assert data_equivalence(vector.reset(), sync.reset(), exact=True)


def test_worlds_of_a_vector_end_each_in_its_own_time():
    """As SyncVectorEnv lays it out for single worlds of which one is ahead: final entries of some lanes only."""
    vector = gymnasium.make_vec("agentsim/ChaseEvade-v0", num_envs=3, max_episode_steps=5)
    vector.reset(seed=0)
    vector.set_state({**vector.get_state(), "steps": np.array([0, 2, 0])})
    singles = [gymnasium.make("agentsim/ChaseEvade-v0").unwrapped for _ in range(3)]
    for lane, single in enumerate(singles):
        single.reset(seed=lane)
    rng = np.random.default_rng(1)
    for step in range(1, 6):
        actions = rng.integers(0, 4, (3, 2))
        seen, _, _, truncated, info = vector.step(actions)
        alone = [single.step(action) for single, action in zip(singles, actions, strict=True)]
        ended = [step == 5, step == 3, step == 5]
        assert truncated.tolist() == ended
        for lane in np.flatnonzero(ended):
            np.testing.assert_array_equal(info["final_obs"][lane], alone[lane][0])
            np.testing.assert_array_equal(info["final_info"]["rewards"][lane], alone[lane][4]["rewards"])
            np.testing.assert_array_equal(seen[lane], singles[lane].reset()[0])
        if any(ended):
            assert info["_final_obs"].tolist() == info["final_info"]["_rewards"].tolist() == ended
            assert not info["final_info"]["rewards"][~truncated].any()
        for lane in np.flatnonzero(~truncated):
            np.testing.assert_array_equal(seen[lane], alone[lane][0])


def test_a_saved_vector_state_has_the_same_future():
    vector, twin = (gymnasium.make_vec("agentsim/ChaseEvade-v0", num_envs=9, max_episode_steps=7) for _ in range(2))
    vector.reset(seed=0)
    actions = np.random.default_rng(2).integers(0, 4, (30, 9, 2))
    for action in actions[:5]:
        vector.step(action)
    twin.set_state(vector.get_state())
    for action in actions[5:]:
        assert data_equivalence(vector.step(action), twin.step(action), exact=True)


def test_many_ticks_at_once_are_the_same_bits_as_one_by_one():
    plan = np.random.default_rng(0).integers(0, 4, (400, 9, 5))
    together, single = EvadeLanes(9, 2, 3, 0.5, 2), EvadeLanes(9, 2, 3, 0.5, 2)
    for lane in range(9):
        together.begin(lane, np.random.default_rng(lane))
        single.begin(lane, np.random.default_rng(lane))
    together.advance(plan)
    for k in range(len(plan)):
        single.advance(plan[k : k + 1])
        for name in ("observation", "reward", "told", "total", "mean"):
            np.testing.assert_array_equal(getattr(single, name)[0], getattr(together, name)[k])
    np.testing.assert_array_equal(together.state, single.state)
    assert together.total[:, 0].any() and together.total[:, 1].any()


@pytest.mark.parametrize("evaders", range(1, 5))
def test_the_mean_reward_is_numpys(evaders):
    """To the last bit, of up to seven agents: NumPy adds so few float32 one after the other."""
    env = ChaseEvade(3, evaders)
    env.reset(seed=0)
    for actions in np.random.default_rng(0).integers(0, 4, (100, 3 + evaders)):
        _, reward, _, _, info = env.step(actions)
        assert reward == float(info["rewards"].mean())


def test_everyone_is_drawn_and_looking_changes_nothing():
    env = put(ChaseEvade(render_mode="rgb_array", render_size=120), (0.25, 0.25), (0.75, 0.75))
    frame = env.render()
    blue, green = frame[90, 30].astype(int), frame[30, 90].astype(int)  # y up
    assert blue[2] > blue[1] > blue[0]
    assert green[1] > green[2]
    np.testing.assert_array_equal(env.places, [(0.25, 0.25), (0.75, 0.75)])


def test_a_catch_flashes():
    env = put(ChaseEvade(render_mode="rgb_array", render_size=120), (0.5, 0.5), (0.53, 0.5))
    env.step(np.array([RIGHT, UP]))
    flashing = env.render()
    env._painter._flashes[:] = 0
    assert (env.render() != flashing).any()


def test_mistakes_are_named():
    for options, name in (
        ({"chasers": 0}, "chasers"),
        ({"chasers": 4}, "chasers"),
        ({"evaders": 1.5}, "evaders"),
        ({"shaping": float("inf")}, "shaping"),
        ({"teacher_every": -1}, "teacher_every"),
        ({"render_mode": "rgb_array", "render_size": 1}, "render_size"),
    ):
        with pytest.raises(ValueError, match=name):
            ChaseEvade(**options)
    env = ChaseEvade()
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(np.zeros(2, int))
    env.reset(seed=0)
    for action in ([0], [0, 4], [-1, 0], [0.0, 1.0], 0):
        with pytest.raises(ValueError, match="action"):
            env.step(np.array(action))
