"""Goldens: whole runs whose outcome must not change by a bit while the house is rebuilt.

A deliberate exception: the expected values in goldens.json are what this code once returned. They hold a change of form
to its word and say nothing of correctness, which the other tests hold. Every one is exact on every machine: the brains
know no floating point, and the physics only what IEEE 754 rounds correctly. Where behaviour is meant to change, say so
in the commit that records them anew:

    python -m tests.goldens.test_goldens
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from agentsim import Config, Simulation
from agentsim.loop.commands import Command, DragTarget, ResetWorld, SetLearning, SwapBrain, SwitchTask
from agentsim.runs.recorded import record, replay

EXPECTED = Path(__file__).with_name("goldens.json")
TICKS, SEEDS, PROBED = 600, (0, 7), 200
CHASE, CLASSIC, EVADE = "agentsim/ChaseAvoid-v0", "agentsim/ChaseAvoidClassic-v0", "agentsim/ChaseEvade-v0"
TOY = "goldens/Toy-v0"
BRAINS: dict[str, dict[str, Any]] = {
    "random": {"kind": "random"},
    "constant": {"kind": "constant", "action": 2},
    "oracle": {"kind": "oracle", "delay": 1},
}
NEXT = {"random": "oracle", "constant": "random", "oracle": "constant"}  # which brain takes the place of which


class Toy(gymnasium.Env[Any, Any]):
    """A random walk of integers that is cut off after as many steps as its first draw says; it cannot tell its state.

    Observation: (place, steps so far); the reward is the place."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(4)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.place, self.steps, self.length = 0, 0, int(self.np_random.integers(20, 90))
        return self.seen(), {}

    def step(self, action: Any) -> Any:
        self.place += int(action) - int(self.np_random.integers(0, 4))
        self.steps += 1
        return self.seen(), float(self.place), False, self.steps == self.length, {"events": {"home": self.place == 0}}

    def seen(self) -> Any:
        return np.array([self.place, self.steps], np.float32)


gymnasium.register(TOY, entry_point=Toy)


# World, brain and seed of every golden; the toy world has no oracle.
NAMES = [
    (world, brain, seed)
    for world in (CHASE, CLASSIC, EVADE, TOY)
    for brain in BRAINS
    for seed in SEEDS
    if (world, brain) != (TOY, "oracle")
]


def config_of(world: str, brain: str, seed: int) -> Config:
    """Flat out; in the world of two, the brain chases a random evader that acts on every second tick."""
    who: dict[str, Any] = {"brain": BRAINS[brain], "brain_name": brain}
    if world == EVADE:
        who = {"brains": {"chaser": who, "evader": {"brain": BRAINS["random"], "every": 2}}}
    run = {"seed": seed, "hash_every": 50, "probe_states": PROBED}
    return Config.model_validate({"world": {"id": world}, **who, "clock": {"pacing": "none"}, "run": run})


def commands_of(world: str, brain: str) -> dict[int, Command]:
    """What a person does, by tick: what the world can, and a swap of the brain."""
    whose, after = ("chaser" if world == EVADE else None), NEXT[brain]
    if (world, after) == (TOY, "oracle"):
        after = "random"
    hand: dict[int, Command] = {150: SwitchTask(task=1), 250: DragTarget(x=0.25, y=0.75)}
    rest: dict[int, Command] = {
        350: SwapBrain(name=after, config=BRAINS[after], whose=whose),
        400: SetLearning(on=False),
        500: ResetWorld(),
    }
    return {**(hand if world in (CHASE, CLASSIC) else {}), **rest}


def live(world: str, brain: str, seed: int, folder: Path) -> dict[str, Any]:
    """The outcome of a run: its last hash, and whole numbers alone."""
    commands = commands_of(world, brain)

    def act(simulation: Simulation) -> None:
        if simulation.tick_index in commands:
            simulation.submit(commands[simulation.tick_index])

    simulation = record(config_of(world, brain, seed), folder)
    simulation.run(TICKS, act)
    result = simulation.close()
    assert result["error"] is None
    labels = 0 if result["accuracy"] is None else TICKS * (2 if world == EVADE else 1)
    return {
        "hash": result["hash"],
        "ticks": result["ticks"],
        "right": round((result["accuracy"] or 0) * labels),
        "probe": {name: round(share * PROBED) for name, share in (result["probe"] or {}).items()},
        "phases": [[phase["task"], phase["start"], phase["ticks"], phase["events"]] for phase in result["phases"]],
        "agents": {name: figures["events"] for name, figures in result["agents"].items()},
        "episodes": result["episodes"]["count"],
        "learning_steps": result["learning_steps"],
    }


def name_of(world: str, brain: str, seed: int) -> str:
    return f"{world.partition('/')[2]} {brain} {seed}"


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return json.loads(EXPECTED.read_text(encoding="utf-8"))


def test_the_goldens_are_all_there(expected: dict[str, Any]) -> None:
    assert list(expected) == [name_of(*name) for name in NAMES]
    assert len({golden["hash"] for golden in expected.values()}) == len(expected)


@pytest.mark.parametrize(("world", "brain", "seed"), NAMES)
def test_a_run_is_what_it_was(world: str, brain: str, seed: int, tmp_path: Path, expected: dict[str, Any]) -> None:
    assert live(world, brain, seed, tmp_path / "run") == expected[name_of(world, brain, seed)]
    again, check = replay(tmp_path / "run")
    again.run()
    assert (again.tick_index, check.first_difference) == (TICKS, None)


def record_all() -> None:
    """Write goldens.json anew, a line a golden."""
    lines = []
    for name in NAMES:
        with tempfile.TemporaryDirectory() as folder:
            lines.append(f"{json.dumps(name_of(*name))}: {json.dumps(live(*name, Path(folder) / 'run'))}")
    EXPECTED.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    record_all()
