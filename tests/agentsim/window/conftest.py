"""The window's tests run on SDL's dummy driver, and leave no display open."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pygame
import pytest

os.environ["SDL_VIDEODRIVER"] = "dummy"


@pytest.fixture(autouse=True)
def no_display_left() -> Iterator[None]:
    yield
    pygame.display.quit()
