"""What a run is a function of: its random streams, by NumPy alone, and its config; and what its hash covers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import yaml

from agentsim import Config, Simulation, UserError, load_config
from agentsim.loop.commands import SwapBrain
from agentsim.runs.recorded import record, resume

SEED = 11
CHASE = "agentsim/ChaseAvoid-v0"
RANDOM = SwapBrain(name="random", config={"kind": "random"})


def config_of(world: str = CHASE, brain: dict[str, Any] | None = None, **options: Any) -> Config:
    return Config.model_validate(
        {
            "world": {"id": world, "options": options},
            "brain": brain or {"kind": "random"},
            "clock": {"pacing": "none"},
            "run": {"seed": SEED, "probe_states": 500},
        }
    )


# --- streams -----------------------------------------------------------------------------------------------------


def stream(*key: int) -> np.random.SeedSequence:
    """The run's streams are its seed's children: 0 the world's, 1 the brain's, 2 the probe's."""
    return np.random.SeedSequence(SEED, spawn_key=key)


def actions(simulation: Simulation, ticks: int) -> list[int]:
    found = []
    for _ in range(ticks):
        simulation.run(1)
        assert simulation.last is not None
        found.append(int(simulation.last.action[0]))
    return found


def random_actions(swaps: int, ticks: int) -> list[int]:
    """Those of the random brain that came after so many swaps."""
    generator = np.random.Generator(np.random.PCG64(stream(1, swaps)))
    return [int(generator.integers(0, 4)) for _ in range(ticks)]


def test_the_world_has_the_first_stream() -> None:
    """Its first episode is that of the seed of (run, lane 0, episode 0)."""
    world = gymnasium.make(CHASE)
    observation, _ = world.reset(seed=int(stream(0, 0, 0).generate_state(1)[0]))
    np.testing.assert_array_equal(Simulation(config_of()).environment.observation[0], observation)


def test_a_swapped_in_brain_has_a_seed_of_its_own(tmp_path: Path) -> None:
    """Child k of the second stream is that of the brain after k swaps, in a resumed run too."""
    simulation = record(config_of(), tmp_path / "run")
    assert actions(simulation, 30) == random_actions(0, 30)
    simulation.submit(RANDOM)
    assert actions(simulation, 30) == random_actions(1, 30)
    simulation.close()
    resumed = resume(tmp_path / "run")
    resumed.submit(RANDOM)
    assert actions(resumed, 30) == random_actions(2, 30)
    resumed.close()


def test_the_probe_has_the_third_stream() -> None:
    """A constant brain's share of right answers to the states that the world draws from it, task after task."""
    simulation = Simulation(config_of(brain={"kind": "constant", "action": 3}))
    simulation.warm_up()
    world: Any = gymnasium.make(CHASE).unwrapped
    generator = np.random.default_rng(stream(2))
    right = {name: world.sample_states(500, task, generator)[1] for task, name in enumerate(world.tasks)}
    assert simulation.close()["probe"] == {name: np.mean(action == 3) for name, action in right.items()}


# --- the config --------------------------------------------------------------------------------------------------

ARENA = """
world: {id: agentsim/ChaseAvoid-v0, options: {shaping: 0.5}}
brain: {kind: constant, action: 1}
clock: {pacing: none, tick_hz: 60}
learn: {steps_per_tick: 1}
phases: [{task: chase, seconds: 10}, {task: avoid, seconds: 10}]
run: {seed: 3, hash_every: 10, checkpoint_every: 1, probe_states: 10, seconds: 20}
"""
DUEL = """
world: {id: agentsim/ChaseEvade-v0}
brains: {chaser: {brain: {kind: random}}, evader: {brain: {kind: random}, every: 2}}
clock: {pacing: none}
"""
# Key -> another value of it, that makes another run.
OTHERS: dict[str, Any] = {
    "world.id": "agentsim/ChaseAvoidClassic-v0",
    "world.options.shaping": 0.25,
    "world.options.teacher_every": 2,
    "world.label_noise": 0.1,
    "brain.action": 2,
    "brain.kind": "random",
    "brains.evader.every": 3,
    "brains.chaser.brain.kind": "alternate",
    "clock.tick_hz": 50,
    "learn.steps_per_tick": 2,
    "learn.slack": True,
    "phases.0.seconds": 11,
    "phases.1.task": "chase",
    "run.seed": 4,
    "run.hash_every": 20,
}
# Key -> another value of it, with which it is the same run.
ALIKE: dict[str, Any] = {
    "brain_name": "another",
    "clock.pacing": "sleep",
    "clock.overrun": "skip",
    "clock.max_catch_up": 2,
    "clock.speed": 3.0,
    "run.seconds": 30,
    "run.checkpoint_every": 2,
    "run.probe_states": 20,
    "run.tensorboard": True,
}


def recorded(folder: Path, text: str) -> Path:
    (folder / "run.yaml").write_text(text, encoding="utf-8")
    with record(load_config(folder / "run.yaml"), folder / "run") as simulation:
        simulation.run(5)
    return folder / "run"


def change(run: Path, key: str, value: Any) -> None:
    """Another value at `key` in the run directory's config."""
    file = run / "config.yaml"
    config = here = yaml.safe_load(file.read_text(encoding="utf-8"))
    *above, last = (int(part) if part.isdecimal() else part for part in key.split("."))
    for part in above:
        here = here[part]
    assert here[last] != value if isinstance(here, list) else here.get(last) != value
    here[last] = value
    if key == "brain.kind":
        del here["action"]
    file.write_text(yaml.safe_dump(config), encoding="utf-8")


def test_every_part_of_a_config_is_tried() -> None:
    assert {key.partition(".")[0] for key in OTHERS} | {"brain_name"} == set(Config.model_fields)


@pytest.mark.parametrize("key", OTHERS)
def test_a_checkpoint_of_another_run_is_refused(key: str, tmp_path: Path) -> None:
    run = recorded(tmp_path, DUEL if key.startswith("brains") else ARENA)
    change(run, key, OTHERS[key])
    if key == "learn.slack":
        change(run, "clock.pacing", "sleep")
    with pytest.raises(UserError, match="does not belong to the config beside it"):
        resume(run)


@pytest.mark.parametrize("key", ALIKE)
def test_a_checkpoint_of_the_same_run_is_taken(key: str, tmp_path: Path) -> None:
    run = recorded(tmp_path, ARENA)
    change(run, key, ALIKE[key])
    resumed = resume(run)
    assert resumed.tick_index == 5
    resumed.close()


# --- the hash ----------------------------------------------------------------------------------------------------


class Secretive(gymnasium.Env[Any, Any]):
    """Shows nothing and tells no state; action 1 draws from its generator, or from another where it is told to."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, elsewhere: bool = False) -> None:
        self.elsewhere = np.random.default_rng(0) if elsewhere else None

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> Any:
        if action == 1:
            (self.elsewhere or self.np_random).random()
        return np.zeros(1, np.float32), 0.0, False, False, {}


gymnasium.register("test/Secretive-v0", entry_point=Secretive)


def test_the_hash_covers_the_generator_of_a_world_that_tells_no_state() -> None:
    """Two lives that look the same to the brain, and differ in how often the world drew."""

    def hash_of(action: int, elsewhere: bool) -> str:
        simulation = Simulation(
            config_of("test/Secretive-v0", {"kind": "constant", "action": action}, elsewhere=elsewhere)
        )
        simulation.run(3)
        return simulation.state_hash()

    assert hash_of(0, elsewhere=True) == hash_of(1, elsewhere=True)
    assert hash_of(0, elsewhere=False) != hash_of(1, elsewhere=False)
