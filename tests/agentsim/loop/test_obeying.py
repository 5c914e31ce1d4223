"""Commands and slack learning: they take effect at their tick, and a replay does them again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentsim.config.load import Config
from agentsim.errors import UserError
from agentsim.loop.clock import Clock
from agentsim.loop.commands import DragTarget, Push, ResetWorld, SetLearning, SwapBrain, SwitchTask
from agentsim.loop.listener import Listener
from agentsim.loop.simulation import Simulation
from agentsim.runs.directory import COMMANDS, HASHES, RESULT, StampedCommand, read_lines
from agentsim.runs.recorded import record, replay
from tests.agentsim.loop.finishing import finished

Make = Callable[..., Config]


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


@pytest.mark.parametrize(
    ("edit", "difference"), [("moved", 30), ("deleted", 30), ("added", 33), ("last deleted", None)]
)
def test_replay_finds_hashes_that_were_never_made_and_misses_those_that_are_gone(
    make_config: Make, tmp_path: Path, edit: str, difference: int | None
) -> None:
    """Sixty ticks, a hash after every ten; what was lost at the end, as when a run is killed, is no difference."""
    simulation = record(make_config("CartPole-v1"), tmp_path / "run")
    simulation.run(60)
    simulation.close()
    path = tmp_path / "run" / HASHES
    lines = path.read_text().splitlines()
    changed = {
        "moved": [*lines[:2], lines[2].replace("30", "31", 1), *lines[3:]],
        "deleted": [*lines[:2], *lines[3:]],
        "added": [*lines[:3], lines[2].replace("30", "33", 1), *lines[3:]],
        "last deleted": lines[:-1],
    }
    path.write_text("\n".join(changed[edit]) + "\n")
    again, check = replay(tmp_path / "run")
    again.run()
    assert check.first_difference == difference


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


def test_submit_refuses_what_cannot_be_done(make_config: Make) -> None:
    simulation = Simulation(make_config("CartPole-v1"))
    with pytest.raises(UserError, match="no tasks"):
        simulation.submit(SwitchTask(task=0))
    with pytest.raises(UserError, match=r"did you mean linear"):
        simulation.submit(SwapBrain(name="x", config={"kind": "liner"}))
    with pytest.raises(UserError, match="rate"):
        simulation.submit(SwapBrain(name="x", config={"kind": "linear", "rate": "fast"}))
