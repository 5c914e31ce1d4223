"""Planners in shadows of their world: their choices by the distance on the torus and by worlds made one by one, what is
counted, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from agentsim.config.load import load_config
from agentsim.loop.simulation import Simulation
from brains.brain import Body
from brains.planning import PlanningBrain, PlanningConfig
from worlds.chase_avoid import ChaseAvoid
from worlds.kernels import layout

STEPS = 0.02 * np.array([[0, 1], [0, -1], [-1, 0], [1, 0]])  # up, down, left, right


def planner(world: ChaseAvoid, seed: int = 0, **settings: Any) -> PlanningBrain:
    body = Body(8, 4, shadows=world.shadows)
    return PlanningBrain(PlanningConfig(**settings), body, np.random.SeedSequence(seed))


def placed(task: str, agent: Any, target: Any) -> ChaseAvoid:
    world = ChaseAvoid(task=task)
    world.reset(seed=0)
    world.lanes.state[0, [layout.AGENT_X, layout.AGENT_Y]] = agent
    world.lanes.state[0, [layout.TARGET_X, layout.TARGET_Y]] = target
    return world


def chosen(brain: PlanningBrain) -> int:
    return int(brain.act(np.zeros((1, 8), np.float32))[0])


def apart(agent: Any, target: Any) -> Any:
    """Distances on the torus of places (..., 2)."""
    return np.linalg.norm((target - agent + 0.5) % 1 - 0.5, axis=-1)


def clearly_right(task: str, agent: Any, target: Any) -> int | None:
    """The action after which the other is nearest, wherever it wanders, or farthest; None where that is not clear."""
    if task == "avoid":  # the hunter's own step takes the same off every distance
        after = apart(agent + STEPS, target)
        return int(after.argmax()) if np.diff(np.sort(after))[-1] > 1e-6 else None
    headings = np.linspace(0, 2 * np.pi, 100)
    wandered = target + 0.012 * np.stack([np.cos(headings), np.sin(headings)], axis=1)
    nearest = {int(apart(agent + STEPS, one).argmin()) for one in wandered}
    return nearest.pop() if len(nearest) == 1 else None


@pytest.mark.parametrize("settings", [{}, {"sequences": 64}, {"horizon": 1, "sequences": 4096}])
@pytest.mark.parametrize("task", ["chase", "avoid"])
def test_a_tick_ahead_it_takes_the_step_that_the_distance_asks_for(task: str, settings: dict[str, Any]) -> None:
    """At hand-made places, the edge of the torus between them in two, and at 200 random ones. Random sequences of one
    tick that hold every action choose as look-ahead does."""
    toward = [((0.2, 0.5), (0.3, 0.5), 3), ((0.2, 0.5), (0.1, 0.55), 2), ((0.2, 0.5), (0.25, 0.8), 0)]
    toward += [((0.2, 0.5), (0.2, 0.1), 1), ((0.1, 0.5), (0.9, 0.55), 2), ((0.3, 0.95), (0.25, 0.1), 0)]
    away = {0: 1, 1: 0, 2: 3, 3: 2}
    cases = [(agent, target, action if task == "chase" else away[action]) for agent, target, action in toward]
    random = np.random.default_rng(0).random((200, 2, 2))
    clear = [(*pair, right) for pair in random if (right := clearly_right(task, *pair)) is not None]
    assert len(clear) > 140 and {right for *_, right in clear} == {0, 1, 2, 3}
    for agent, target, right in [*cases, *clear]:
        assert chosen(planner(placed(task, agent, target), **settings)) == right, (agent, target)


@pytest.mark.parametrize("task", ["chase", "avoid"])
def test_random_shooting_takes_the_first_action_of_the_best_sequence(task: str) -> None:
    """Sequences and chance are those of a generator of the same seed; every sequence is lived in a world by itself."""
    world = placed(task, (0.2, 0.5), (0.3, 0.55))
    for seed in range(5):
        brain = planner(world, seed, horizon=12, sequences=9)
        generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
        plans, key = generator.integers(4, size=(12, 9)), generator.integers(0, 2**64, dtype=np.uint64)
        earned, ways = [], []
        for plan in plans.T:
            single = ChaseAvoid(task=task)
            single.reset(seed=0)
            single.lanes.state[0], single.lanes.stream[0] = world.lanes.state[0], (key, 0)
            lived = [single.step(action) for action in plan]
            earned.append(sum(reward for _, reward, *_ in lived))
            ways.append([observation for observation, *_ in lived])
        best = int(np.argmax(earned))
        assert chosen(brain) == plans[0, best]
        assert np.array_equal(brain.imagines()[0], ways[best])


def test_every_sequence_is_tried_where_no_number_is_said() -> None:
    """Of three ticks of four actions, 64; the best one earns as much as any that a world by itself lives through."""
    world = placed("avoid", (0.5, 0.5), (0.6, 0.53))
    brain = planner(world, horizon=3)
    first, earned = chosen(brain), {}
    for plan in product(range(4), repeat=3):
        single = placed("avoid", (0.5, 0.5), (0.6, 0.53))
        earned[plan] = sum(float(single.step(np.int64(action))[1]) for action in plan)
    assert first == max(earned, key=earned.__getitem__)[0] and brain.figures() == {"simulated": 3 * 64}


def test_steps_of_the_simulator_are_counted() -> None:
    world = placed("chase", (0.2, 0.5), (0.3, 0.5))
    for settings, each in (({}, 4), ({"horizon": 2}, 2 * 16), ({"horizon": 30, "sequences": 64}, 30 * 64)):
        brain = planner(world, **settings)
        for _ in range(7):
            chosen(brain)
        assert brain.figures() == {"simulated": 7 * each}


def test_it_lives_in_the_loop_and_is_not_probed() -> None:
    """A planner goes on exactly from a snapshot; a probe would be of the simulator."""
    config = load_config("arena-evolution", "random-shooting", overrides=["clock.pacing=none", "run.seconds=3"])
    one, other = Simulation(config), Simulation(config)
    one.run(ticks=100)
    other.restore(*one.snapshot())
    for simulation in (one, other):
        simulation.run(ticks=50)
        assert simulation.error is None
    assert one.state_hash() == other.state_hash()
    assert other.brain.figures() == {"simulated": 150 * 64 * 30}
    assert one.close()["probe"] is None and other.close()["backend"] == "numpy"


def test_what_it_cannot_do_is_refused() -> None:
    world = placed("chase", (0.2, 0.5), (0.3, 0.5))
    body = Body(8, 4, shadows=world.shadows)
    with pytest.raises(ValueError, match="this world has none"):
        PlanningBrain(PlanningConfig(), replace(body, shadows=None), np.random.SeedSequence(0))
    with pytest.raises(ValueError, match="more than 4,096 sequences"):
        PlanningBrain(PlanningConfig(horizon=7), body, np.random.SeedSequence(0))
