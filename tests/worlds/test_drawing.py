"""Pictures: shapes against their areas, the torus against shifting, and that looking changes nothing."""

import math

import gymnasium
import numpy as np
import pytest

import worlds
from worlds.drawing import Canvas

worlds.register()
every_world = pytest.mark.parametrize("world", worlds.WORLDS)
chase_avoid = pytest.mark.parametrize("world", [world for world in worlds.WORLDS if "ChaseAvoid" in world])
WHITE = (255, 255, 255)


def blank(size=200, torus=True):
    canvas = Canvas(size, torus)
    canvas.image[:] = 0
    return canvas


def area(canvas):
    """In world areas; a pixel counts by how white it is."""
    return canvas.image[..., 0].sum() / 255 / canvas.size**2


@pytest.mark.parametrize("place", [(0.5, 0.5), (0.0, 0.3), (0.99, 0.99)])
def test_shapes_have_their_areas_also_across_an_edge(place):
    canvas = blank()
    canvas.segment(*place, 0, 0, 0.1, WHITE)
    assert area(canvas) == pytest.approx(math.pi * 0.1**2, rel=0.01)
    canvas = blank()
    canvas.segment(*place, 0.12, 0.16, 0.05, WHITE)  # length 0.2
    assert area(canvas) == pytest.approx(math.pi * 0.05**2 + 2 * 0.05 * 0.2, rel=0.01)
    canvas = blank()
    canvas.ring(*place, 0.1, 4.0, WHITE, 1.0)
    assert area(canvas) == pytest.approx(2 * math.pi * 0.1 * 4 / 200, rel=0.01)


def test_a_torus_has_no_edges():
    """A shape moved by whole pixels is the shifted picture."""
    middle, moved = blank(), blank()
    middle.segment(0.5, 0.5, 0.05, 0.02, 0.1, WHITE)
    moved.segment(0.5 + 95 / 200, 0.5 - 95 / 200, 0.05, 0.02, 0.1, WHITE)
    shifted = np.roll(middle.image, (95, 95), axis=(0, 1)).astype(int)
    assert np.abs(shifted - moved.image).max() <= 1


def test_the_unit_square_has_edges():
    canvas = blank(torus=False)
    canvas.segment(0.0, 0.5, 0, 0, 0.1, WHITE)
    assert area(canvas) == pytest.approx(math.pi * 0.1**2 / 2, rel=0.03)


@chase_avoid
def test_frames_show_the_world_and_change_nothing(world):
    env = gymnasium.make(world, render_mode="rgb_array", render_size=120).unwrapped
    plain = gymnasium.make(world).unwrapped
    env.reset(seed=0)
    plain.reset(seed=0)
    for action in (0, 1, 2, 3, 3):
        before = env.render()
        np.testing.assert_array_equal(env.step(action)[0], plain.step(action)[0])
        assert (env.render() != before).any()
    frame = env.render()
    assert (frame.shape, frame.dtype) == ((120, 120, 3), np.uint8)
    x, y = env.lanes.state[0, :2]
    assert tuple(frame[int((1 - y) * 120), int(x * 120)]) > (60, 100, 200)  # the blue or white of the agent, y up
    env.switch_task(1)
    assert (env.render() != frame).any()
    for name, value in plain.get_state().items():
        if name != "state":
            np.testing.assert_array_equal(env.get_state()[name], value)


def test_a_catch_flashes():
    env = gymnasium.make("agentsim/ChaseAvoid-v0", render_mode="rgb_array", render_size=120).unwrapped
    _, info = env.reset(seed=0)
    while not info["events"]["catches"]:
        *_, info = env.step(info["teacher_action"])
    flashing = env.render()
    env._painter._flash = 0
    assert (env.render() != flashing).any()


@every_world
def test_human_mode_opens_and_closes_a_window(world, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = gymnasium.make(world, render_mode="human", render_size=64)
    env.reset(seed=0)
    for _ in range(2):
        env.step(env.action_space.sample())
    env.close()


@every_world
def test_rendering_without_a_mode_says_what_to_do(world):
    env = gymnasium.make(world).unwrapped
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="render_mode"):
        assert env.render() is None
