"""What a person does to a running simulation: each command takes effect at the start of a tick, and is stamped with it.

A run is a function of its config, its seed, these stamped commands and, where slack learning is on, the number of
learning steps of each tick. Pausing and speed are not commands: they decide when a tick runs, not what it computes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat, NonNegativeInt

from agentsim.config.sections import Section


class SwitchTask(Section):
    """Give the world another task, by index into its `tasks`."""

    kind: Literal["switch_task"] = "switch_task"
    task: NonNegativeInt


class DragTarget(Section):
    """Put the world's target at a place, in world coordinates."""

    kind: Literal["drag_target"] = "drag_target"
    x: FiniteFloat
    y: FiniteFloat


class Draw(Section):
    """Draw a line on the world's canvas, in shares of its picture from the lower left corner."""

    kind: Literal["draw"] = "draw"
    x: FiniteFloat
    y: FiniteFloat
    to_x: FiniteFloat
    to_y: FiniteFloat


class Push(Section):
    """Push what the world has to push, left (-1) or right (+1)."""

    kind: Literal["push"] = "push"
    direction: Literal[-1, 1]


class SwapBrain(Section):
    """Put another brain in the body, as its resolved config {kind, ...}; the world goes on. One that has lived here
    before comes back as it was, unless a `fresh` one is wanted; any other starts from nothing.

    Of several brains only the one called `whose` is swapped; None: all of them make room for this one."""

    kind: Literal["swap_brain"] = "swap_brain"
    name: str
    config: dict[str, Any]
    whose: str | None = None
    fresh: bool = False


class ChangeBrain(Section):
    """Change settings of the living brain, such as its rule or its rate; what it has learned stays. `whose`: of
    several."""

    kind: Literal["change_brain"] = "change_brain"
    changes: dict[str, Any]
    whose: str | None = None


class SetLearning(Section):
    """Switch learning on or off."""

    kind: Literal["set_learning"] = "set_learning"
    on: bool


class ResetWorld(Section):
    """Begin the next episode now; the brain forgets its activity and keeps what it learned."""

    kind: Literal["reset_world"] = "reset_world"


WorldCommand = SwitchTask | DragTarget | Draw | Push
Command = Annotated[WorldCommand | SwapBrain | ChangeBrain | SetLearning | ResetWorld, Field(discriminator="kind")]


class StampedCommand(Section):
    """A command and the tick before whose sensing it takes effect: a line of commands.jsonl."""

    tick: NonNegativeInt
    command: Command


@dataclass(frozen=True)
class Script:
    """What a run is told beforehand: a recording of another one. Nothing at all, of a new run."""

    commands: Mapping[int, Sequence[Command]] = field(default_factory=dict)  # tick -> in order
    learning_steps: Mapping[int, int] = field(default_factory=dict)  # tick -> how many, where the slack decided
