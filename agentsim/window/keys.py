"""Which key does what: one table that the window obeys and that `h` shows."""

from __future__ import annotations

from dataclasses import dataclass

import pygame


@dataclass(frozen=True)
class Key:
    """A key as the person knows it, what it does, and the method of Controls that does it, with its argument."""

    label: str
    what: str
    action: str = ""
    codes: tuple[tuple[int, int], ...] = ()  # (pygame's key code, argument of the action)


def _both(first: int, second: int, *more: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """The usual pair: back and forward."""
    return ((first, -1), (second, 1), *more)


KEYS = (
    Key("space", "pause, go on", "pause", ((pygame.K_SPACE, 0), (pygame.K_PAUSE, 0))),
    Key(".", "one tick, then pause", "step", ((pygame.K_PERIOD, 0), (pygame.K_KP_PERIOD, 0))),
    Key(
        "+  -",
        "faster, slower: 1/16 to 16 times real time",
        "speed",
        _both(
            pygame.K_MINUS,
            pygame.K_PLUS,
            (pygame.K_EQUALS, 1),
            (pygame.K_KP_PLUS, 1),
            (pygame.K_KP_MINUS, -1),
        ),
    ),
    Key("m", "as fast as it goes, and back", "flat_out", ((pygame.K_m, 0),)),
    Key("t", "next task", "switch_task", ((pygame.K_t, 0),)),
    Key("[  ]", "swap the brain while the world goes on", "swap", _both(pygame.K_LEFTBRACKET, pygame.K_RIGHTBRACKET)),
    Key("1 … 9", "pick a brain from the list", "digit"),
    Key(
        "0 … 9",
        "what to dream of; the same again: anything",
        "digit",
        tuple((getattr(pygame, f"K_{pad}{n}"), n) for n in range(10) for pad in ("", "KP")),
    ),
    Key("tab", "all brains: arrows, then enter", "toggle_menu", ((pygame.K_TAB, 0),)),
    Key("n", "the present brain, from nothing", "renew", ((pygame.K_n, 0),)),
    Key("u", "next learning rule; what was learned stays", "change_rule", ((pygame.K_u, 0),)),
    Key("<  >", "half, twice the learning rate", "change_rate"),
    Key("b", "save the brain as a file", "save_brain", ((pygame.K_b, 0),)),
    Key("a", "whose brain to swap, of several", "next_agent", ((pygame.K_a, 0),)),
    Key("l", "learning on, off", "learning", ((pygame.K_l, 0),)),
    Key("s", "save a checkpoint", "save", ((pygame.K_s, 0),)),
    Key("r", "reset the world; what was learned stays", "reset", ((pygame.K_r, 0),)),
    Key("v", "record a video, end it", "record", ((pygame.K_v, 0),)),
    Key("mouse", "drag the target"),
    Key("pen", "draw with the mouse; r wipes it"),
    Key("←  →", "push the cart", "push", _both(pygame.K_LEFT, pygame.K_RIGHT)),
    Key("w", "curves: everything, the last minute, 10 s", "next_span", ((pygame.K_w, 0),)),
    Key("f", "full screen, and back", "full_screen", ((pygame.K_f, 0), (pygame.K_F11, 0))),
    Key("esc", "close what is open, leave full screen", "escape", ((pygame.K_ESCAPE, 0),)),
    Key("h", "show or hide this list", "toggle_help", ((pygame.K_h, 0), (pygame.K_F1, 0))),
    Key("q", "save and quit", "quit", ((pygame.K_q, 0),)),
)

ACTIONS = {code: (key.action, argument) for key in KEYS for code, argument in key.codes}
# while a list is open: what these keys do instead
IN_A_LIST = {
    pygame.K_UP: ("move", -1),
    pygame.K_DOWN: ("move", 1),
    pygame.K_PAGEUP: ("move", -10),
    pygame.K_PAGEDOWN: ("move", 10),
    pygame.K_HOME: ("move", -1000),
    pygame.K_END: ("move", 1000),
    pygame.K_RETURN: ("choose", 0),
    pygame.K_KP_ENTER: ("choose", 0),
}
REPEATING = {"step", "move", "push", "speed"}  # actions that a key does again while it is held down
CHARACTERS = {
    "+": ("speed", 1),
    "-": ("speed", -1),
    "[": ("swap", -1),
    "]": ("swap", 1),
    "<": ("change_rate", -1),
    ">": ("change_rate", 1),
    ".": ("step", 0),
}


def action_of(event: pygame.event.Event, in_a_list: bool = False) -> tuple[str, int] | None:
    """(action, argument) of a key press: by what it types, whatever the keyboard, else by the key itself."""
    if in_a_list and event.key in IN_A_LIST:
        return IN_A_LIST[event.key]
    if event.mod & (pygame.KMOD_CTRL | pygame.KMOD_META):
        return None
    typed = CHARACTERS.get(getattr(event, "unicode", ""))
    return typed or (None if event.mod & pygame.KMOD_ALT else ACTIONS.get(event.key))
