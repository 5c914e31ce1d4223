"""The evolution strategy that lives in the loop: its members' lives against worlds made one by one, its generations,
what is kept, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import brains
from agentsim.config.sections import WorldConfig
from agentsim.loop.environment import Environment
from brains.brain import Body, Experience
from brains.evolution.brain import EvolutionBrain, EvolutionBrainConfig
from brains.evolution.engine import places
from brains.evolution.rollout import policy
from worlds.chase_avoid import ChaseAvoid
from worlds.kernels import layout
from worlds.outlines import outlines_of


def config(population: int = 6, window: int = 5, **given: Any) -> EvolutionBrainConfig:
    own = {"population": population, "sigma": 0.5, "learning_rate": 0.1, **given}
    return EvolutionBrainConfig.model_validate({"hidden": (7,), "window": window, "evolution": own})


def arena(seed: int = 0) -> Environment:
    return Environment(
        WorldConfig(id="agentsim/ChaseAvoid-v0", options={"teacher_every": 0}), np.random.SeedSequence(seed)
    )


def born(world: Environment, *given: Any, **more: Any) -> EvolutionBrain:
    return EvolutionBrain(config(*given, **more), world.body, np.random.SeedSequence(1))


def lived(world: Environment, brain: EvolutionBrain, ticks: int) -> list[Any]:
    """Learning of so many ticks in which nobody acts."""
    nothing = Experience(
        world.observation, np.zeros(1, np.int64), np.zeros(1), world.observation, *np.zeros((2, 1), bool)
    )
    return [brain.learn(nothing) for _ in range(ticks)]


def answer(parts: Any, seen: Any) -> int:
    """A policy in float64."""
    z = np.clip(parts[0] @ seen + parts[1], -3, 3)
    return int(np.argmax(parts[2] @ (z * (27 + z * z) / (27 + 9 * z * z)) + parts[3]))


def test_every_member_lives_its_own_life_in_its_own_world() -> None:
    """Of a window: each member, made by the strategy, acts in a world of its own that begins where its shadow does;
    what it earns there, step by step by Gymnasium's interface, is its fitness. Twins begin in the same world."""
    world = arena()
    brain = born(world)
    lanes: Any = brain.shadows.lanes  # type: ignore[union-attr]
    state, stream = lanes.state.copy(), lanes.stream.copy()
    members = np.concatenate([brain.evolution.members(chunk) for chunk in brain.evolution.chunks()]).astype(float)
    lived(world, brain, 4)
    earned = []
    for member in range(6):
        single = ChaseAvoid(teacher_every=0)
        single.reset(seed=0)
        single.lanes.state[0], single.lanes.stream[0] = state[member], stream[member]
        seen, _ = single.observe()
        parts = [place.of(members[member]) for place in places(policy(brain.sizes), 1)]
        total = 0.0
        for _ in range(4):
            seen, reward, *_ = single.step(np.int64(answer(parts, seen.astype(float))))
            total += float(reward)
        earned.append(total)
    np.testing.assert_allclose(brain.fitness, earned, atol=1e-6)
    assert np.array_equal(state[::2], state[1::2]) and np.array_equal(stream[::2], stream[1::2])
    assert len(np.unique(state[::2, layout.AGENT_X])) == 3


def test_the_edge_of_a_window_is_a_generation() -> None:
    """One update, of the differences of twins; odd twins then stand where even ones do, fitness begins anew."""
    world = arena()
    brain, other = born(world), born(world)
    told = lived(world, brain, 4)
    fitness = brain.fitness.copy()
    assert [each.updates for each in told] == [0] * 4 and brain.evolution.generation == 0
    lanes: Any = brain.shadows.lanes  # type: ignore[union-attr]
    (edge,) = lived(world, brain, 1)
    assert (edge.updates, brain.evolution.generation, int(brain.steps[0])) == (1, 1, 30)
    last = -edge.loss * 5 * 6 - fitness.sum()  # what all members earned in the last tick
    assert abs(last) < 6 * 1.1
    lived(world, other, 4)
    other.fitness += [0, 0, 0, 0, 0, 9]  # the same life, and one more thing that the last twin earns
    lived(world, other, 1)
    assert not np.array_equal(other.evolution.mean, brain.evolution.mean)
    assert np.array_equal(lanes.state[::2], lanes.state[1::2])
    assert (brain.fitness == 0).all() and (brain.ticks == 0).all()


def test_its_members_are_drawn_where_they_are() -> None:
    """Dashes about the agents of all shadows, in shares of the picture from its upper left corner."""
    world = arena()
    brain = born(world)
    lines: Any = outlines_of(world.id, brain.imagines()[0])  # type: ignore[index]
    lanes: Any = brain.shadows.lanes  # type: ignore[union-attr]
    middle = lines.mean(1)
    np.testing.assert_allclose(middle[:, 0], lanes.state[:, layout.AGENT_X], atol=1e-6)
    np.testing.assert_allclose(middle[:, 1], 1 - lanes.state[:, layout.AGENT_Y], atol=1e-6)


def test_shadows_follow_the_task() -> None:
    """What they show and what they reward, from the next tick on."""
    world = arena()
    brain = born(world)
    for task in (1, 0, 1):
        world.world.switch_task(task)  # type: ignore[misc]
        lived(world, brain, 1)
        assert (brain.shadows.observations[:, 7] == task).all()  # type: ignore[union-attr]


def test_only_those_who_ask_are_handed_a_simulator() -> None:
    body, config_of = arena().body, lambda name: brains.load(name).Config(kind=name)
    assert body.shadows is not None
    assert brains.make(brains.load("random"), config_of("random"), body, np.random.SeedSequence(0)).body.shadows is None  # type: ignore[attr-defined]
    made = brains.make(brains.load("evolution"), config(), body, np.random.SeedSequence(0))
    assert made.shadows is not None  # type: ignore[attr-defined]
    changed = WorldConfig(id="agentsim/ChaseAvoid-v0", wrappers=["FlattenObservation"])
    assert Environment(changed, np.random.SeedSequence(0)).body.shadows is None
    remembering = WorldConfig(id="agentsim/ChaseAvoid-v0", history={"observations": 2})
    assert Environment(remembering, np.random.SeedSequence(0)).body.shadows is None


def test_without_shadows_it_acts_and_does_not_learn() -> None:
    """The largest output of the policy, in every lane, by float64."""
    body = Body(5, 3, lanes=4)
    brain = EvolutionBrain(config(), body, np.random.SeedSequence(2))
    seen = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    parts = [np.asarray(part, float) for part in brain.parts]
    assert brain.act(seen).tolist() == [answer(parts, each.astype(float)) for each in seen]
    nothing = Experience(seen, np.zeros(4, np.int64), np.zeros(4), seen, *np.zeros((2, 4), bool))
    assert brain.learn(nothing).updates == 0
    with pytest.raises(ValueError, match="continuous"):
        EvolutionBrain(config(), replace(body, discrete=False), np.random.SeedSequence(0))


def test_it_goes_on_exactly_and_is_handed_on() -> None:
    """From the middle of a window, in another brain; a brain that adopts it acts as it does and begins a window."""
    world = arena()
    one = born(world)
    lived(world, one, 13)
    two = born(world, shaping="sign")
    other = EvolutionBrain(one.config, world.body, np.random.SeedSequence(9))
    other.load_state_dict(one.state_dict())
    assert other.figures() == one.figures() and one.figures()["fitness"] != 0
    lived(world, one, 9)
    lived(world, other, 9)
    for name, array in one.state_dict().items():
        assert np.array_equal(array, other.state_dict()[name]), name
    two.adopt(one.state_dict(), changed=True)
    seen = np.random.default_rng(0).normal(size=(1, 8)).astype(np.float32)
    assert np.array_equal(two.evolution.mean, one.evolution.mean) and two.act(seen) == one.act(seen)
    assert one.frozen_copy(lanes=3).act(np.repeat(seen, 3, 0)).tolist() == [one.act(seen)[0]] * 3


def test_it_learns_to_chase_from_reward_alone() -> None:
    """A minute of it: members, noise and all, earn .01 a tick and more, where they earned .0036 in the first windows;
    the oracle catches 106 times in so long, .03 a tick (worlds.chase_avoid)."""
    world = arena()
    shipped = {"population": 128, "sigma": 0.3, "learning_rate": 0.1, "shaping": "clt"}
    brain = EvolutionBrain(
        EvolutionBrainConfig.model_validate({"window": 30, "evolution": shipped}), world.body, np.random.SeedSequence(3)
    )
    told = [each.loss for each in lived(world, brain, 3600) if each.updates]
    by_chance, after = -np.mean(told[:3]), -np.mean(told[-20:])
    assert after > max(0.01, 2.5 * by_chance)
