"""The learning steps of a tick: a fixed number, or as many as fit before the deadline."""

from __future__ import annotations

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
        self._config, self._clock, self._recorded, self._listeners = config, clock, recorded, listeners
        self._cost = 0  # ns, of a rehearsal: the highest lately

    def make(self, tick: int, brain: Brain, experience: Experience) -> Learning:
        """What the steps of a tick come to together. With slack learning the listeners hear how many they were."""
        config = self._config
        learning, steps = Learning(), 0
        planned = self._recorded.get(tick) if config.slack else config.steps_per_tick  # None: as many as fit
        if self.on and planned != 0:
            learning, steps = self._learn(brain, experience, planned)
        if config.slack:
            for listener in self._listeners:
                listener.learned(tick, steps)
        return learning

    def _learn(self, brain: Brain, experience: Experience, planned: int | None) -> tuple[Learning, int]:
        first, steps = brain.learn(experience), 1
        updates, rollbacks = first.updates, first.rollbacks
        while steps < planned if planned is not None else self._another_fits():
            before = self._clock.source.now()
            more = brain.rehearse()
            self._cost = max(self._clock.source.now() - before, self._cost * 15 // 16)
            steps += 1
            updates += more.updates
            rollbacks += more.rollbacks
            if not more.updates:
                break
        return Learning(first.loss, updates, rollbacks, first.extra), steps

    def _another_fits(self) -> bool:
        return self._clock.slack() > int(self._clock.period * self._config.slack_margin) + 2 * self._cost
