"""What the panels are given: names, answers, links, curves and marks, by closed forms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentsim.config.load import Config, load_config
from agentsim.loop.commands import ChangeBrain, DragTarget, Draw, ResetWorld, SetLearning, SwapBrain, SwitchTask
from agentsim.loop.simulation import Simulation
from agentsim.runs.recorded import record
from agentsim.window.app import App
from agentsim.window.showing import axis_of, curves_of, layers_of_brain, mark_of, nice, running_mean
from brains.brain import figures_of

Make = Callable[..., Config]


def layers(simulation: Simulation) -> list[Any]:
    brain = simulation.brain
    return layers_of_brain(simulation, brain.activity(), figures_of(brain), {})


def test_names_answers_and_links_of_layers() -> None:
    """What was chosen is the world's action, what was right its teacher's; names are the world's; links the brain's."""
    simulation = Simulation(load_config("arena", "step-tween-chain", ["clock.pacing=none"]))
    simulation.run(61)
    sensed, *hidden, output = layers(simulation)
    assert sensed.names == simulation.environment.observation_names and len(sensed.names) == 8
    assert output.names == ("up", "down", "left", "right")
    assert all(layer.names == () and layer.chosen is None and layer.right is None for layer in hidden)
    assert simulation.last is not None and simulation.last.teacher_action is not None
    assert (output.chosen, output.right) == (simulation.last.action[0], simulation.last.teacher_action[0])
    np.testing.assert_array_equal(sensed.values, simulation.environment.observation[0].astype(float))
    told = figures_of(simulation.brain)
    for layer in [*hidden, output]:
        assert layer.link == (told[f"link_budget/{layer.name}"], told[f"link_gap/{layer.name}"])
    assert sensed.link is None


def test_links_are_in_the_metrics_of_a_run(tmp_path: Path) -> None:
    """A budget and a gap for each of six layers in every row; none of a rule without links."""
    for name, count in (("step-tween-chain", 12), ("online-backprop", 0)):
        config = load_config("arena", name, ["clock.pacing=none"])
        with record(config, tmp_path / name) as simulation:
            simulation.run(120)
            assert [len(row.extra) for row in simulation.telemetry.rows] == [count, count]


def test_a_peak_fades_and_never_hides_what_is() -> None:
    simulation = Simulation(load_config("arena", "random", ["clock.pacing=none"]))
    simulation.run(1)
    largest = float(np.abs(simulation.environment.observation).max())
    (sensed, *_) = layers_of_brain(simulation, {}, {}, {"observation": 100.0})
    assert sensed.peak == pytest.approx(99.0)
    (sensed, *_) = layers_of_brain(simulation, {}, {}, {"observation": 1e-9})
    assert sensed.peak == pytest.approx(largest)


def test_a_running_mean_is_that_of_the_last_so_many() -> None:
    values = np.random.default_rng(0).normal(size=57)
    expected = [values[max(0, k - 19) : k + 1].mean() for k in range(57)]
    np.testing.assert_allclose(running_mean(values, 20), expected)
    assert len(running_mean(np.zeros(0), 20)) == 0


@pytest.mark.parametrize("low", [-1618.0, -21.5, -0.3, 0.0, 3.0, 480.0])
@pytest.mark.parametrize("width", [1e-4, 0.02, 0.7, 1.0, 13.0, 511.0, 9e4])
def test_an_axis_holds_its_values_and_has_short_numbers(low: float, width: float) -> None:
    first, last = nice(low, low + width)
    assert first <= low + 1e-9 * width and last >= low + width * (1 - 1e-9)
    assert last - first <= 1.6 * width
    step = (last - first) / np.round((last - first) / (10.0 ** np.floor(np.log10(width / 8))))
    assert np.isclose(first / step, np.round(first / step), atol=1e-4)
    inside = axis_of(np.array([low, low + width]))
    assert inside[0] < low and inside[1] > low + width, "no line lies on the edge"


def test_curves_of_a_world_of_rewards(make_config: Make) -> None:
    """Each return, the mean of 20, and the loss on an axis of its own."""
    simulation = Simulation(make_config("CartPole-v1"))
    simulation.run(3000)
    single, mean, loss = curves_of(simulation)
    returns = [value for _, value in simulation.telemetry.returns]
    assert (single.name, single.dots, mean.name, loss.name) == ("return", True, "mean of 20", "loss")
    np.testing.assert_array_equal(single.values, returns)
    assert mean.values[-1] == pytest.approx(np.mean(returns[-20:]))
    assert single.low == mean.low < min(returns) and single.high == mean.high > max(returns)
    assert (single.axis, mean.axis, loss.axis) == (0, 0, 1)


def test_scores_beyond_one_are_not_cut_off(make_config: Make) -> None:
    simulation = Simulation(make_config(phases=[{"task": "chase", "seconds": 100}]))
    simulation.run(120)
    simulation.telemetry.rows[-1] = simulation.telemetry.rows[-1].model_copy(update={"score": 1.31})
    score = curves_of(simulation)[1]
    assert score.name == "score" and score.high >= 1.31


@pytest.mark.parametrize(
    ("command", "mark"),
    [
        (SwapBrain(name="arena", config={"kind": "random"}), "arena"),
        (SwapBrain(name="arena", config={"kind": "random"}, fresh=True), "new arena"),
        (SetLearning(on=False), "learning off"),
        (ChangeBrain(changes={"rule": "tween"}), "tween"),
        (ChangeBrain(changes={"learning_rate": 0.01}), "learning_rate 0.01"),
        (DragTarget(x=0.5, y=0.5), "drag"),
        (Draw(x=0, y=0, to_x=1, to_y=1), "draw"),
        (SwitchTask(task=1), None),
        (ResetWorld(), None),
    ],
)
def test_what_a_person_did_has_a_mark(command: Any, mark: str | None) -> None:
    assert mark_of(command) == mark


def test_a_drag_is_one_mark_however_long_it_is(make_config: Make) -> None:
    simulation = Simulation(make_config())
    app = App(simulation, (960, 640))
    for tick in (5, 6, 7, 8, 30, 31):
        app.picture.mark(tick, DragTarget(x=0.5, y=0.5))
    app.picture.mark(40, SetLearning(on=True))
    assert app.picture.marks == [(5, "drag"), (30, "drag"), (40, "learning on")]
