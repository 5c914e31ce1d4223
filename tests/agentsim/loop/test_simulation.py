"""The loop: one result at any pace, tasks at their tick, learning steps, pauses and ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from agentsim.config.load import Config
from agentsim.errors import UserError
from agentsim.loop.clock import Clock
from agentsim.loop.commands import SetLearning
from agentsim.loop.simulation import Simulation
from tests.agentsim.loop.finishing import finished

Make = Callable[..., Config]
WORLDS = ["agentsim/ChaseAvoid-v0", "CartPole-v1", "Pendulum-v1"]
PHASES = [{"task": "chase", "seconds": 0.25}, {"task": "avoid", "seconds": 0.4}, {"task": "chase", "seconds": 0.1}]


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


def test_a_simulation_that_nobody_will_see_draws_nothing(make_config: Make) -> None:
    seen, unseen = Simulation(make_config()), Simulation(make_config(), drawn=False)
    for simulation in (seen, unseen):
        simulation.run(20)
    assert seen.environment.render() is not None and unseen.environment.render() is None
    assert seen.state_hash() == unseen.state_hash()


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
