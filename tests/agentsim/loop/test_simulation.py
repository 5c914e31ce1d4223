"""The loop: one result at any pace, tasks and commands at their tick, learning steps, and parts that fail."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from agentsim.config.load import Config
from agentsim.errors import UserError
from agentsim.loop.clock import Clock
from agentsim.loop.commands import DragTarget, Push, ResetWorld, SetLearning, SwapBrain, SwitchTask
from agentsim.loop.listener import Listener
from agentsim.loop.simulation import Simulation
from agentsim.runs.directory import COMMANDS, HASHES, RESULT, StampedCommand, read_lines
from agentsim.runs.recorded import record, replay, resume

Make = Callable[..., Config]
WORLDS = ["agentsim/ChaseAvoid-v0", "CartPole-v1", "Pendulum-v1"]
PHASES = [{"task": "chase", "seconds": 0.25}, {"task": "avoid", "seconds": 0.4}, {"task": "chase", "seconds": 0.1}]


class Faulty(gymnasium.Env[Any, Any]):
    """Fails in its 25th step, as told; has no get_state."""

    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, leaves: bool = False) -> None:
        self.failure: BaseException = SystemExit(0) if leaves else ZeroDivisionError("the floor gave way")

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> Any:
        self.steps += 1
        if self.steps == 25:
            raise self.failure
        return self.np_random.uniform(-1, 1, 2).astype(np.float32), 1.0, False, False, {}


gymnasium.register("test/Faulty-v0", entry_point=Faulty)
gymnasium.register("test/Leaving-v0", entry_point=Faulty, kwargs={"leaves": True})


def finished(config: Config, ticks: int, clock: Clock | None = None) -> Simulation:
    simulation = Simulation(config, clock=clock)
    simulation.run(ticks)
    assert simulation.error is None
    assert simulation.tick_index == ticks
    return simulation


@pytest.mark.parametrize("world", WORLDS)
def test_same_hash_at_any_pace(world: str, make_config: Make) -> None:
    """Flat out, at ten times and at real-time speed, sleeping and spinning, under every overrun policy."""
    flat = finished(make_config(world), 40).state_hash()
    for clock in (
        {"pacing": "sleep", "tick_hz": 60, "speed": 10},
        {"pacing": "sleep", "tick_hz": 60, "overrun": "skip"},
        {"pacing": "hybrid", "tick_hz": 60, "speed": 10, "overrun": "catch_up"},
    ):
        assert finished(make_config(world, clock=clock), 40).state_hash() == flat
    assert finished(make_config(world, run__seed=4), 40).state_hash() != flat


@pytest.mark.parametrize("world", WORLDS)
def test_warm_up_changes_nothing(world: str, make_config: Make) -> None:
    simulation = Simulation(make_config(world))
    before = simulation.state_hash()
    simulation.warm_up()
    assert simulation.state_hash() == before
    assert simulation.warm_up_seconds is not None


def test_tick_marks_every_phase_and_the_clock_keeps_due_times(virtual_time: Any, make_config: Make) -> None:
    config = make_config(clock={"pacing": "sleep", "tick_hz": 50})
    simulation = finished(config, 6, Clock(config.clock, virtual_time))
    assert np.diff(simulation.clock.statistics.due[:6]).tolist() == [20_000_000] * 5
    assert simulation.clock.statistics.misses == 0


def test_teacher_and_experience_are_of_the_same_tick(make_config: Make) -> None:
    """Accuracy counted by hand from what the brain was shown equals the figure."""
    simulation = Simulation(make_config())
    hits = 0
    for _ in range(200):
        teacher = simulation.environment.teacher_action
        assert teacher is not None
        right = int(teacher[0])
        simulation.tick()
        assert simulation.last is not None and simulation.last.teacher_action is not None
        assert int(simulation.last.teacher_action[0]) == right
        hits += int(simulation.last.action[0] == right)  # type: ignore[index]
    assert simulation.close()["accuracy"] == hits / 200


def test_episode_end_resets_the_brain_and_returns_are_counted(make_config: Make) -> None:
    """CartPole gives reward 1 a tick: the returns are the episodes' lengths, and add up to the ticks."""
    simulation = Simulation(make_config("CartPole-v1"))
    lengths, length = [], 0
    for _ in range(300):
        simulation.tick()
        length += 1
        assert simulation.last is not None
        if simulation.last.terminated[0]:
            assert not simulation.brain.activity()["drive"].any()
            assert not np.array_equal(simulation.last.next_observation, simulation.environment.observation)
            lengths.append(length)
            length = 0
    result = simulation.close()
    assert result["episodes"] == {"count": len(lengths), "last_20_mean": np.mean(lengths[-20:])}
    assert simulation.telemetry.returns[0][1] == lengths[0]


def test_phases_switch_at_their_exact_tick(make_config: Make) -> None:
    """60 Hz: 0.25 s, 0.4 s and then 0.1 s are 15, 24 and 6 ticks; after the last one the task stays."""
    simulation = Simulation(make_config(phases=PHASES, clock__tick_hz=60))
    tasks = []
    for _ in range(50):
        simulation.tick()
        tasks.append(int(simulation.last.observation[0, 7]))  # type: ignore[union-attr]
    assert tasks == [0] * 15 + [1] * 24 + [0] * 11
    assert [(p["task"], p["start"], p["ticks"]) for p in simulation.close()["phases"]] == [
        ("chase", 0, 15),
        ("avoid", 15, 24),
        ("chase", 39, 11),
    ]
    assert simulation.telemetry.switches == [(15, 1), (39, 0)]
    with pytest.raises(UserError, match="no task 'flee'"):
        Simulation(make_config(phases=[{"task": "flee", "seconds": 1}]))


def test_learning_steps(make_config: Make) -> None:
    """K steps a tick are one learn() and K - 1 rehearse(); none with learning off or steps_per_tick 0."""
    for steps in (0, 1, 5):
        simulation = finished(make_config(learn__steps_per_tick=steps), 20)
        assert simulation.close()["learning_steps"] == 20 * steps
    simulation = Simulation(make_config())
    weights = simulation.brain.state_dict()["weights"]
    simulation.submit(SetLearning(on=False))
    simulation.run(20)
    assert np.array_equal(simulation.brain.state_dict()["weights"], weights)


def test_slack_learning_fits_the_budget_and_replays(tmp_path: Path, virtual_time: Any, make_config: Make) -> None:
    """A period of 10 ms, a quarter of it margin, a step of 1 ms: learn() ends at 1, rehearsals go on while more than
    2.5 + 2 x 1 ms are left: those that end at 2, 3, 4, 5 and 6. Replayed flat out the counts are the recorded ones."""
    config = make_config(learn={"slack": True}, clock={"pacing": "sleep", "tick_hz": 100})
    simulation = record(config, tmp_path / "run", Clock(config.clock, virtual_time))

    def costing(step: Any) -> Any:
        def slow(*arguments: Any) -> Any:
            virtual_time.pass_ms(1)
            return step(*arguments)

        return slow

    brain: Any = simulation.brain
    brain.learn, brain.rehearse = costing(brain.learn), costing(brain.rehearse)
    simulation.run(30)
    result = simulation.close()
    assert result["misses"] == 0
    assert result["learning_steps"] in range(30 * 6, 30 * 6 + 2)  # the very first cost is not known beforehand
    again, check = replay(tmp_path / "run")
    again.clock.set_pacing("none")
    again.run()
    assert (again.tick_index, check.first_difference, again.error) == (30, None, None)
    assert again.state_hash() == result["hash"]
    with pytest.raises(UserError, match="no slack"):
        Simulation(make_config(learn={"slack": True}))


def test_commands_take_effect_at_a_tick_and_replay(tmp_path: Path, make_config: Make) -> None:
    commands: dict[int, Any] = {
        5: DragTarget(x=0.1, y=0.9),
        12: SwitchTask(task=1),
        20: SwapBrain(name="other", config={"kind": "linear", "rate": 0.5}),
        25: SetLearning(on=False),
        31: ResetWorld(),
        40: SetLearning(on=True),
    }
    simulation = record(make_config(), tmp_path / "run")

    def act(simulation: Simulation) -> None:
        if simulation.tick_index in commands:
            simulation.submit(commands[simulation.tick_index])

    simulation.run(64, act)
    result = simulation.close()
    assert simulation.brain_name == "other"
    assert simulation.environment.episode == 1
    stamped = read_lines(tmp_path / "run" / COMMANDS, StampedCommand)
    assert {line.tick: line.command for line in stamped} == commands
    again, check = replay(tmp_path / "run")
    again.clock.set_speed(20)
    again.run()
    assert (again.state_hash(), check.first_difference) == (result["hash"], None)
    assert finished(make_config(), 64).state_hash() != result["hash"]


def test_replay_names_the_first_tick_that_differs(tmp_path: Path, make_config: Make) -> None:
    """A hash line is written every 10 ticks; a push at tick 33 that is taken out of the recording shows at 40."""
    run = tmp_path / "run"
    simulation = record(make_config("CartPole-v1"), run)
    simulation.run(33)
    simulation.submit(Push(direction=1))
    simulation.run(30)
    simulation.close()
    assert len((run / HASHES).read_text().splitlines()) == 6
    (run / COMMANDS).write_text("")
    again, check = replay(run)
    again.run()
    assert check.first_difference == 40


def test_replay_compares_the_last_state_too(tmp_path: Path, make_config: Make) -> None:
    """The last hash line is of tick 60; the hash in result.json is of tick 63."""
    run = tmp_path / "run"
    simulation = record(make_config(), run)
    simulation.run(63)
    value = simulation.close()["hash"]
    for recorded, difference in ((value, None), ("0" * 32, 63)):
        (run / RESULT).write_text((run / RESULT).read_text().replace(value, recorded))
        again, check = replay(run)
        again.run()
        assert (again.tick_index, check.first_difference) == (63, difference)


def test_a_swap_that_does_not_fit_is_told_and_the_brain_stays(make_config: Make) -> None:
    """Its config is right, but there is no oracle in CartPole."""
    notices: list[str] = []

    class Ear(Listener):
        def notice(self, text: str) -> None:
            notices.append(text)

    simulation = Simulation(make_config("CartPole-v1"))
    simulation.listen(Ear())
    before = simulation.brain
    simulation.submit(SwapBrain(name="seer", config={"kind": "oracle"}))
    simulation.run(2)
    assert simulation.error is None and simulation.brain is before
    (notice,) = notices
    assert notice.startswith("linear stays: brain: oracle does not fit this world")


def test_a_simulation_that_nobody_will_see_draws_nothing(make_config: Make) -> None:
    seen, unseen = Simulation(make_config()), Simulation(make_config(), drawn=False)
    for simulation in (seen, unseen):
        simulation.run(20)
    assert seen.environment.render() is not None and unseen.environment.render() is None
    assert seen.state_hash() == unseen.state_hash()


def test_submit_refuses_what_cannot_be_done(make_config: Make) -> None:
    simulation = Simulation(make_config("CartPole-v1"))
    with pytest.raises(UserError, match="no tasks"):
        simulation.submit(SwitchTask(task=0))
    with pytest.raises(UserError, match=r"did you mean linear"):
        simulation.submit(SwapBrain(name="x", config={"kind": "liner"}))
    with pytest.raises(UserError, match="rate"):
        simulation.submit(SwapBrain(name="x", config={"kind": "linear", "rate": "fast"}))


@pytest.mark.parametrize(
    ("world", "brain", "culprit", "what"),
    [
        ("CartPole-v1", {"fail_at": 25}, r"act\(\)", "ArithmeticError: the brain lost its mind"),
        ("CartPole-v1", {"nan_at": 25}, r"act\(\)", "returned .*nan"),
        ("Pendulum-v1", {"nan_at": 25}, r"act\(\)", "returned .*nan"),
        ("test/Faulty-v0", {}, r"step\(\)", "ZeroDivisionError: the floor gave way"),
        ("test/Leaving-v0", {}, r"step\(\)", "SystemExit: 0"),
    ],
)
def test_failures_are_reported_and_nothing_is_lost(
    world: str, brain: dict[str, Any], culprit: str, what: str, tmp_path: Path, make_config: Make
) -> None:
    """The 25th tick fails: the run stops after 24, all of which are saved; the same run without the fault goes on."""
    run = tmp_path / "run"
    simulation = record(make_config(world, brain={"kind": "linear", **brain}), run)
    simulation.run(100)
    assert simulation.tick_index == 24
    error = str(simulation.error)
    assert error.startswith("tick 24: ")
    with pytest.raises(UserError, match=f"{culprit} failed.*{what}(.|\n)*saved up to tick 24"):
        raise simulation.error  # type: ignore[misc]
    assert "Traceback" in (run / "error.txt").read_text()
    assert simulation.close()["error"] == error
    if not world.startswith("test/"):
        whole = finished(make_config(world), 24)
        resumed = resume(run)
        assert resumed.tick_index == 24
        assert resumed.brain.state_dict()["weights"].tobytes() == whole.brain.state_dict()["weights"].tobytes()
        np.testing.assert_array_equal(resumed.environment.observation, whole.environment.observation)
        resumed.close()


def failing(*_: Any, **__: Any) -> Any:
    raise MemoryError("no room")


def test_a_warm_up_that_fails_is_reported(tmp_path: Path, make_config: Make) -> None:
    simulation = record(make_config(), tmp_path / "run")
    brain: Any = simulation.brain
    brain.warm_up = failing
    simulation.run(10)
    assert simulation.tick_index == 0
    assert "tick 0: warming up failed" in str(simulation.error)
    assert "MemoryError: no room" in str(simulation.error)
    assert simulation.close()["error"] == str(simulation.error)
    assert resume(tmp_path / "run").tick_index == 0


def test_a_last_probe_that_fails_loses_nothing_else(tmp_path: Path, make_config: Make) -> None:
    """The run is saved to its last tick, and every other figure is that of a run that is not probed."""
    simulation = record(make_config(), tmp_path / "run")
    simulation.run(35)
    brain: Any = simulation.brain
    brain.frozen_copy = failing
    result = simulation.close()
    assert "the probe failed" in result["error"] and "saved" not in result["error"]
    assert "MemoryError: no room" in (tmp_path / "run" / "error.txt").read_text()
    unprobed = finished(make_config(run__probe_states=0), 35).close()
    for name in ("ticks", "probe", "hash", "accuracy", "score", "phases", "learning_steps"):
        assert result[name] == unprobed[name]
    assert resume(tmp_path / "run").tick_index == 35


def test_pause_step_and_stop_from_another_thread(make_config: Make) -> None:
    simulation = Simulation(make_config(clock={"pacing": "sleep", "tick_hz": 200}))
    simulation.pause()
    idle = threading.Event()
    thread = threading.Thread(target=simulation.run, kwargs={"on_tick": lambda _: idle.set()})
    thread.start()
    assert idle.wait(10)
    assert simulation.tick_index == 0
    simulation.step(3)
    while simulation.tick_index < 3:
        idle.wait(0.01)
    idle.clear()
    assert idle.wait(10)
    assert simulation.tick_index == 3
    simulation.pause(False)
    while simulation.tick_index < 6:
        idle.wait(0.01)
    simulation.stop()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_after_the_tick(number: int, make_config: Make) -> None:
    simulation = Simulation(make_config())
    before = signal.getsignal(number)

    def interrupt(simulation: Simulation) -> None:
        if simulation.tick_index == 7:
            os.kill(os.getpid(), number)

    simulation.run(on_tick=interrupt)
    assert (simulation.tick_index, simulation.interrupted) in [(7, number), (8, number)]
    assert signal.getsignal(number) is before


def test_result_has_every_figure(make_config: Make) -> None:
    simulation = finished(make_config(), 70)
    result = simulation.close()
    figures = {"ticks", "accuracy", "score", "probe", "phases", "events", "episodes", "learning_steps", "rollbacks"}
    timing = {"lateness_ms", "execution_ms", "response_ms", "misses", "miss_share", "availability", "phase_us"}
    rates = {"asked_hz", "achieved_hz", "real_time_factor", "warm_up_seconds", "frames"}
    made_with = {"world", "brain", "seed", "hash", "backend", "versions", "machine", "error"}
    assert set(result) >= figures | timing | rates | made_with
    assert set(result["probe"]) == {"chase", "avoid"}
    assert result is simulation.close()
