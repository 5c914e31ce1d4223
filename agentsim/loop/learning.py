"""The learning steps of a tick: a fixed number, or as many as fit before the deadline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from agentsim.config.sections import LearnConfig
from agentsim.errors import UserError
from agentsim.loop.clock import Clock
from agentsim.loop.listener import Listener
from brains.brain import Brain, Experience, Learning


class LearningSteps:
    """Makes the learning steps. The first one of a tick is on its experience, the others are rehearsals.

    `on`: whether the brain learns.
    """

    def __init__(
        self, config: LearnConfig, clock: Clock, recorded: Mapping[int, int], listeners: Sequence[Listener]
    ) -> None:
        """`recorded`: with slack learning, tick -> how many steps, of ticks that are done again.

        Raises UserError where the slack would decide and there is none.
        """
        if config.slack and clock.pacing == "none":
            raise UserError("learn.slack: flat out (clock.pacing: none) there is no slack; use learn.steps_per_tick")
        self.on = config.slack or config.steps_per_tick > 0
        self._slack, self._fixed, self._margin = config.slack, config.steps_per_tick, config.slack_margin
        self._clock, self._recorded, self._listeners = clock, recorded, listeners
        self._cost = 0  # ns, of a rehearsal: the highest lately

    def make(self, tick: int, brain: Brain, experience: Experience) -> Learning:
        """What the steps of a tick come to together. With slack learning the listeners hear how many they were."""
        planned = self._recorded.get(tick) if self._slack else self._fixed  # None: as many as fit
        if not self.on or planned == 0:
            learning, steps = Learning(), 0
        else:
            learning, steps = brain.learn(experience), 1
            if planned != 1:
                learning, steps = self._rehearse(brain, learning, planned)
        if self._slack:
            for listener in self._listeners:
                listener.learned(tick, steps)
        return _checked(learning)

    def _rehearse(self, brain: Brain, first: Learning, planned: int | None) -> tuple[Learning, int]:
        """The other steps, together with the first; and how many they all are."""
        updates, rollbacks, steps = first.updates, first.rollbacks, 1
        while steps < planned if planned is not None else self._another_fits():
            before = self._clock.source.now()
            more = brain.rehearse()
            self._cost = max(self._clock.source.now() - before, self._cost * 15 // 16)
            steps += 1
            updates += more.updates
            rollbacks += more.rollbacks
            if not (more.updates or more.extra):  # nothing came of it, and nothing was looked at
                break
        return Learning(first.loss, updates, rollbacks, first.extra), steps

    def _another_fits(self) -> bool:
        return self._clock.slack() > int(self._clock.period * self._margin) + 2 * self._cost


def _checked(learning: Learning) -> Learning:
    """The figures of a tick's learning, without those that are no numbers: nobody could read them again. Raises
    ValueError for counts that are none."""
    if learning.updates < 0 or learning.rollbacks < 0:
        raise ValueError(f"learn() returned {learning.updates} updates and {learning.rollbacks} rollbacks")
    if not math.isfinite(learning.loss):
        learning.loss = 0.0
    if learning.extra and not all(map(math.isfinite, learning.extra.values())):
        learning.extra = {name: value for name, value in learning.extra.items() if math.isfinite(value)}
    return learning
