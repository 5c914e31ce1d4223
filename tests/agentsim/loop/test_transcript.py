"""The two contracts, to the letter: all that a brain is told in a scripted world, against a transcript written by hand.

The world names its episodes by their seeds, is cut off as well as ended, and cannot tell its state; the brain writes
down every call. Nothing here comes from what the code returned: the lines follow from what a world and a brain are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from pydantic import BaseModel

import brains
from agentsim import NO_LABEL, Body, Config, Experience, Learning, Simulation
from agentsim.loop.commands import Command, ResetWorld, SetLearning, SwitchTask
from agentsim.runs.recorded import record, resume

RUN_SEED, TICKS = 5, 14
# An episode's seed comes from (run seed, lane 0, episode), in the world's stream, the first of the run's.
SEEDS = [int(np.random.SeedSequence(RUN_SEED, spawn_key=(0, 0, k)).generate_state(1)[0]) for k in range(6)]
ENDS = {0: (3, "truncated"), 1: (2, "terminated"), 2: (1, "both")}  # episode -> its last step, and how it ends there
LIMIT = 4  # steps: the config's time limit, which ends episode 3

SCRIPT: dict[int, Command] = {
    8: SwitchTask(task=1),
    11: ResetWorld(),
    12: SwitchTask(task=0),
    13: SetLearning(on=False),
}
# Observations are "episode.step"; an action is the number of acts so far, modulo 3; the reward is 10 episode + step.
# A teacher names step modulo 3, and is silent where that is 1. Two learning steps a tick: learn, then rehearse.
TRANSCRIPT = """
act 0.0 task 0
learn 0.0, 0 -> 0.1: reward 1, right 0, goes on
rehearse
act 0.1 task 0
learn 0.1, 1 -> 0.2: reward 2, right -1, goes on
rehearse
act 0.2 task 0
learn 0.2, 2 -> 0.3: reward 3, right 2, truncated
rehearse
reset
act 1.0 task 0
learn 1.0, 0 -> 1.1: reward 11, right 0, goes on
rehearse
act 1.1 task 0
learn 1.1, 1 -> 1.2: reward 12, right -1, terminated
rehearse
reset
act 2.0 task 0
learn 2.0, 2 -> 2.1: reward 21, right 0, terminated and truncated
rehearse
reset
act 3.0 task 0
learn 3.0, 0 -> 3.1: reward 31, right 0, goes on
rehearse
act 3.1 task 0
learn 3.1, 1 -> 3.2: reward 32, right -1, goes on
rehearse
act 3.2 task 1
learn 3.2, 2 -> 3.3: reward 33, right 2, goes on
rehearse
act 3.3 task 1
learn 3.3, 0 -> 3.4: reward 34, right 0, truncated
rehearse
reset
act 4.0 task 1
learn 4.0, 1 -> 4.1: reward 41, right 0, goes on
rehearse
reset
act 5.0 task 1
learn 5.0, 2 -> 5.1: reward 51, right 0, goes on
rehearse
act 5.1 task 0
learn 5.1, 0 -> 5.2: reward 52, right -1, goes on
rehearse
act 5.2 task 0
""".strip().splitlines()


class Scripted(gymnasium.Env[Any, Any]):
    """Observation (episode, step, task): the episode as its seed says it."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float32)
    action_space = gymnasium.spaces.Discrete(3)
    tasks = ("this", "that")

    def __init__(self) -> None:
        self.task = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.episode, self.steps = SEEDS.index(seed), 0  # type: ignore[arg-type]  # ValueError for any other seed
        return self.observe()

    def step(self, action: Any) -> Any:
        self.steps += 1
        last, end = ENDS.get(self.episode, (LIMIT + 1, ""))
        ends = self.steps == last
        observation, info = self.observe()
        reward = 10.0 * self.episode + self.steps
        return observation, reward, ends and end != "truncated", ends and end != "terminated", info

    def observe(self) -> Any:
        label = self.steps % 3
        info = {"teacher_action": NO_LABEL if label == 1 else label, "task": self.task}
        return np.array([self.episode, self.steps, self.task], np.float32), info

    def switch_task(self, task: int) -> None:
        self.task = task


gymnasium.register("test/Transcript-v0", entry_point=Scripted)


class ScribeConfig(BaseModel):
    model_config = {"extra": "forbid"}


class Scribe:
    """Acts 0, 1, 2, 0, ... and writes down what it is told."""

    Config = ScribeConfig
    latency, settling_ticks = 0, 1

    def __init__(self, config: ScribeConfig, body: Body, seed: np.random.SeedSequence) -> None:
        assert (body.observation_size, body.actions, body.discrete, body.teacher, body.lanes) == (3, 3, True, True, 1)
        self.acts, self.told = np.zeros(1, np.int64), list[str]()

    def warm_up(self) -> None:
        """Nothing to tell."""

    def reset(self, lanes: Any) -> None:
        assert lanes.tolist() == [True]
        self.told.append("reset")

    def act(self, observation: Any) -> Any:
        (row,) = observation
        self.told.append(f"act {place(row)} task {row[2]:g}")
        self.acts += 1
        return (self.acts - 1) % 3

    def learn(self, experience: Experience) -> Learning:
        (before,), (after,), (action,) = experience.observation, experience.next_observation, experience.action
        (reward,), (terminated,), (truncated,) = experience.reward, experience.terminated, experience.truncated
        assert experience.teacher_action is not None
        (right,) = experience.teacher_action
        end = " and ".join(name for name, is_so in (("terminated", terminated), ("truncated", truncated)) if is_so)
        step = f"learn {place(before)}, {action} -> {place(after)}"
        self.told.append(f"{step}: reward {reward:g}, right {right}, {end or 'goes on'}")
        return Learning(0.0, 1)

    def rehearse(self) -> Learning:
        self.told.append("rehearse")
        return Learning(0.0, 1)

    def state_dict(self) -> Any:
        return {"acts": self.acts.copy()}

    def load_state_dict(self, state: Any) -> None:
        self.acts[:] = state["acts"]

    def activity(self) -> Any:
        return {}

    def frozen_copy(self, lanes: int | None = None) -> Scribe:
        return self


def place(row: Any) -> str:
    return f"{row[0]:g}.{row[1]:g}"


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setitem(brains.BRAINS, "scribe", f"{__name__}:Scribe")
    return Config.model_validate(
        {
            "world": {"id": "test/Transcript-v0", "options": {"max_episode_steps": LIMIT}},
            "brain": {"kind": "scribe"},
            "clock": {"pacing": "none"},
            "learn": {"steps_per_tick": 2},
            "run": {"seed": RUN_SEED, "hash_every": 1},
        }
    )


def live(simulation: Simulation, until: int) -> list[str]:
    """What the brain is told up to that tick."""
    while simulation.tick_index < until:
        if simulation.tick_index in SCRIPT:
            simulation.submit(SCRIPT[simulation.tick_index])
        simulation.run(1)
        assert simulation.error is None
    brain: Any = simulation.brain
    return brain.told  # type: ignore[no-any-return]


def test_a_brain_is_told_what_the_contract_says(config: Config) -> None:
    simulation = Simulation(config)
    assert live(simulation, TICKS) == TRANSCRIPT
    result = simulation.close()
    returns = [1 + 2 + 3, 11 + 12, 21, 31 + 32 + 33 + 34]
    assert result["episodes"] == {"count": 4, "last_20_mean": sum(returns) / 4}
    assert result["reward"] == sum(returns) + 41 + 51 + 52 + 53
    assert result["learning_steps"] == 2 * 13
    assert result["accuracy"] == 6 / 10  # silent at 0.1, 1.1, 3.1, 5.1; right at 0.0, 0.2, 1.0, 3.0, 3.2, 3.3


@pytest.mark.parametrize("tick", range(TICKS))
def test_resumed_it_is_told_the_rest(tick: int, config: Config, tmp_path: Path) -> None:
    """A world that cannot tell its state lives its episode again, and the brain hears nothing of that."""
    simulation = record(config, tmp_path / "run")
    before = live(simulation, tick)
    simulation.close()
    resumed = resume(tmp_path / "run")
    assert before + live(resumed, TICKS) == TRANSCRIPT
    resumed.close()
