"""Any Gymnasium space becomes a row of numbers, held by Gymnasium's own flatten, and any finite choice a body."""

from __future__ import annotations

from itertools import product
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.spaces import utils
from hypothesis import given
from hypothesis import strategies as st

from agentsim.errors import UserError
from agentsim.loop.spaces import MOST_CHOICES, body_of, choice_of, choices_of, mask_of, native_of, senses_of

leaf = st.sampled_from(
    [
        spaces.Box(-1, 1, (3,), np.float32),
        spaces.Box(-5, 5, (2, 3), np.float64),
        spaces.Box(-3, 9, (2,), np.int32),
        spaces.Box(0.0, np.inf, (), np.float32),
        spaces.Discrete(4),
        spaces.Discrete(3, start=-1),
        spaces.MultiDiscrete([2, 3]),
        spaces.MultiDiscrete([[2, 3], [4, 2]]),
        spaces.MultiBinary(5),
        spaces.MultiBinary((2, 2)),
    ]
)
nested = st.recursive(
    leaf,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(spaces.Tuple)
        | st.dictionaries(st.sampled_from("abcd"), inner, min_size=1, max_size=3).map(spaces.Dict)
    ),
    max_leaves=5,
)


@given(nested, st.integers(0, 2**31 - 1))
def test_a_row_is_what_gymnasium_flattens_it_to(space: gymnasium.Space[Any], seed: int) -> None:
    space.seed(seed)
    value = space.sample()
    _, size, write = senses_of("world", space, ())
    row = np.full(size, np.nan, np.float32)
    write(row, value)
    assert size == utils.flatdim(space)
    assert np.array_equal(row, np.asarray(utils.flatten(space, value), np.float32))


def test_an_image_is_a_share_of_255() -> None:
    _, size, write = senses_of("world", spaces.Dict(eye=spaces.Box(0, 255, (2, 2, 3), np.uint8)), ())
    row = np.zeros(size, np.float32)
    write(row, {"eye": np.arange(12, dtype=np.uint8).reshape(2, 2, 3) * 23})
    assert row == pytest.approx(np.arange(12) * 23 / 255, abs=1e-7)


@pytest.mark.parametrize(
    ("space", "value"),
    [
        (spaces.Box(-1, 1, (3,), np.float32), np.zeros(1)),
        (spaces.Box(-1, 1, (2, 2), np.float32), np.zeros(4)),
        (spaces.Discrete(3), 3),
        (spaces.MultiBinary(2), [1, 2]),
        (spaces.MultiDiscrete([2, 2]), [0, 2]),
        (spaces.Dict(a=spaces.Discrete(2)), {"b": 0}),
        (spaces.Tuple([spaces.Discrete(2)]), ()),
        (spaces.Dict(a=spaces.Discrete(2)), None),
    ],
)
def test_what_is_not_in_the_space_is_refused(space: gymnasium.Space[Any], value: Any) -> None:
    _, size, write = senses_of("world", space, ())
    with pytest.raises(ValueError, match="world returned an observation"):
        write(np.zeros(size, np.float32), value)


@pytest.mark.parametrize(
    "space",
    [
        spaces.Text(5),
        spaces.Sequence(spaces.Discrete(2)),
        spaces.Graph(spaces.Box(-1, 1, (2,)), None),
        spaces.Dict(a=spaces.Discrete(2), mission=spaces.Text(4)),
    ],
)
def test_what_has_no_fixed_size_is_refused_with_the_remedy(space: gymnasium.Space[Any]) -> None:
    with pytest.raises(UserError, match=r"world: its observation space .* a wrapper: world: "):
        senses_of("world", space, ())


@pytest.mark.parametrize(
    "space",
    [spaces.MultiDiscrete([2, 3, 4]), spaces.MultiDiscrete([2, 3], start=[-1, 5]), spaces.MultiBinary((2, 2))],
)
def test_combined_actions_are_all_there_each_once(space: Any) -> None:
    """Against the product of the ranges, in order; and back."""
    body = body_of("world", space, (), 1, None)
    native = native_of(space, body)
    found = [native(np.array([choice])) for choice in range(body.actions)]
    assert all(space.contains(action) for action in found)
    choices, start = choices_of(space), np.asarray(getattr(space, "start", 0)).ravel()
    assert choices is not None
    assert [tuple(action.ravel() - start) for action in found] == [*product(*map(range, choices))]
    assert [choice_of(space, action) for action in found] == [*range(body.actions)]


@pytest.mark.parametrize(
    "space",
    [
        spaces.MultiBinary(13),
        spaces.MultiDiscrete([MOST_CHOICES + 1]),
        spaces.MultiBinary(2000),
        spaces.Box(-np.inf, np.inf, (2,)),
        spaces.Text(3),
        spaces.Tuple([spaces.Discrete(2)]),
    ],
)
def test_actions_that_no_brain_can_choose_are_refused_with_the_remedy(space: gymnasium.Space[Any]) -> None:
    with pytest.raises(UserError, match="wrappers: "):
        body_of("world", space, (), 1, None)


def test_masks() -> None:
    """A joint mask allows what every part of it allows."""
    space = spaces.MultiDiscrete([2, 3])
    body = body_of("world", space, (), 1, None)
    mask = mask_of("world", space, body, (np.array([1, 0]), np.array([0, 1, 1])))
    assert mask.tolist() == [False, True, True, False, False, False]
    assert mask_of("world", space, body, np.array([0, 0, 0, 0, 0, 1])).tolist() == [False] * 5 + [True]
    for wrong in (np.zeros(6), np.ones(5), (np.array([0, 0]), np.array([1, 1, 1]))):
        with pytest.raises(ValueError, match="action_mask"):
            mask_of("world", space, body, wrong)
