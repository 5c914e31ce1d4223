"""The world to dream in, against its documentation and scikit-learn's own digits."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import worlds
from worlds.dream import Dream
from worlds.world import keeps_its_state, world_of

worlds.register()
Array = NDArray[np.float32]


def parts(observation: Array, count: int) -> dict[str, Array]:
    """By the table of the docstring."""
    ends = np.cumsum([count, count, 10, 1, count])
    return dict(zip(("canvas", "drawn", "asked", "age", "page", "named"), np.split(observation, ends), strict=True))


def some(world: Dream, seed: int) -> Array:
    return np.random.default_rng(seed).random(world.size**2, np.float32)


def test_it_has_what_it_says() -> None:
    env = gymnasium.make("agentsim/Dream-v0")
    world = world_of(env)
    env.reset(seed=0)
    assert world.tasks == (*"0123456789", "any") and world.switch_task and world.draw and world.observe
    assert world.oracle is None and world.drag_target is None and world.push is None and world.kernels == ()
    assert keeps_its_state(world, lambda: env.unwrapped.step(np.full(64, 0.25)))


def test_pages_are_digits_with_their_labels_and_the_last_ones_are_kept_back() -> None:
    found = load_digits()
    known = {(*row,): index for index, row in enumerate((found.data / 16).astype(np.float32).tolist())}
    world = Dream()
    observation, _ = world.reset(seed=1)
    seen = set()
    for _ in range(1_437):
        page = parts(observation, 64)
        index = known[(*page["page"].tolist(),)]
        seen.add(index)
        assert page["named"].tolist() == [float(found.target[index] == label) for label in range(10)]
        observation, *_ = world.step(some(world, 0))
    assert seen == {*range(1_797 - 360)}, "each of them once before the first one comes again"


def test_another_size_has_an_empty_book() -> None:
    observation, _ = Dream(size=5).reset(seed=0)
    assert not parts(observation, 25)["page"].any() and not parts(observation, 25)["named"].any()


def test_the_life_of_a_dream() -> None:
    """Painted for 3 ticks, looked at for 2, then black again."""
    world = Dream(task="4", size=3, ticks=3, rest=2)
    observation, _ = world.reset(seed=0)
    told = [(parts(observation, 9), 0)]
    for tick in range(6):
        observation, reward, terminated, truncated, info = world.step(some(world, tick))
        assert (reward, terminated, truncated, info["task"]) == (0.0, False, False, 4)
        told.append((parts(observation, 9), info["events"]["dreams"]))
    np.testing.assert_allclose([seen["age"].item() for seen, _ in told], [0, 1 / 3, 2 / 3, 1, 1, 0, 1 / 3], atol=1e-6)
    assert [dreams for _, dreams in told] == [0, 0, 0, 1, 0, 0, 0]
    painted = [np.zeros(9), some(world, 0), some(world, 1), some(world, 2), some(world, 2), np.zeros(9), some(world, 5)]
    for (seen, _), canvas in zip(told, painted, strict=True):
        np.testing.assert_array_equal(seen["canvas"], canvas)
        assert seen["asked"].argmax() == 4 and seen["asked"].sum() == 1 and not seen["drawn"].any()


def test_any_asks_for_every_label_and_for_none_of_a_drawing() -> None:
    world = Dream(size=3, ticks=1, rest=1)
    observation, _ = world.reset(seed=0)
    asked = set()
    for _ in range(200):
        asked.add(int(parts(observation, 9)["asked"].argmax()))
        observation, *_ = world.step(some(world, 0))
    assert asked == {*range(10)}
    world.draw(0.1, 0.9, 0.1, 0.9)
    assert not parts(world.observe()[0], 9)["asked"].any()
    world.switch_task(7)
    seen = parts(world.observe()[0], 9)
    assert seen["asked"].argmax() == 7 and seen["asked"].sum() == 1 and seen["drawn"].any(), "the drawing stays"
    assert world.reset()[1]["task"] == 7 and not parts(world.observe()[0], 9)["drawn"].any()


def test_a_line_is_ink_as_far_as_the_pen_is_wide_and_stays() -> None:
    """Along the middles of the second row: full ink there, 2 (1 - 1 / 1.25) in the rows beside it, nothing beyond."""
    world = Dream(size=8)
    world.reset(seed=0)
    for _ in range(5):
        world.step(some(world, 0))
    world.draw(0.8 * 0.5 / 8, 1 - 1.5 / 8, 0.8 * 7.5 / 8, 1 - 1.5 / 8)  # the canvas is 4/5 of the picture's width
    expected = np.zeros((8, 8))
    expected[:3] = np.array([[0.4], [1.0], [0.4]])
    seen = parts(world.observe()[0], 64)
    np.testing.assert_allclose(seen["canvas"].reshape(8, 8), expected, atol=1e-6)
    assert seen["age"].item() == 0 and np.array_equal(seen["drawn"], seen["canvas"] > 0)
    observation, *_ = world.step(np.ones(64, np.float32))
    np.testing.assert_allclose(
        observation[:64].reshape(8, 8),
        np.where(expected > 0, expected, 1),
        atol=1e-6,
        err_msg="only the rest is painted",
    )
    with pytest.raises(ValueError, match="no line"):
        world.draw(0.1, float("nan"), 0.2, 0.2)


@pytest.mark.parametrize("place", [(0.06, 0.1), (0.4, 0.5), (0.75, 0.95)])
def test_a_line_appears_in_the_picture_where_it_was_drawn(place: tuple[float, float]) -> None:
    world = Dream(size=28, render_mode="rgb_array")
    world.reset(seed=0)
    before = world.render()
    world.draw(*place, *place)
    frame = world.render()
    assert frame is not None and before is not None and frame.shape == (480, 600, 3)
    row, column = int((1 - place[1]) * 480), int(place[0] * 600)
    changed = np.argwhere((frame != before).any(axis=2))
    middle = (changed.min(axis=0) + changed.max(axis=0)) / 2
    np.testing.assert_allclose(middle, [row, column], atol=480 / 28)
    red, _, blue = frame[row - 9 : row + 9, column - 9 : column + 9].reshape(-1, 3).max(axis=0).tolist()
    assert red > 200 and red > blue + 80, "in the pen's colour"


def test_the_picture_shows_the_last_dream() -> None:
    """At the right, below the page, once it is finished; after another one further below."""
    world = Dream(size=2, ticks=1, rest=1, render_mode="rgb_array")
    world.reset(seed=0)
    white = [np.array(corner, np.float32) for corner in ([1, 0, 0, 0], [0, 0, 0, 1])]
    pictures = []
    for painted in white:
        world.step(painted)
        pictures.append(world.render())
        world.step(painted)
    first, second = (np.asarray(picture)[:, 490:, 0].astype(int) for picture in pictures)
    slot = slice(130, 220), slice(250, 340)  # rows of the first and the second dream
    left, right = slice(10, 40), slice(65, 95)
    assert first[slot[0]][:40, left].mean() > 200 and first[slot[0]][50:, right].mean() < 50
    assert second[slot[0]][60:, right].mean() > 200 and second[slot[0]][:30, left].mean() < 50
    assert second[slot[1]][:40, left].mean() > 200


def test_mistakes_are_named() -> None:
    for options, name in (
        ({"task": "10"}, "task"),
        ({"size": 1}, "size"),
        ({"ticks": 0.5}, "ticks"),
        ({"rest": 0}, "rest"),
    ):
        with pytest.raises(ValueError, match=name):
            Dream(**options)  # type: ignore[arg-type]
    world = Dream()
    with pytest.raises(gymnasium.error.ResetNeeded):
        world.step(some(world, 0))
    world.reset(seed=0)
    for action in (np.full(64, 1.5), np.full(64, np.nan), np.zeros(63)):
        with pytest.raises(ValueError, match="action"):
            world.step(action)
    with pytest.raises(ValueError, match="task"):
        world.switch_task(11)
    good = world.get_state()
    for name, bad in (
        ("canvas", good["canvas"] + 2),
        ("ink", good["ink"] * np.nan),
        ("counts", good["counts"] + 2_000),
    ):
        with pytest.raises(ValueError, match=name):
            world.set_state({**good, name: bad})
        with pytest.raises(ValueError, match=name):
            world.set_state({**good, name: good[name][:-1]})


def test_lanes_are_cut_off_and_begin_anew_in_the_same_step() -> None:
    vector = gymnasium.make_vec("agentsim/Dream-v0", num_envs=2, max_episode_steps=3, size=2)
    vector.reset(seed=0)
    cut = [vector.step(vector.action_space.sample()) for _ in range(4)]
    assert [step[3].tolist() for step in cut] == [[False] * 2] * 2 + [[True] * 2, [False] * 2]
    assert (cut[2][0][:, 18] == 0).all() and np.allclose([last[18] for last in cut[2][4]["final_obs"]], 3 / 200)
