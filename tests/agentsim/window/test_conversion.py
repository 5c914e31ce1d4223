"""Whatever a world's render() and a brain's activity() return is drawn as a picture and layers, or named as wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agentsim.window.conversion import layers_of, pixels_of

GREY = np.arange(6, dtype=np.uint8).reshape(2, 3) * 50
RGB = np.repeat(GREY[:, :, None], 3, axis=2)


@pytest.mark.parametrize(
    "picture",
    [
        GREY,
        GREY[:, :, None],
        RGB,
        np.dstack([RGB, np.full((2, 3), 255, np.uint8)]),
        [np.zeros((2, 3, 3), np.uint8), RGB],
        RGB.astype(np.int64),
        (RGB / 255).astype(np.float64),
    ],
)
def test_pictures_of_any_form_are_the_same_picture(picture: Any) -> None:
    found = pixels_of(picture)
    assert found is not None and found.dtype == np.uint8
    assert np.abs(found.astype(int) - RGB).max() <= 1


def test_no_picture_is_none() -> None:
    assert pixels_of(None) is None and pixels_of([]) is None


@pytest.mark.parametrize("picture", ["ansi", np.zeros(3), np.zeros((2, 3, 2)), np.zeros((0, 3, 3)), {"a": 1}])
def test_what_is_no_picture_is_named(picture: Any) -> None:
    with pytest.raises(ValueError, match="a picture is"):
        pixels_of(picture)


def test_layers() -> None:
    found = layers_of({"empty": np.zeros((1, 0)), "two": np.ones((1, 2, 2)), "flat": [[1, 2]]})
    assert {name: layer.shape for name, layer in found.items()} == {"two": (1, 4), "flat": (1, 2)}


@pytest.mark.parametrize("activity", [np.zeros((1, 2)), {"scalar": 1.0}, {"words": "ab"}])
def test_what_is_no_activity_is_named(activity: Any) -> None:
    with pytest.raises(ValueError, match="activity"):
        layers_of(activity)
