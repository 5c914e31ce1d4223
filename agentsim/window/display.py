"""The display: whether there is one, and a window on it. Importing this module imports no pygame."""

from __future__ import annotations

import contextlib
import os
import sys

from agentsim.errors import UserError

DISPLAY_VARIABLES = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")

BLIND = ("offscreen", "dummy")  # SDL's drivers that draw and show nothing; it falls back to them of its own accord


def display_problem() -> str | None:
    """Why no window can be opened here, or None if it can, or is open."""
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in DISPLAY_VARIABLES):
        return "neither DISPLAY nor WAYLAND_DISPLAY is set"
    try:
        import pygame

        if not pygame.display.get_init():
            pygame.display.init()
            driver = pygame.display.get_driver()
            pygame.display.quit()
            if driver in BLIND and driver not in os.environ.get("SDL_VIDEODRIVER", ""):
                return f"no display answers at {_asked()}: only SDL's {driver} driver does, which shows nothing"
    except Exception as error:  # pygame.error, or whatever a broken installation raises
        return f"pygame cannot open a display: {error}"
    return None


def _asked() -> str:
    """Which display the environment asks for."""
    return " ".join(f"{name}={os.environ[name]}" for name in DISPLAY_VARIABLES if os.environ.get(name))


def no_window() -> None:
    """There will be no window: worlds that draw themselves need not look for a display, and complain of it."""
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")


def open_window(size: tuple[int, int] | None = None) -> None:
    """An empty window, 1280 x 800 or what fits the screen, unless one is open; with a `size`, one of that size.

    Raises UserError where it cannot be opened.
    """
    import pygame

    if size is None and pygame.display.get_surface() is not None:
        return
    try:
        pygame.display.init()
        pygame.font.init()
        if size is None:
            screen = pygame.display.get_desktop_sizes()[0]
            size = min(1280, int(screen[0] * 0.95)), min(800, int(screen[1] * 0.9))
        pygame.display.set_mode(size, pygame.RESIZABLE)
        pygame.display.set_caption("agentsim: starting")
        pygame.display.flip()
        pygame.event.pump()
    except pygame.error as error:
        raise UserError(f"no window: {error}; use --headless") from error


def starting(done: int, total: int) -> None:
    """What the window shows and obeys while the simulation is being built. Raises KeyboardInterrupt when closed."""
    import pygame

    from agentsim.window.canvas import GROUND, Canvas

    surface = pygame.display.get_surface()
    surface.fill(GROUND)
    Canvas(surface, 1.0).text(f"compiling {done} of {total}", surface.get_rect().center, size=14, anchor="center")
    pygame.display.flip()
    for event in pygame.event.get((pygame.QUIT, pygame.KEYDOWN)):
        if event.type == pygame.QUIT or event.key == pygame.K_q:
            raise KeyboardInterrupt


def pygame_version() -> str:
    """The versions of pygame and of SDL. Raises whatever a broken installation raises."""
    import pygame

    return f"{pygame.version.ver}, SDL {'.'.join(map(str, pygame.get_sdl_version()))}"


_window_size: list[tuple[int, int]] = []  # of the window that a full screen took the place of


def is_full_screen() -> bool:
    """Whether the window takes the whole screen."""
    return bool(_window_size)


def full_screen(wanted: bool) -> None:
    """Let the window take the whole screen, or give it back the size it had. Nothing happens where SDL refuses."""
    import pygame

    with contextlib.suppress(pygame.error):
        if wanted and not _window_size:
            size = pygame.display.get_surface().get_size()
            pygame.display.set_mode((0, 0), pygame.FULLSCREEN)
            _window_size.append(size)
        elif not wanted and _window_size:
            pygame.display.set_mode(_window_size.pop(), pygame.RESIZABLE)
