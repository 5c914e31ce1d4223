"""The Brain protocol: what a brain is to the rest of agentsim, and nothing else.

A brain is handed a `Body` (what it can sense and do) and a `numpy.random.SeedSequence` (its only source of chance).
Every array has a leading lane axis N; N = 1 in the window. A brain never sees wall time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
State = dict[str, NDArray[Any]]  # flat, so that it can be saved without pickle: "name" or "part.name" -> array

NO_LABEL = -1  # teacher_action of a discrete lane whose teacher is silent on this tick; NaN in a continuous one


@dataclass(frozen=True)
class Body:
    """What a brain can sense and do.

    `actions` counts the choices of a discrete body, and the dimensions of a continuous one, whose bounds are
    `low` and `high`, each (actions,). `teacher` says whether the world ever names the right action; `oracle`, where the
    world has one, answers observations (M, observation_size) with the right actions, and is for controls only.
    """

    observation_size: int
    actions: int
    discrete: bool = True
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    teacher: bool = False
    lanes: int = 1
    oracle: Callable[[Float], NDArray[Any]] | None = None


@dataclass(slots=True)
class Experience:
    """One tick as the brain lived it; the arrays are only valid until the next tick, copy what is kept.

    observation, next_observation: (N, observation_size) float32; action: (N,) int64 or (N, actions) float32;
    reward: (N,) float32; terminated, truncated: (N,) bool. Where a lane terminated or was truncated,
    `next_observation` is the final one of the old episode. `teacher_action`: the right answer to `observation`,
    shaped like action, NO_LABEL (NaN) where the teacher is silent; None where the world has none.
    """

    observation: Float
    action: NDArray[Any]
    reward: Float
    next_observation: Float
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    teacher_action: NDArray[Any] | None = None


@dataclass(slots=True)
class Learning:
    """What a learning step changed and what it cost: loss before the update, updates applied, roll-backs after
    a non-finite value, and whatever else is worth plotting (name -> number)."""

    loss: float = 0.0
    updates: int = 0
    rollbacks: int = 0
    extra: dict[str, float] = field(default_factory=dict)


class Brain(Protocol):
    """A learner that acts once a tick. `latency` is the ticks from an observation to the first action that can
    depend on it (0: the same tick); holding an observation for `settling_ticks` ticks from fresh state gives the
    brain's final word on it (1: at once)."""

    latency: int
    settling_ticks: int

    def warm_up(self) -> None:
        """Compile and touch everything that the first tick would otherwise wait for; changes no state."""

    def reset(self, lanes: NDArray[np.bool_]) -> None:
        """Forget the activity of the lanes that are True in the mask (N,); keep what was learned."""

    def act(self, observation: Float) -> NDArray[Any]:
        """One tick: (N, observation_size) -> (N,) int64 in [0, actions), or (N, actions) float32 within bounds."""

    def learn(self, experience: Experience) -> Learning:
        """Take in one tick's experience and make the first learning step of the tick."""

    def rehearse(self) -> Learning:
        """One more learning step without a new experience (replay, dreaming); `updates` 0 where there is none."""

    def state_dict(self) -> State:
        """Everything that resuming exactly needs, as arrays that nothing changes later (copies)."""

    def load_state_dict(self, state: State) -> None:
        """Inverse of state_dict. Raises ValueError, naming the entry, if a name, shape or dtype does not fit."""

    def activity(self) -> dict[str, NDArray[Any]]:
        """What the window draws, read-only, one entry a layer in order, each (N, units)."""

    def frozen_copy(self, lanes: int | None = None) -> Brain:
        """A brain with the same knowledge that acts greedily and never learns, with fresh activity. With `lanes`,
        that many lanes sharing lane 0's knowledge: what a probe asks."""
