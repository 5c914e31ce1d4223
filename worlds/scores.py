"""What a policy earns: events per 3,600 ticks, and the baseline and the oracle that a task score is measured from.

The baseline, score 0, is the better of random and the best of the four constant actions; it is not the best that can be
done blindly. In avoid, constants 0 and 3 in turn every tick, a diagonal, get 16.8 touches where the baseline gets 28.6,
a score of 0.41. `agentsim bench` shows that row beside the others: a brain that avoids must beat it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import cycle

import numpy as np
from numpy.typing import NDArray

from worlds.chase_avoid import ChaseAvoidVector
from worlds.chase_evade import ChaseEvade
from worlds.lanes import TASKS, oracle

Observation = NDArray[np.float32]
Policy = Callable[[Observation], NDArray[np.int64]]
EVENTS = {"chase": "catches", "avoid": "touches"}


def event_rate(task: str, policy: Policy, lanes: int = 200, ticks: int = 3600, seed: int = 0) -> float:
    """Mean events per 3,600 ticks and lane (catches in chase, touches in avoid) of (lanes, 8) -> (lanes,) actions."""
    world = ChaseAvoidVector(lanes, task=task)
    observation, _ = world.reset(seed=seed)
    events = 0
    for _ in range(ticks):
        observation, _, _, _, info = world.step(policy(observation))
        events += int(info["events"][EVENTS[task]].sum())
    return events / lanes * 3600 / ticks


def random_policy(seed: int) -> Policy:
    """Any action, equally likely."""
    rng = np.random.default_rng(seed)
    return lambda observation: rng.integers(0, 4, len(observation))


def constant_policy(action: int) -> Policy:
    """Always the same action."""
    return lambda observation: np.full(len(observation), action)


def diagonal_policy() -> Policy:
    """Actions 0 and 3 in turn, a tick each."""
    actions = cycle((0, 3))
    return lambda observation: np.full(len(observation), next(actions))


def delayed_oracle(delay: int) -> Policy:
    """The oracle's answer to the observation `delay` ticks old (to the oldest there is, at first)."""
    answers: deque[NDArray[np.int64]] = deque(maxlen=delay + 1)

    def policy(observation: Observation) -> NDArray[np.int64]:
        answers.append(oracle(observation))
        return answers[0]

    return policy


def measure_score_rates(lanes: int = 200, ticks: int = 3600, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Recompute ChaseAvoid.score_rates: task -> (best of random and the four constant actions, oracle)."""
    simple = [random_policy(seed), *(constant_policy(action) for action in range(4))]
    rates = {}
    for task, best in zip(TASKS, (max, min), strict=True):
        baseline = best(event_rate(task, policy, lanes, ticks, seed) for policy in simple)
        rates[task] = (baseline, event_rate(task, oracle, lanes, ticks, seed))
    return rates


def catch_rate(chaser: Policy, evader: Policy, ticks: int = 72_000, seed: int = 0) -> float:
    """Catches per 3,600 ticks of ChaseEvade with one chaser and one evader, each (1, 8) -> (1,) actions."""
    world = ChaseEvade()
    observation, _ = world.reset(seed=seed)
    catches = 0
    for _ in range(ticks):
        actions = np.concatenate([chaser(observation[:1]), evader(observation[1:])])
        observation, _, _, _, info = world.step(actions)
        catches += info["events"]["catches"]
    return catches * 3600 / ticks


def measure_evade_rates(ticks: int = 720_000, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Recompute ChaseEvade.stored_rates: agent -> (random one against the oracle, oracle against oracle)."""
    both = catch_rate(oracle, oracle, ticks, seed)
    return {
        "chaser": (catch_rate(random_policy(seed), oracle, ticks, seed), both),
        "evader": (catch_rate(oracle, random_policy(seed), ticks, seed), both),
    }
