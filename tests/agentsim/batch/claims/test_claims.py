"""`agentsim check`: verdicts both ways by numbers made by hand, memory by counting, and the commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from agentsim.batch import settings
from agentsim.batch.claims import gradient, memory, tokens, variants
from agentsim.batch.digits import study
from agentsim.batch.digits.equilibrium import EqPropEngine
from agentsim.batch.digits.learners import ImageLearner
from agentsim.batch.digits.settings import DigitsConfig
from agentsim.cli.app import app
from brains.kernels.reference.settling import settle


def rows_with(cosine: float) -> list[dict[str, Any]]:
    names = ("8-64-64-4 after 100 updates", "energy-transformer, 0 updates", "looped-block, 0 updates")
    others = [gradient.Case(name, (), "", beta=0.02) for name in names]
    return [{**gradient._words(case), "cosines": [cosine] * 3} for case in [*gradient.CASES, *others]]


def test_verdicts_of_the_gradient_go_both_ways() -> None:
    good, bad = (gradient.verdicts(rows_with(cosine)) for cosine in (0.99999, 0.5))
    said = ["holds", "holds", "does not hold", "does not hold", "holds", "holds", "holds", "holds"]
    assert [row["verdict"] for row in good] == said
    rows = rows_with(0.99999)
    for row in rows:
        if row["net"] == "tanh, upper weights halved" and (row["beta"], row["nudges"]) == (0.01, "two"):
            row["cosines"] = [0.99]
    assert gradient.verdicts(rows)[0]["verdict"] == "does not hold", "both betas count"
    assert [row["verdict"] for row in bad] == ["holds" if one != "holds" else "does not hold" for one in said]


def test_verdicts_of_memory_go_both_ways() -> None:
    def rows(own: tuple[int, int]) -> list[dict[str, Any]]:
        return [{"depth": 2 + 62 * k, "eqprop": bytes_, "backprop": 1} for k, bytes_ in enumerate(own)]

    for own, said in (((8, 8), "holds"), ((8, 80), "does not hold")):
        assert [row["verdict"] for row in memory.verdicts(rows(own), rows(own))] == [said, said]


def test_memory_of_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """At least, by hand: the drive, states of 3 layers in three phases, and the gradient, in which as much is alive
    again at most. And a settling that kept what it went through would be seen."""
    short, long = (memory._row(2, 64, sweeps) for sweeps in (20, 200))
    layer, gradient = 16 * 64 * 4, 3 * (64 * 64 + 64) * 4
    least = layer * (1 + 3 * 3) + gradient
    assert least <= short["eqprop"] == long["eqprop"] <= 2 * least
    assert 9 < long["backprop"] / short["backprop"] < 11
    kept: list[Any] = []

    def hoarding(net: Any, states: Any, sweeps: int, **given: Any) -> Any:
        for _ in range(sweeps):
            kept.append(settle(net, states, 1, **given))
            states = kept[-1].states
        return kept[-1]

    monkeypatch.setattr(memory, "settle", hoarding)
    assert memory._row(2, 64, 40, backprop=False)["eqprop"] > 20 * 2 * 3 * layer


def test_what_is_alive_is_counted_once() -> None:
    """By hand: 100 and 50 float32 numbers, a view of the first, and no longer the 100 that were dropped."""
    with memory.Alive() as alive:
        first = torch.zeros(100)
        rows = first.view(10, 10)
        assert alive.most == 400
        del first, rows
        torch.zeros(50)
        assert alive.most == 400
        kept = [torch.zeros(100), torch.zeros(50)]
    assert (alive.most, len(kept)) == (600, 2)


def test_one_gradient_is_examined() -> None:
    """A contraction in float64 is the gradient, in direction and in size; one nudge is further from it than two."""
    case = gradient.Case("small", (12, 10, 4), "tanh", 0.5, beta=0.05, precision="float64")
    cosine, residual, size = gradient._examined(case, 0)
    one_sided = gradient._examined(gradient.replace(case, one_sided=True), 0)
    assert cosine > 0.9999
    assert residual < 1e-12
    assert size == pytest.approx(1, abs=0.01)
    assert one_sided[0] < cosine


def test_a_compiled_net_still_has_its_gradient_after_a_hundred_updates() -> None:
    """Autograd in float64 through the settled net with its own gains, which have fallen by then."""
    settled, fast = gradient.life(0, moments=(100,))
    assert settled["cosines"] > 0.999
    assert settled["sizes"] == pytest.approx(1, abs=0.01)
    assert 0.8 < fast["cosines"] < settled["cosines"]


def test_differences_are_paired_by_seed() -> None:
    runs = {"beta .3": {0: 0.9, 1: 0.8}, "beta 0.01": {1: 0.7, 0: 0.6}}
    rows = [
        {"name": name, "runs": [{"seed": seed, "accuracy": value} for seed, value in own.items()]}
        for name, own in runs.items()
    ]
    found = variants.differences("beta", rows)
    assert found["beta 0.01 - beta .3"]["mean"] == pytest.approx(-0.2)


@pytest.mark.parametrize("check", variants.VARIANTS)
def test_commands_that_train(check: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [*variants.VARIANTS[check]]
    chosen = ("EqProp 32", "backprop 32") if check == "size" else (names[0], names[-1])
    shown = {name: variants.VARIANTS[check][name] for name in chosen}
    monkeypatch.setitem(variants.VARIANTS, check, shown)
    monkeypatch.setattr(study, "picture", lambda result: b"")  # test_digits looks at one
    words = ["check", check, "--seeds", "1", "--batches", "5", "--jobs", "1", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    assert [row["name"] for row in json.loads(done.stdout)["rows"]] == [*shown]
    assert (tmp_path / f"{check}.html").exists()
    assert "points of accuracy" in CliRunner().invoke(app, words).stdout


def test_attention_with_an_energy_has_its_gradient_and_the_looped_block_another(monkeypatch) -> None:
    """Autograd in float64 through the settling of trained nets' like, over all parameters."""
    monkeypatch.setattr(tokens, "MOMENTS", (3,))
    energy, looped = tokens.examined(0)
    assert energy["cosines"] > 0.99999
    assert energy["sizes"] == pytest.approx(1, abs=1e-3)
    assert looped["cosines"] < 0.99


def test_a_looped_block_is_examined_with_the_feedback_that_it_has() -> None:
    """Feedback of its own moves where it settles, and what autograd finds there."""
    config = settings.load(DigitsConfig, "looped-block", ["network.feedback_start=apart"])
    engine = ImageLearner(config, 64).engine
    assert isinstance(engine, EqPropEngine)
    apart, _, _ = tokens._examined(engine)
    engine.feedback = [weight.clone() for weight in engine.weights]
    alike, _, _ = tokens._examined(engine)
    assert abs(apart - alike) > 1e-3


def test_commands_that_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    few = [case for case in gradient.CASES if case.sizes[0] < 100 and case.beta == 0.01]
    monkeypatch.setattr(gradient, "CASES", few)
    monkeypatch.setattr(gradient, "MOMENTS", (0, 1))
    monkeypatch.setattr(tokens, "MOMENTS", (0,))
    monkeypatch.setattr(gradient, "verdicts", lambda rows: [])
    done = CliRunner().invoke(app, ["check", "gradient", "--seeds", "1"])
    assert done.exit_code == 0, done.output
    assert "gamma 0.3" in done.stdout and "after 1 updates" in done.stdout
    monkeypatch.setattr(memory, "LARGE", 64)
    monkeypatch.setattr(memory, "DEPTHS", (2, 4))
    done = CliRunner().invoke(app, ["check", "memory", "--json"])
    assert done.exit_code == 0, done.output
    assert [row["verdict"] for row in json.loads(done.stdout)["verdicts"]] == ["holds", "holds"]
