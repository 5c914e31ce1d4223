"""Several brains in one world: the config's words, exact runs, swaps, figures and pictures."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from rich.console import Console

from agentsim.cli import terminal
from agentsim.cli.results import show_result
from agentsim.config.load import Config, load_config
from agentsim.config.sections import WorldConfig
from agentsim.errors import UserError
from agentsim.loop.building import seats_of
from agentsim.loop.commands import ResetWorld, SwapBrain
from agentsim.loop.environment import Environment
from agentsim.loop.simulation import Simulation
from agentsim.runs.directory import HASHES, METRICS
from agentsim.runs.recorded import record, replay, resume
from brains.team import Team

DUEL = """\
world: {id: agentsim/ChaseEvade-v0}
brains:
  chaser: {brain: {kind: linear, rate: 0.3}}
  evader:
    brain: linear
    every: 2
clock: {pacing: none}
learn: {steps_per_tick: 2}
run: {seed: 3, hash_every: 10, checkpoint_every: 0.5, probe_states: 20}
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def duel(text: str = DUEL, *overrides: str, **options: Any) -> Config:
    Path("duel.yaml").write_text(text, encoding="utf-8")
    return load_config("duel.yaml", overrides=overrides, **options)


def wrong(text: str, *overrides: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        duel(text, *overrides)
    return str(caught.value).splitlines()


# --- config ------------------------------------------------------------------------------------------------------


def test_every_brain_is_resolved_and_named() -> None:
    config = duel()
    chaser, evader = config.brains["chaser"], config.brains["evader"]
    assert (chaser.brain, chaser.every) == ({"kind": "linear", "rate": 0.3, "fail_at": -1, "nan_at": -1}, 1)
    assert (evader.brain["rate"], evader.every, evader.brain_name) == (0.1, 2, "linear")
    assert config.name_of_brain == "chaser linear, evader linear"
    Path("again.yaml").write_text(config.to_yaml(), encoding="utf-8")
    assert load_config("again.yaml") == config
    assert "brain:" not in config.to_yaml().split("\n")


def test_overrides_reach_into_a_brain_and_swap_it() -> None:
    config = duel(DUEL, "brains.evader.every=4", "brains.evader.brain.rate=0.7", "brains.chaser.brain=random")
    assert (config.brains["evader"].every, config.brains["evader"].brain["rate"]) == (4, 0.7)
    assert config.brains["chaser"].brain == {"kind": "random"}
    assert config.brains["chaser"].brain_name == "random"


def test_one_brain_can_take_the_place_of_all() -> None:
    config = duel(DUEL, brain="random")
    assert (config.brains, config.brain, config.name_of_brain) == ({}, {"kind": "random"}, "random")
    assert "brains" not in config.model_dump()


def test_a_path_is_looked_for_beside_the_config_and_an_override_from_here() -> None:
    Path("sub").mkdir()
    Path("sub/one.yaml").write_text("kind: linear\nrate: 0.5\n", encoding="utf-8")
    Path("sub/duel.yaml").write_text(DUEL.replace("brain: linear", "brain: one.yaml"), encoding="utf-8")
    assert load_config("sub/duel.yaml").brains["evader"].brain["rate"] == 0.5
    config = load_config("sub/duel.yaml", overrides=["brains.chaser.brain=sub/one.yaml"])
    assert [member.brain_name for member in config.brains.values()] == ["one", "one"]


def test_mistakes_are_named_with_file_line_and_key() -> None:
    assert wrong(DUEL + "brain: linear\n") == ["duel.yaml:2: brains: one brain or several: give either brain or brains"]
    (line,) = wrong(DUEL.replace("rate: 0.3", "rat: 0.3"))
    assert line == "duel.yaml:3: brains.chaser.brain.rat: unknown key, did you mean rate?"
    (line,) = wrong(DUEL.replace("every: 2", "evry: 2"))
    assert line == "duel.yaml:6: brains.evader.evry: unknown key, did you mean every?"
    (line,) = wrong(DUEL.replace("every: 2", "every: 0"))
    assert line.startswith("duel.yaml:6: brains.evader.every: should be greater than 0")
    (line,) = wrong(DUEL.replace("brain: linear", "brain: linnear"))
    assert line.startswith("duel.yaml:5: brains.evader.brain: unknown brain 'linnear', did you mean linear?")
    (line,) = wrong(DUEL.replace("    brain: linear\n", ""))
    assert line.startswith("duel.yaml:4: brains.evader.brain: missing")
    (line,) = wrong(DUEL, "brains.chaser=linear")
    assert line.startswith("--set brains.chaser=linear: brains.chaser: should be a mapping")
    for empty in ("brains: {}", "brains:", ""):
        lines = wrong("world: {id: agentsim/ChaseEvade-v0}\n" + empty)
        assert any("brain: missing" in line for line in lines)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  chaser:", "  chasr:", "duel.yaml:3: brains.chasr: serves no agent of this world, did you mean chaser?"),
        ("ChaseEvade", "ChaseAvoid", "duel.yaml:2: brains: this world has one agent; give one brain, as brain: NAME"),
        ("  chaser: {brain: {kind: linear, rate: 0.3}}\n", "", "duel.yaml:2: brains: the agent chaser has no brain"),
    ],
)
def test_names_must_be_those_of_the_world(old: str, new: str, message: str) -> None:
    config = duel(DUEL.replace(old, new))
    with pytest.raises(UserError) as caught:
        Simulation(config)
    assert config.located(str(caught.value)).startswith(message)


def test_a_role_serves_all_its_agents_but_those_with_a_brain_of_their_own() -> None:
    agents = ("chaser_1", "chaser_2", "chaser_3", "evader")
    seats = seats_of({"chaser": 1, "evader": 2, "chaser_2": 3}, agents)
    assert {name: (seat.lanes.tolist(), seat.every) for name, seat in seats.items()} == {
        "chaser": ([0, 2], 1),
        "evader": ([3], 2),
        "chaser_2": ([1], 3),
    }


# --- the environment ---------------------------------------------------------------------------------------------


def test_agents_are_lanes() -> None:
    """What the environment shows is what the world gave, a row for each agent; so are the rewards."""
    environment = Environment(
        WorldConfig(id="agentsim/ChaseEvade-v0", options={"chasers": 2}), np.random.SeedSequence(0)
    )
    assert (environment.body.lanes, environment.body.actions, environment.body.observation_size) == (3, 4, 8)
    world = environment.unwrapped
    for _ in range(50):
        before = environment.observation.copy()
        experience = environment.step(environment.checked(np.array([0, 3, 1])))
        np.testing.assert_array_equal(experience.observation, before)
        np.testing.assert_array_equal(experience.next_observation, world._seen()[0])
        np.testing.assert_array_equal(experience.reward, world.lanes.reward[0, 0])
        assert experience.teacher_action is not None
        np.testing.assert_array_equal(experience.teacher_action, world.oracle(before))
    for bad in (np.array([0]), np.array([0, 1, 4]), np.array([0.0, 1.0, 2.0])):
        with pytest.raises(ValueError, match=r"this world takes \(3,\) integer below 4"):
            environment.checked(bad)


class Crowd(gymnasium.Env[Any, Any]):
    """Two agents in a world that is not as it should be."""

    agents = ("one", "two")
    observation_space = gymnasium.spaces.Box(-1, 1, (2, 3), np.float32)
    action_space: Any = gymnasium.spaces.MultiDiscrete([2, 2])
    rewards: Any = (1.0, 2.0)

    def __init__(self, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(self, name, value)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        return np.zeros((2, 3), np.float32), {}

    def step(self, action: Any) -> Any:
        return np.zeros((2, 3), np.float32), 0.0, False, False, {"rewards": self.rewards}


gymnasium.register("test/Crowd-v0", entry_point=Crowd)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"observation_space": gymnasium.spaces.Box(-1, 1, (3, 3), np.float32)}, r"one of shape \(agents, n\)"),
        ({"observation_space": gymnasium.spaces.Box(-1, 1, (6,), np.float32)}, "observation of shape"),
        ({"action_space": gymnasium.spaces.Discrete(2)}, "MultiDiscrete of 2 equal numbers"),
        ({"action_space": gymnasium.spaces.MultiDiscrete([2, 3])}, "MultiDiscrete of 2 equal numbers"),
        ({"rewards": 1.0}, "not 2 finite numbers"),
        ({"rewards": (1.0, float("nan"))}, "not 2 finite numbers"),
    ],
)
def test_worlds_of_several_agents_that_are_wrong_are_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises((UserError, ValueError), match=message):
        Environment(WorldConfig(id="test/Crowd-v0", options=changes), np.random.SeedSequence(0)).step(np.zeros(2, int))


def test_a_world_without_a_state_of_its_own_resumes_by_its_actions() -> None:
    environment = Environment(WorldConfig(id="test/Crowd-v0"), np.random.SeedSequence(0))
    for _ in range(70):
        assert environment.step(np.array([1, 0])).reward.tolist() == [1.0, 2.0]
    again = Environment(WorldConfig(id="test/Crowd-v0"), np.random.SeedSequence(0))
    again.load_state(environment.state())
    assert again.length == 70


# --- runs --------------------------------------------------------------------------------------------------------

SWAP = SwapBrain(name="other", config={"kind": "linear", "rate": 0.9}, whose="evader")


def live(simulation: Simulation, until: int) -> None:
    due: dict[int, Any] = {40: ResetWorld(), 75: SWAP}

    def act(simulation: Simulation) -> None:
        if simulation.tick_index in due and simulation.tick_index < until:
            simulation.submit(due[simulation.tick_index])

    simulation.run(until - simulation.tick_index, act)
    assert simulation.error is None


@pytest.mark.parametrize("cut", [61, 200])
def test_a_run_that_is_cut_off_and_resumed_is_the_straight_run(cut: int) -> None:
    """At tick 61 the evader, on every second tick, is in the middle of a span; at 200 it has been swapped."""
    config = duel()
    runs = []
    for name, pause in (("whole", 300), ("cut", cut)):
        simulation = record(config, Path(name))
        live(simulation, pause)
        simulation.close()
        if pause < 300:
            simulation = resume(Path(name))
            assert simulation.tick_index == cut
            live(simulation, 300)
            simulation.close()
        result = json.loads(Path(name, "result.json").read_text())
        runs.append({key: result[key] for key in ("hash", "agents", "probe", "events", "brain")})
        runs.append({file: Path(name, file).read_text() for file in (METRICS, HASHES)})
    assert runs[:2] == runs[2:]
    assert runs[0]["brain"] == "chaser linear, evader other"


def test_a_replay_is_the_same_run() -> None:
    simulation = record(duel(), Path("run"))
    live(simulation, 150)
    result = simulation.close()
    again, check = replay(Path("run"))
    again.clock.set_pacing("none")
    again.run()
    assert (again.state_hash(), check.first_difference) == (result["hash"], None)


def test_a_swap_leaves_the_others_as_they_are() -> None:
    simulation = Simulation(duel())
    simulation.run(20)
    assert isinstance(simulation.brain, Team)
    chaser, evader = (simulation.brain.members[name].brain for name in ("chaser", "evader"))
    simulation.submit(SWAP)
    simulation.run(1)
    assert isinstance(simulation.brain, Team)
    assert simulation.brain.members["chaser"].brain is chaser
    assert simulation.brain.members["evader"].brain is not evader
    assert simulation.brain.members["evader"].every == 2
    with pytest.raises(UserError, match="no brain called 'evadr' here, did you mean evader"):
        simulation.submit(SwapBrain(name="other", config={"kind": "linear"}, whose="evadr"))
    simulation.submit(SwapBrain(name="all", config={"kind": "random"}))
    simulation.run(1)
    assert (simulation.brain_name, isinstance(simulation.brain, Team)) == ("all", False)


def test_figures_of_each_agent_add_up_to_those_of_all() -> None:
    """Two agents have as many labels: accuracy is the mean of theirs, the reward too. Every catch is one of each."""
    simulation = Simulation(duel(DUEL.replace("every: 2", "every: 1")))
    simulation.run(1200)
    result = simulation.close()
    chaser, evader = result["agents"]["chaser"], result["agents"]["evader"]
    assert result["accuracy"] == pytest.approx((chaser["accuracy"] + evader["accuracy"]) / 2)
    assert result["reward"] == pytest.approx((chaser["reward"] + evader["reward"]) / 2, abs=1e-4)
    assert chaser["events"] == evader["events"] == result["events"]
    catches = result["events"]["catches"] * 3
    rates = simulation.environment.unwrapped.score_rates
    for own, (zero, one) in zip((chaser, evader), rates.values(), strict=True):
        assert own["score"] == pytest.approx((catches - zero) / (one - zero))
    assert result["probe"].keys() == {"chaser", "evader"}


@pytest.mark.parametrize("overrides", [(), ("world.options={chasers: 2, evaders: 3}",)])
def test_the_terminal_shows_every_agent(overrides: tuple[str, ...]) -> None:
    simulation = Simulation(duel(DUEL, *overrides))
    simulation.run(130)
    console = Console(width=110, record=True, file=io.StringIO())
    console.print(terminal.picture(simulation, console))
    show_result(simulation.close(), console)
    shown = console.export_text()
    for agent in simulation.environment.agents:
        assert agent in shown


def test_the_window_shows_every_brain_and_swaps_the_one_that_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    import pygame

    from agentsim.window.app import App
    from agentsim.window.showing import curves_of

    simulation = Simulation(duel())
    app = App(simulation, (960, 640))
    app.run(70)
    assert [curve.name for curve in curves_of(simulation)] == ["chaser, accuracy", "evader, accuracy"]
    assert app.controls.shelf.next_agent() == "[ ] and 1 … 9 swap the brain of evader"
    said = app.controls.shelf.pick(0)
    assert said.startswith("evader, brain 1: ")
    simulation.run(1)
    assert simulation.resident.present.brains["evader"].brain_name == said.removeprefix("evader, brain 1: ")
    assert simulation.resident.present.brains["chaser"].brain["kind"] == "linear"
    assert simulation.error is None
    assert app.picture.problem is None
    pygame.display.quit()
