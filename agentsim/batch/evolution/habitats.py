"""Where members of a control mode live: many at once, in a compiled world, and one in the environment itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

import gymnasium
import numpy as np
from numpy.typing import NDArray

from agentsim.batch.evolution.settings import ArenaConfig, ControlConfig
from agentsim.loop.telemetry import SCORE_TICKS
from brains.brain import Float
from brains.evolution.rollout import Lives, Policies, live, outputs
from worlds.chase_avoid import ChaseAvoid
from worlds.classic_control import ClassicLanes
from worlds.kernels.layout import CATCHES, TASK, TOUCHES
from worlds.lanes import TASKS, Lanes

Keys = NDArray[np.uint64]
TICKS = 600  # of a life in the arena that is measured
EVENTS = {"chase": CATCHES, "avoid": TOUCHES}


class Habitat(Protocol):
    """A world by what members see and can do in it."""

    observations: int
    actions: int

    def live(self, sizes: Sequence[int], members: Float, keys: Keys) -> Lives:
        """Every member (members, parameters) lives an episode from each of its keys (members, episodes)."""
        ...

    def measured(self, sizes: Sequence[int], members: Float, keys: Keys) -> Float:
        """What such lives come to in the mode's measure, (members, episodes)."""
        ...

    def tested(self, parts: Sequence[Any], keys: Keys) -> list[float]:
        """The same of one policy, given as weights and biases in turn, in the environment itself, from each key."""
        ...


class Classic:
    """One of Gymnasium's classic control worlds; its measure is the return."""

    def __init__(self, environment: str) -> None:
        self.lanes = ClassicLanes(environment)
        self.environment = environment
        self.observations, self.actions = self.lanes.world.observations, self.lanes.world.actions

    def live(self, sizes: Sequence[int], members: Float, keys: Keys) -> Lives:
        """Every member (members, parameters) lives an episode from each of its keys (members, episodes)."""
        return live(self.lanes, sizes, members, keys)

    def measured(self, sizes: Sequence[int], members: Float, keys: Keys) -> Float:
        """Returns (members, episodes)."""
        return self.live(sizes, members, keys).returns

    def tested(self, parts: Sequence[Any], keys: Keys) -> list[float]:
        """Returns in Gymnasium's own environment."""
        env, found = gymnasium.make(self.environment), []
        for key in keys:
            seen, _ = env.reset(seed=int(key >> np.uint64(33)))
            earned, over = 0.0, False
            while not over:
                seen, reward, terminated, truncated, _ = env.step(chosen(parts, seen))
                earned, over = earned + float(reward), terminated or truncated
            found.append(earned)
        env.close()
        return found


class Arena:
    """The chase / avoid arena: an episode is one task's, chase in the first, third, ... of a member, avoid in the
    others. Its measure is the task's score in TICKS ticks: 0 for the better of random and constant actions, 1 for the
    oracle."""

    observations, actions = 8, 4

    def __init__(self, ticks: int) -> None:
        self.ticks = ticks  # of an episode that is not measured

    def live(self, sizes: Sequence[int], members: Float, keys: Keys) -> Lives:
        """Every member (members, parameters) lives an episode from each of its keys (members, episodes)."""
        earned, _ = self._lived(sizes, members, keys, self.ticks)
        return Lives(earned, np.full(keys.shape, self.ticks))

    def measured(self, sizes: Sequence[int], members: Float, keys: Keys) -> Float:
        """Scores (members, episodes)."""
        _, events = self._lived(sizes, members, keys, TICKS)
        return np.stack([score(TASKS[k % 2], events[:, k]) for k in range(keys.shape[1])], axis=1)

    def _lived(self, sizes: Sequence[int], members: Float, keys: Keys, ticks: int) -> tuple[Float, Float]:
        """Rewards, shaping and all, and events that count in the task, (members, episodes) each."""
        lanes, policies = lanes_of(keys.size, tuple(sizes))
        tasks = np.arange(keys.size) % keys.shape[1] % 2
        lanes.state[:, TASK] = tasks
        for lane, key in enumerate(keys.ravel().tolist()):
            lanes.begin_at(lane, key)
        lanes.sense()
        policies.become(np.repeat(members, keys.shape[1], axis=0), 0)
        earned, events = np.zeros((2, keys.size), np.float32)
        counted = np.array([EVENTS[task] for task in TASKS])[tasks], np.arange(keys.size)
        for _ in range(ticks):
            lanes.advance(policies.act(lanes.observation[0])[None])
            earned += lanes.reward[0]
            events += lanes.told[0][counted]
        return earned.reshape(keys.shape), events.reshape(keys.shape)

    def tested(self, parts: Sequence[Any], keys: Keys) -> list[float]:
        """Scores in the environment that the loop runs, chase and avoid in turn."""
        found = []
        for k, key in enumerate(keys):
            task = TASKS[k % 2]
            env = ChaseAvoid(task)
            seen, _ = env.reset(seed=int(key >> np.uint64(33)))
            events = 0
            for _ in range(TICKS):
                seen, _, _, _, info = env.step(chosen(parts, seen))
                events += info["events"][ChaseAvoid.score_events[task]]
            found.append(float(score(task, events)))
        return found


def chosen(parts: Sequence[Any], seen: Any) -> np.int64:
    """What a policy does at an observation."""
    action: np.int64 = outputs(parts, seen)[-1].argmax()
    return action


def score(task: str, events: Any) -> Any:
    """Of so many events in a life."""
    none, all_ = ChaseAvoid.score_rates[task]
    return (events * SCORE_TICKS / TICKS - none) / (all_ - none)


@cache
def lanes_of(count: int, sizes: tuple[int, ...]) -> tuple[Lanes, Policies]:
    """As many as that, to be used again."""
    return Lanes(count, False, "chase", 0.5, 0), Policies(sizes, count)


def habitat_of(config: ControlConfig) -> Habitat:
    """Where its members live."""
    return Arena(config.ticks) if isinstance(config, ArenaConfig) else Classic(config.environment)
