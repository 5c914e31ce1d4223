"""Orders: the commands of the timetable, of a script and of a person, each applied before the tick it is meant for."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from agentsim.config.sections import Section
from agentsim.errors import UserError
from agentsim.loop.commands import (
    ChangeBrain,
    Command,
    ResetWorld,
    Script,
    SetLearning,
    StampedCommand,
    SwapBrain,
    SwitchTask,
)

if TYPE_CHECKING:
    from agentsim.loop.simulation import Simulation


AnyCommand = TypeVar("AnyCommand", bound=Section)


class Orders:
    """What a simulation has been told to do and has not done yet. `closed`: why nobody may tell it anything, if so."""

    def __init__(self, task_starts: dict[int, int], script: Script) -> None:
        """`task_starts`: tick -> index of the task that begins there."""
        self._task_starts, self._script = task_starts, script
        self._waiting: deque[Command] = deque()
        self.closed: str | None = None

    def submit(self, simulation: Simulation, command: Command) -> None:
        """Have a command applied before the next tick. Raises UserError if this world or a brain cannot do it, or none
        is taken."""
        if self.closed is not None:
            raise UserError(self.closed)
        match command:
            case SwapBrain() | ChangeBrain():
                simulation.resident.check(command)
            case SetLearning() | ResetWorld():
                pass
            case _:
                simulation.environment.check(command)
        self._waiting.append(command)

    def waiting(self, kind: type[AnyCommand]) -> AnyCommand | None:
        """The last command of a kind that has been given and not yet obeyed."""
        return next((command for command in reversed(self._waiting) if isinstance(command, kind)), None)

    def obey(self, simulation: Simulation) -> None:
        """Apply what is due now: the timetable, the script's commands, then new ones, of which the listeners hear."""
        tick = simulation.tick_index
        if tick in self._task_starts:
            _switch_task(simulation, self._task_starts[tick])
        for command in self._script.commands.get(tick, ()):
            _apply(simulation, command)
        while self._waiting:
            command = self._waiting.popleft()
            for listener in simulation.listeners:
                listener.command(StampedCommand(tick=tick, command=command))
            _apply(simulation, command)


def _apply(simulation: Simulation, command: Command) -> None:
    environment, resident = simulation.environment, simulation.resident
    match command:
        case SwitchTask(task=task):
            _switch_task(simulation, task)
        case SwapBrain() | ChangeBrain():
            try:
                if isinstance(command, SwapBrain):
                    notice = resident.swap(command, simulation.tick_index, simulation.compile)
                else:
                    notice = resident.change(command, simulation.compile)
                simulation.clock.restart()  # it may have compiled something
            except UserError as error:
                notice = f"{resident.name} stays: {error}"
            if notice is not None:
                for listener in simulation.listeners:
                    listener.notice(notice)
        case SetLearning(on=on):
            simulation.learning_steps.on = on
        case ResetWorld():
            environment.reset()
            resident.brain.reset(np.ones(environment.body.lanes, np.bool_))
        case _:
            environment.apply(command)


def _switch_task(simulation: Simulation, task: int) -> None:
    if task != simulation.environment.task:
        simulation.environment.apply(SwitchTask(task=task))
    row = simulation.telemetry.begin_phase(simulation.tick_index, task)
    if row is not None:
        for listener in simulation.listeners:
            listener.metrics(row)
