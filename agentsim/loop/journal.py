"""The journal of an episode: by it a world that cannot tell its state is brought back to it from the episode's seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from agentsim.loop.commands import StampedCommand, WorldCommand
from brains.brain import State

_COMMANDS = TypeAdapter(list[StampedCommand])


class Journal:
    """The actions of the present episode, one a step, and a person's commands, stamped with the steps before them."""

    def __init__(self, idle: NDArray[np.generic]) -> None:
        """`idle`: an action, for its shape and type; a choice is kept in two bytes, as an episode may be a day."""
        kept = idle.astype(np.uint16) if idle.dtype.kind == "i" else idle
        self._actions = np.repeat(kept[None], 64, axis=0)
        self._commands: list[StampedCommand] = []

    def begin(self) -> None:
        """Another episode begins."""
        self._commands.clear()

    def act(self, step: int, action: NDArray[np.generic]) -> None:
        """The action of a step; steps come in order."""
        if step == len(self._actions):
            self._actions = np.concatenate([self._actions, np.zeros_like(self._actions)])
        self._actions[step] = action

    def command(self, step: int, command: WorldCommand) -> None:
        """A command before a step."""
        self._commands.append(StampedCommand(tick=step, command=command))

    def state(self, length: int) -> State:
        """The journal of an episode of `length` steps."""
        return {
            "journal.actions": self._actions[:length].copy(),
            "journal.commands": np.frombuffer(_COMMANDS.dump_json(self._commands), np.uint8),
        }

    def read(self, state: State, length: int) -> tuple[NDArray[np.generic], Mapping[int, list[WorldCommand]]]:
        """The actions (length, *action) and commands, by step, of a `state`. Raises ValueError if it does not fit."""
        actions = state.get("journal.actions")
        if actions is None or actions.shape != (length, *self._actions.shape[1:]) or actions.dtype.kind not in "iuf":
            raise ValueError(f"journal.actions: expected the {length} actions of the present episode")
        commands = defaultdict(list)
        for stamped in _COMMANDS.validate_json(state.get("journal.commands", np.zeros(0, np.uint8)).tobytes()):
            if isinstance(stamped.command, WorldCommand):
                commands[stamped.tick].append(stamped.command)
        return actions, commands
