"""What there is to show of a simulation, as plain values: layers, curves, what a person did. Knows no pixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agentsim.loop.commands import ChangeBrain, Command, DragTarget, Draw, SetLearning, SwapBrain
from agentsim.loop.simulation import Simulation
from agentsim.window.shown import Curve, Layer
from brains.brain import NO_LABEL
from brains.team import Team
from worlds.outlines import outlines_of

EPISODES = 20  # whose mean is a curve
SPANS: tuple[float | None, ...] = (None, 60.0, 10.0)  # simulated seconds that the curves show; None: all there are


def layers_of_brain(
    simulation: Simulation,
    activity: Mapping[str, NDArray[np.float64]],
    figures: Mapping[str, float],
    peaks: Mapping[str, float],
) -> list[Layer]:
    """What is sensed, and every layer of the brain or the brains, from the first on. `activity`: name -> (N, units);
    `figures`: what the brain tells of itself; `peaks`: those of the picture before, which fade slowly."""
    environment, body = simulation.environment, simulation.environment.body
    senses = {f"{agent} senses": lane for lane, agent in enumerate(environment.agents)} or {"observation": 0}
    values = {name: environment.observation[lane].astype(np.float64) for name, lane in senses.items()}
    values |= {name: np.asarray(layer, np.float64)[0].ravel() for name, layer in activity.items()}
    chosen, right = _answers(simulation, [name for name in values if name not in senses])
    drawn_as: Mapping[str, str] = getattr(simulation.brain, "drawn_as", {})
    layers = []
    for name, numbers in values.items():
        largest = float(np.abs(numbers[np.isfinite(numbers)]).max(initial=1e-6))
        names = environment.observation_names if name in senses else environment.action_names if name in chosen else ()
        if drawn_as.get(name) == "bars":
            names = tuple(map(str, range(numbers.size)))
        budget, gap = figures.get(f"link_budget/{name}"), figures.get(f"link_gap/{name}")
        layers.append(
            Layer(
                name,
                numbers,
                max(largest, 0.99 * peaks.get(name, 0.0)),
                chosen.get(name),
                right.get(name),
                names if len(names) == numbers.size else (),
                None if budget is None or gap is None else (budget, gap),
                drawn_as.get(name, "cells"),
            )
        )
    assert body.lanes == max(1, len(environment.agents))
    return layers


def imagined_lines(simulation: Simulation) -> NDArray[np.float64] | None:
    """What the world would show of what the brain imagines of the next ticks, (T, points, x and y) in shares of
    the picture from its upper left corner; None where it imagines nothing, or nothing is known of that picture."""
    imagined = getattr(simulation.brain, "imagines", lambda: None)()
    if imagined is None:
        return None
    lines = outlines_of(simulation.environment.id, np.asarray(imagined[0]))
    return None if lines is None else np.clip(np.nan_to_num(lines), -1, 2)


def _answers(simulation: Simulation, layers: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Of the last layer of every brain, the cell that was chosen in the last tick, and the one the teacher named."""
    experience, body, brain = simulation.last, simulation.environment.body, simulation.brain
    chosen, right = dict[str, int](), dict[str, int]()
    if experience is None or not body.discrete or not layers:
        return chosen, right
    members = [(f"{name} ", int(m.lanes[0])) for name, m in brain.members.items()] if isinstance(brain, Team) else []
    for owner, lane in members or [("", 0)]:
        own = [name for name in layers if name.startswith(owner)]
        if own and simulation.brain.activity()[own[-1]].shape[-1] == body.actions:
            chosen[own[-1]] = int(experience.action[lane])
            label = experience.teacher_action
            if label is not None and int(label[lane]) != NO_LABEL:
                right[own[-1]] = int(label[lane])
    return chosen, right


def curves_of(simulation: Simulation, span: float | None = None) -> list[Curve]:
    """Accuracy and score where the world has them, or the accuracy of two agents; else the returns of the episodes
    and their mean over 20, or as long as none has ended what the brain tells of itself first, and the loss. `span`: the
    last so many simulated seconds; None: all of them."""
    telemetry, hz = simulation.telemetry, simulation.config.clock.tick_hz
    since = -np.inf if span is None else simulation.tick_index / hz - span
    rows = telemetry.rows
    ticks = [row.tick for row in rows]

    def known(ticks: list[int], values: Iterable[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        pairs = [(tick / hz, value) for tick, value in zip(ticks, values, strict=True) if value is not None]
        both = np.array(pairs, np.float64).reshape(-1, 2)
        both = both[both[:, 0] >= since]
        return both[:, 0], both[:, 1]

    if agents := simulation.environment.agents:
        own = [known(ticks, [row.agents[name].accuracy for row in rows]) for name in agents[:2]]
        named = zip(agents, own, strict=False)
        return [Curve(f"{name}, accuracy", *curve, k, percent=True) for k, (name, curve) in enumerate(named)]
    accuracy, score = known(ticks, [row.accuracy for row in rows]), known(ticks, [row.score for row in rows])
    if len(accuracy[0]) or len(score[0]) or simulation.environment.body.teacher:
        low, high = nice(max(-1.0, _least(score[1])), max(1.0, _most(score[1])))
        return [Curve("accuracy", *accuracy, 0, percent=True), Curve("score", *score, 1, low, high)]
    loss = known(ticks, [row.loss for row in rows])
    # a few losses, the first ones mostly, are far above all others: the axis is for the rest
    usual = 3.0 * float(np.quantile(loss[1], 0.9)) if len(loss[1]) else 1.0
    learned = Curve("loss", *loss, 1, *nice(0.0, min(_most(loss[1]), usual) or 1.0))
    if not telemetry.returns and rows and rows[-1].extra:
        name = next(iter(rows[-1].extra))
        told = known(ticks, [row.extra.get(name) for row in rows])
        return [Curve(name, *told, 0, *axis_of(told[1])), learned]
    ends = [tick for tick, _ in telemetry.returns]
    earned = np.array([value for _, value in telemetry.returns], np.float64)
    single, mean = known(ends, earned), known(ends, running_mean(earned, EPISODES))
    low, high = axis_of(single[1])
    return [
        Curve("return", *single, 0, low, high, dots=True),
        Curve(f"mean of {EPISODES}", *mean, 0, low, high),
        learned,
    ]


def running_mean(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Of every value the mean with those before it, `count` in all; of the first ones as many as there are."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    last = np.arange(1, len(values) + 1)
    first = np.maximum(0, last - count)
    return (sums[last] - sums[first]) / (last - first)


def axis_of(values: NDArray[np.float64]) -> tuple[float, float]:
    """A range that holds all values with a little room, so that no line lies on an edge."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    room = 0.02 * (high - low) or max(1.0, 0.02 * abs(high))
    return nice(low - room, high + room)


def nice(low: float, high: float) -> tuple[float, float]:
    """The range, a little wider, so that its ends are short numbers: multiples of 1, 2 or 5 tenths."""
    rough = max(high - low, 1e-12) / 8
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= rough * (1 - 1e-9))
    return float(np.floor(low / step + 1e-9) * step) + 0.0, float(np.ceil(high / step - 1e-9) * step) + 0.0


def _least(values: NDArray[np.float64]) -> float:
    return float(values.min(initial=0.0))


def _most(values: NDArray[np.float64]) -> float:
    return float(values.max(initial=0.0))


def mark_of(command: Command) -> str | None:
    """What a command is called beside the curves; None for those that have a mark of their own, or need none."""
    match command:
        case SwapBrain():
            return f"{'new ' if command.fresh else ''}{command.name}"
        case ChangeBrain():
            return ", ".join(
                f"{key} {value:.3g}" if isinstance(value, float) else f"{value}"
                for key, value in command.changes.items()
            )
        case SetLearning():
            return f"learning {'on' if command.on else 'off'}"
        case DragTarget():
            return "drag"
        case Draw():
            return "draw"
    return None
