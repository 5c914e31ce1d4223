"""Whether there is a display to open a window on. Importing this module imports no pygame."""

from __future__ import annotations

import os
import sys

DISPLAY_VARIABLES = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")


def display_problem() -> str | None:
    """Why no window can be opened here, or None if it can."""
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in DISPLAY_VARIABLES):
        return "neither DISPLAY nor WAYLAND_DISPLAY is set"
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        import pygame

        pygame.display.init()
        pygame.display.quit()
    except Exception as error:  # pygame.error, or whatever a broken installation raises
        return f"pygame cannot open a display: {error}"
    return None


def pygame_version() -> str:
    """The versions of pygame and of SDL. Raises whatever a broken installation raises."""
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    import pygame

    return f"{pygame.version.ver}, SDL {'.'.join(map(str, pygame.get_sdl_version()))}"
