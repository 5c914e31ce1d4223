"""`agentsim check speed`: fair starts, targets really reached, misses that count, ratios and entropies by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from agentsim.batch.claims import speed
from agentsim.cli.app import app


def test_parity_is_the_product_of_signs() -> None:
    problem = speed.parity(3, 4)
    assert len({*map(tuple, problem.x.tolist())}) == 8
    assert torch.equal(problem.labels, (problem.x.prod(1) > 0).long())


def test_both_start_alike_and_see_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal parameters at the start, and the same rows in every batch."""
    seen: dict[str, list[torch.Tensor]] = {}
    problem = replace(speed.parity(4, 8), batch=5, most=6)
    pair = [speed.Training(problem, engine, 0.01, 3) for engine in speed.ENGINES]
    for one, other in zip(*(training.engine.parameters for training in pair), strict=True):
        assert torch.equal(one, other)
    for engine, training in zip(speed.ENGINES, pair, strict=True):
        seen[engine] = []

        def watched(x, target, *rest, _kept=seen[engine], _gradients=training.engine.gradients):  # type: ignore[no-untyped-def]
            _kept.append(torch.cat([x, target], 1))
            return _gradients(x, target, *rest)

        monkeypatch.setattr(training.engine, "gradients", watched)
        while not training.over:
            training.go_on()
    assert len(seen["EqProp"]) == len(seen["backprop"]) == 6
    assert all(map(torch.equal, *seen.values()))


def test_eqprop_keeps_its_bound_while_it_races() -> None:
    """gamma sigma^2 by singular values: gains follow the weights, which have grown by then."""
    training = speed.Training(speed.parity(2, 8), "EqProp", 0.1, 0)
    while training.updates < 60:
        training.go_on()
    engine = training.engine
    largest = float(torch.linalg.matrix_norm(engine.weights[1], 2))
    assert largest**2 > 2, "so that there is something to hold"
    assert engine.net.gain(1) * largest**2 == pytest.approx(0.5, rel=0.05)  # type: ignore[attr-defined]


@pytest.mark.parametrize("engine", speed.ENGINES)
def test_what_reached_the_target_is_below_it(engine: str) -> None:
    """By numpy's cross-entropy of the scores; and what is given up says so."""
    problem = speed.parity(2, 8)
    training = speed.Training(problem, engine, 0.1, 0)
    while not training.over:
        training.go_on()
    with torch.no_grad():
        scores = training.engine.scores(problem.x).double().numpy()
    powers = np.exp(scores)
    chosen = powers[np.arange(4), problem.labels] / powers.sum(1)
    assert training.reached and training.seconds > 0
    assert -np.log(chosen).mean() <= problem.target
    hopeless = speed.Training(replace(problem, target=-1.0, most=3), engine, 0.1, 0)
    while not hopeless.over:
        hopeless.go_on()
    assert (hopeless.reached, hopeless.updates) == (False, 3)


def of(rate: float, updates: int, seconds: float, reached: bool = True) -> speed.Training:
    training = speed.Training(speed.parity(2, 2), "EqProp", rate, 0)
    training.updates, training.seconds, training.reached = updates, seconds, reached
    return training


def test_rates_and_ratios_by_hand() -> None:
    """The geometric mean of 2 and 8 is 4; t(.975, 1) = 12.706 and the logarithms' standard error is ln 2. A run that
    missed is in the counts of its engine, in no ratio, and refutes the claim."""
    lasted = {0.01: (300, 100), 0.1: (150, 150)}  # of all others 999
    tried = [of(rate, updates, 1.0) for rate in speed.RATES for updates in lasted.get(rate, (999, 999))]
    assert speed.best_rate(tried) == 0.1
    runs = [[of(0.1, 10, 2.0), of(0.1, 10, 1.0)], [of(0.1, 10, 8.0), of(0.1, 10, 1.0)]]
    runs += [[of(0.1, 3_000, 9.0, False), of(0.1, 10, 1.0)]]
    row = speed.row_of(speed.parity(2, 2), runs)
    assert row["EqProp"]["reached"] == [True, True, False]
    assert row["EqProp"]["updates"] == [10, 10, 3_000]
    found = row["seconds_ratio"]
    assert (found["mean"], found["n"]) == (pytest.approx(4), 2)
    assert found["high"] == pytest.approx(4 * 2**12.7062, rel=1e-3)
    assert found["low"] * found["high"] == pytest.approx(16)
    assert row["updates_ratio"]["mean"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("seconds", "reached", "said"),
    [
        ((0.5, 0.5, 0.5), True, "holds"),
        ((0.5, 0.5, 0.5), False, "does not hold"),
        ((0.8, 0.8, 0.8), True, "does not hold"),
        ((0.2, 0.5, 0.8), True, "does not hold"),
    ],
    ids=["holds", "missed", "too little", "too wide"],
)
def test_verdicts_go_both_ways(seconds: tuple[float, ...], reached: bool, said: str) -> None:
    runs = [[of(0.1, 10, own), of(0.1, 10, 1.0)] for own in seconds]
    runs[-1][0].reached = reached
    (verdict,) = speed.verdicts([speed.row_of(speed.parity(2, 2), runs)])
    assert verdict["verdict"] == said


def test_entropies_are_those_of_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: with one more each, b is 2 of 4 + 27, after a 2 of 2 + 27, after b 1 of 1 + 27."""
    a, b = speed.LETTERS.index("a"), speed.LETTERS.index("b")
    monkeypatch.setattr(speed, "texts", lambda: ([a, a, b, a], [a, a, a, a, b, b]))
    found = speed.controls()
    assert found["all alike"] == pytest.approx(math.log(27))
    assert found["unigram"] == pytest.approx(-math.log(2 / 31))
    assert found["bigram"] == pytest.approx(-(math.log(2 / 29) + math.log(1 / 28)) / 2)


def test_the_text_that_is_held_out_is_not_learned() -> None:
    learned, held_out = speed.texts()
    text = "".join(speed.LETTERS[place] for place in [*learned, *held_out])
    assert text.startswith("alice was beginning to get very tired of sitting by her sister")
    problem = speed.characters()
    assert len(problem.x) == len(learned) - 4 and len(problem.judged[0]) == len(held_out) - 4
    first = problem.x[0].reshape(4, 27).argmax(1).tolist()
    assert "".join(speed.LETTERS[place] for place in [*first, int(problem.labels[0])]) == "alice"


def test_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "PROBLEMS", (lambda: speed.parity(2, 8),))
    monkeypatch.setattr(speed, "RATES", (0.1, 0.3))
    done = CliRunner().invoke(app, ["check", "speed", "--seeds", "2", "--json"])
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)["rows"]
    assert row["EqProp"]["reached"] == row["backprop"]["reached"] == [True, True]
    shown = CliRunner().invoke(app, ["check", "speed", "--seeds", "1"]).stdout
    assert "1 of 1" in shown and "bigram" in shown and "times its updates" in shown
