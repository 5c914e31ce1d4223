"""The compiled physics against closed forms; states are set by hand where a law is to be seen alone."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentsim.compiled import random
from tests.worlds.placing import DOWN, LEFT, RIGHT, UP, lanes, obey, placed, relative, tick, torus
from worlds.kernels.layout import (
    AGE,
    AGENT_X,
    AGENT_Y,
    AVOID,
    CATCHES,
    CHASE,
    HEADING_X,
    HEADING_Y,
    TOUCHES,
    TURN,
)

unit = st.floats(0, 1, exclude_max=True)


def test_random_words_are_splitmix64():
    """Published outputs for seed 1234567 (Rosetta Code, "Pseudo-random numbers/Splitmix64")."""
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert random.splitmix64(np.uint64(1234567), np.arange(1, 5, dtype=np.uint64)).tolist() == expected


@pytest.mark.parametrize(
    ("action", "start", "end"),
    [
        (UP, (0.3, 0.99), (0.3, 0.01)),
        (DOWN, (0.3, 0.01), (0.3, 0.99)),
        (LEFT, (0.01, 0.3), (0.99, 0.3)),
        (RIGHT, (0.99, 0.3), (0.01, 0.3)),
        (RIGHT, (0.5, 0.3), (0.52, 0.3)),
    ],
)
def test_agent_steps_and_comes_in_again_on_the_other_side(action, start, end):
    world = placed(start, (0.65, 0.65), CHASE)
    tick(world, action)
    np.testing.assert_allclose(world.state[0, :2], end, atol=1e-15)


def test_a_step_just_below_zero_does_not_land_on_one():
    """-3e-18 + 1 rounds to 1, which is not in [0, 1)."""
    world = placed((np.nextafter(0.02, 0), 0.5), (0.5, 0.5), CHASE)
    tick(world, LEFT)
    assert world.state[0, AGENT_X] == 0.0


@given(unit, unit, unit, unit, st.integers(0, 3))
def test_hunter_comes_straight_at_where_the_agent_now_is(ax, ay, tx, ty, action):
    world = placed((ax, ay), (tx, ty), AVOID)
    hunter = world.state[0, 2:4].copy()
    tick(world, action)
    to_agent = torus(world.state[0, :2] - hunter)
    distance = math.hypot(*to_agent)
    # Where the way round is as long either way, both are straight; and a touch or no distance has its own tests.
    if (np.abs(np.abs(to_agent) - 0.5) < 1e-9).any() or distance < 0.0621:
        return
    np.testing.assert_allclose(torus(world.state[0, 2:4] - hunter), 0.012 * to_agent / distance, atol=1e-12)


@pytest.mark.parametrize("start", [(0.5, 0.5), (0.99, 0.5)])
@pytest.mark.parametrize(("gap", "touches"), [(0.082 - 1e-12, 1), (0.082 + 1e-12, 0)])
def test_a_touch_is_a_distance_below_five_hundredths(start, gap, touches):
    """Agent and hunter on one line close the gap by 0.02 + 0.012: the threshold is met from 0.082."""
    world = placed(start, ((start[0] + gap) % 1, start[1]), AVOID)
    told = tick(world, RIGHT)[:, 0]
    assert (told[TOUCHES], told[CATCHES], world.reward[0, 0]) == (touches, 0, -touches)
    assert world.state[0, AGE] == 1 - touches
    assert (math.hypot(*relative(world)[0]) >= 0.3) == bool(touches)


@pytest.mark.parametrize(("gap", "catches"), [(0.02 + 0.038 - 1e-9, 1), (0.02 + 0.062 + 1e-9, 0)])
def test_a_catch_is_a_distance_below_five_hundredths(gap, catches):
    """The agent closes the gap by 0.02 and the prey changes it by at most 0.012, whatever its heading."""
    for seed in range(20):
        world = lanes(seed=seed, shaping=0.0)
        world.state[0, :4] = 0.4, 0.5, 0.4 + gap, 0.5
        told = tick(world, RIGHT)[:, 0]
        assert (told[CATCHES], told[TOUCHES], world.reward[0, 0]) == (catches, 0, catches)


def test_hunter_gives_up_after_sixty_ticks_and_never_touches_one_who_flees():
    """The oracle flees at 0.02 from a hunter of 0.012: only the 60th tick of each hunt moves it farther than that."""
    world = lanes(50, AVOID)
    for now in range(1, 181):
        hunter = world.state[:, 2:4].copy()
        obey(world)
        moved = np.hypot(*torus(world.state[:, 2:4] - hunter).T)
        assert (world.told[0, TOUCHES] == 0).all()
        if now % 60:
            np.testing.assert_allclose(moved, 0.012, atol=1e-12)
        else:
            assert (world.state[:, AGE] == 0).all()
            assert (moved > 0.012 + 1e-9).mean() > 0.9
            assert (np.hypot(*relative(world).T) >= 0.3).all()


@pytest.mark.parametrize(("task", "sign"), [(CHASE, 1.0), (AVOID, -1.0)])
def test_shaping_telescopes_to_the_distance_travelled(task, sign):
    """Without events in between, the rewards sum to +-shaping x (first distance - last distance)."""
    world = lanes(200, task, shaping=0.7)
    rng = np.random.default_rng(1)
    first = np.hypot(*relative(world).T)
    total, events = np.zeros(200), np.zeros(200)
    for _ in range(25):  # fewer than the hunter's patience
        world.advance(rng.integers(0, 4, (1, 200)))
        total += world.reward[0]
        events += world.told[0, [CATCHES, TOUCHES]].sum(axis=0)
    quiet = events == 0
    assert quiet.sum() > 40
    last = np.hypot(*relative(world).T)
    np.testing.assert_allclose(total[quiet], sign * 0.7 * (first - last)[quiet], atol=1e-6)


def test_headings_turn_as_stated():
    """Increments beyond 0.9 x the last are N(0, 0.05^2) but for the excess kurtosis -6/5/12 of 12 uniforms."""
    world = lanes(500)
    noise = []
    for _ in range(200):
        before = world.state[:, [HEADING_X, HEADING_Y, TURN]].copy()
        tick(world, UP)
        x, y = world.state[:, HEADING_X], world.state[:, HEADING_Y]
        turned = np.arctan2(before[:, 0] * y - before[:, 1] * x, before[:, 0] * x + before[:, 1] * y)
        np.testing.assert_allclose(turned, world.state[:, TURN], atol=1e-5)  # the rational rotation
        np.testing.assert_allclose(np.hypot(x, y), 1.0, atol=1e-15)
        noise.append(world.state[:, TURN] - 0.9 * before[:, 2])
    series = np.array(noise) / 0.05  # (ticks, lanes)
    samples = series.size
    assert abs(series.mean()) < 4 / math.sqrt(samples)
    assert abs(series.var() - 1) < 4 * math.sqrt(2 / samples)
    assert abs((series**4).mean() - (3 - 0.1)) < 4 * math.sqrt(96 / samples)
    assert abs((series[1:] * series[:-1]).mean()) < 4 / math.sqrt(samples)


@pytest.mark.parametrize("angle", [0.0, 1e-6, -0.3, 0.8, 1.5, -3.0])
def test_any_turn_keeps_the_heading_a_unit_vector(angle):
    world = lanes()
    world.state[0, TURN] = angle / 0.9
    tick(world, UP)
    np.testing.assert_allclose(np.hypot(*world.state[0, [HEADING_X, HEADING_Y]]), 1.0, atol=1e-15)


def test_target_appears_uniformly_at_three_tenths_or_more():
    """Of the torus outside a disc of 0.3, a share (1 - pi 0.4^2) / (1 - pi 0.3^2) is outside one of 0.4."""
    world = lanes(4000)
    distance = np.hypot(*relative(world).T)
    assert distance.min() >= 0.3
    share = (1 - math.pi * 0.16) / (1 - math.pi * 0.09)
    assert abs((distance > 0.4).mean() - share) < 4 * math.sqrt(share * (1 - share) / 4000)
    uniform = [*(2 * world.state[:, :4].T - 1)]
    for sample, variance in [
        *((u, 1 / 3) for u in uniform),
        *((world.state[:, k], 1 / 2) for k in (HEADING_X, HEADING_Y)),
    ]:
        assert abs(sample.mean()) < 4 * math.sqrt(variance / 4000)
        assert abs(sample.var() - variance) < 0.03


def test_every_event_moves_the_target_away():
    world = lanes(100)
    catches = 0
    for _ in range(400):
        obey(world)
        caught = world.told[0, CATCHES] > 0
        catches += caught.sum()
        assert (np.hypot(*relative(world)[caught].T) >= 0.3).all()
        assert (np.hypot(*relative(world)[~caught].T) >= 0.05).all()
    assert catches > 500


def test_classic_clamps_the_agent_and_jitters_the_target():
    """Jitter is U(-.005, .005): variance .01^2 / 12 an axis."""
    world = lanes(400, classic=True)
    assert (world.state[:, :2] == 0.5).all()
    for action, axis, wall in ((UP, AGENT_Y, 1.0), (RIGHT, AGENT_X, 1.0), (DOWN, AGENT_Y, 0.0), (LEFT, AGENT_X, 0.0)):
        for _ in range(60):
            tick(world, action)
        assert (world.state[:, axis] == wall).all()
    world.state[:, 2:4] = 0.5
    tick(world, UP)
    jitter = world.state[:, 2:4] - 0.5
    assert np.abs(jitter).max() <= 0.005
    assert abs(jitter.var() / (0.01**2 / 12) - 1) < 0.15
    world.state[:, 2:4] = 0.9
    tick(world, UP)
    assert world.state[:, 2:4].max() == 0.9
    assert (world.state[:, 2:4] == 0.9).mean() == pytest.approx(0.5, abs=0.1)
