"""A person's hand in a world: what each command does to it, and whether it can."""

from __future__ import annotations

from typing import Any

import numpy as np

from agentsim.errors import UserError
from agentsim.loop.commands import DragTarget, Draw, Push, SwitchTask, WorldCommand
from worlds.world import Seen, World

_CART_PUSH = 0.5  # m/s added to the cart of CartPole: about three ticks of its own motor

# What a world can have beyond Gymnasium's Env, and the command that needs it.
_METHODS = {
    "switch_task": "tasks to switch",
    "drag_target": "target to drag",
    "draw": "canvas to draw on",
    "push": "thing to push",
}


class Hand:
    """Reaches into one world. The cart of Gymnasium's CartPole can be pushed too, though it does not offer it."""

    def __init__(self, name: str, world: World, unwrapped: Any) -> None:
        from gymnasium.envs.classic_control import CartPoleEnv

        self._name, self._world = name, world
        self._cart = unwrapped if isinstance(unwrapped, CartPoleEnv) else None

    @property
    def can_push(self) -> bool:
        """Whether there is something to push."""
        return self._world.push is not None or self._cart is not None

    def check(self, command: WorldCommand) -> None:
        """Raises UserError if this world cannot do what the command asks."""
        pushable = isinstance(command, Push) and self.can_push
        if getattr(self._world, command.kind) is None and not pushable:
            raise UserError(f"{self._name} has no {_METHODS[command.kind]}")
        tasks = self._world.tasks
        if isinstance(command, SwitchTask) and command.task >= len(tasks):
            raise UserError(f"{self._name} has no task {command.task}; tasks: 0 to {len(tasks) - 1}")

    def do(self, command: WorldCommand) -> None:
        """What a command asks, which is `check`ed."""
        world: Any = self._world
        match command:
            case SwitchTask(task=task):
                world.switch_task(task)
            case DragTarget(x=x, y=y):
                world.drag_target(x, y)
            case Draw(x=x, y=y, to_x=to_x, to_y=to_y):
                world.draw(x, y, to_x, to_y)
            case Push(direction=direction) if self._cart is not None:
                state = np.array(self._cart.state, np.float64)
                state[1] += _CART_PUSH * direction
                self._cart.state = state
            case Push(direction=direction):
                world.push(direction)

    def look(self) -> Seen | None:
        """What there is to sense afterwards, as observation and info; None if the world cannot say."""
        if self._world.observe is not None:
            return self._world.observe()
        return None if self._cart is None else (self._cart.state, {})
