"""A person before the window, and what they did."""

from __future__ import annotations

from typing import Any

import pygame

from agentsim.loop.simulation import Simulation
from agentsim.runs.directory import COMMANDS, StampedCommand, read_lines
from agentsim.window.app import App
from agentsim.window.frames import SECOND

PHASES = [{"task": "chase", "seconds": 0.5}, {"task": "avoid", "seconds": 1}]


def key(code: int, typed: str = "") -> pygame.event.Event:
    return pygame.event.Event(pygame.KEYDOWN, key=code, unicode=typed, mod=0)


class Person(App):
    """An App before which somebody sits who does one thing after another, each after a turn of the loop, then quits."""

    def __init__(self, simulation: Simulation, *actions: Any, size: tuple[int, int] = (960, 640)) -> None:
        super().__init__(simulation, size)
        self.actions = iter([*actions, key(pygame.K_q)])

    def _turn(self, until: int | None) -> None:
        action = next(self.actions, None)
        if callable(action):
            action()
        elif action is not None:
            pygame.event.post(action)
            if action.type == pygame.KEYDOWN:
                pygame.event.post(pygame.event.Event(pygame.KEYUP, key=action.key, mod=0))
        self._polled = -SECOND
        super()._turn(until)


def recorded(simulation: Simulation) -> list[tuple[int, Any]]:
    assert simulation.run_directory is not None
    lines = read_lines(simulation.run_directory / COMMANDS, StampedCommand)
    return [(line.tick, line.command) for line in lines]
