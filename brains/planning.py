"""Planners with a perfect simulator: what a brain that learns in shadows of its world must be compared with.

Sequences of actions are tried in shadows that stand where the world is, and the first action of the best one is taken:
every sequence of one tick is one-step look-ahead, a few random ones of many ticks are random shooting.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from brains.brain import Body, Float, State
from brains.controls import Control

MOST = 4_096  # sequences at once


class PlanningConfig(BaseModel):
    """A planner that has its world as a simulator, and learns nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    kind: Literal["planning"] = "planning"
    """A planner in shadows of its world."""
    horizon: Annotated[int, Field(ge=1, le=1_000)] = 1
    """Ticks of a sequence."""
    sequences: Annotated[int, Field(ge=1, le=MOST)] | None = None
    """Sequences of random actions that are tried at every tick; null: every one that there is."""


class Foresight(Protocol):
    """Copies of a world beside it, see `worlds.shadows`."""

    def foresee(self, plans: NDArray[np.int64], generator: np.random.Generator) -> tuple[Float, Float]:
        """Rewards (ticks, count) and observations (ticks, count, observation_size) of actions (ticks, count) from where
        the world is now, with chance of their own."""


class PlanningBrain(Control):
    """Takes the first action of the sequence that earns the most in one future, drawn anew at every tick, in which the
    world goes on from its true state, unseen parts included, but not with its own chance. Of equals the first one.

    Raises ValueError where the world has no shadows, and for more sequences than MOST.
    """

    Config = PlanningConfig
    lives_in_shadows = True
    probed = False  # it would answer for where the world is, whatever it is asked

    def __init__(self, config: PlanningConfig, body: Body, seed: np.random.SeedSequence) -> None:
        if body.shadows is None:
            raise ValueError("kind: planning tries actions in shadows of its world, and this world has none")
        count = config.sequences or body.actions**config.horizon
        if count > MOST:
            raise ValueError(f"horizon: there are more than {MOST:,} sequences of so many ticks; give `sequences`")
        super().__init__(config, body, seed)
        self.shadows: Foresight = body.shadows(count)
        self.count = count
        self.steps = np.zeros(1, np.int64)  # of the simulator
        self.imagined = np.zeros((body.lanes, config.horizon, body.observation_size), np.float32)

    def _plans(self) -> NDArray[np.int64]:
        """(horizon, sequences)."""
        actions, horizon = self.body.actions, self.config.horizon
        if self.config.sequences is None:
            return np.indices((actions,) * horizon).reshape(horizon, -1)
        return self.generator.integers(actions, size=(horizon, self.count))

    def act(self, observation: Float) -> NDArray[Any]:
        """(N, obs) -> (N,) int64, the same in every lane; what is observed says nothing that the world does not."""
        plans = self._plans()
        rewards, seen = self.shadows.foresee(plans, self.generator)
        best = int(rewards.sum(0, dtype=np.float64).argmax())
        self.steps += plans.size
        self.imagined[:] = seen[:, best]
        return self.show(np.full(len(observation), plans[0, best]))

    def imagines(self) -> Float:
        """What the best sequence leads to, (N, horizon, observation_size)."""
        return self.imagined

    def figures(self) -> dict[str, float]:
        """Steps of the simulator."""
        return {"simulated": float(self.steps[0])}

    def arrays(self) -> State:
        """Chance, and what was counted and imagined; shadows begin anew at every tick."""
        return {**super().arrays(), "steps": self.steps, "imagined": self.imagined}
