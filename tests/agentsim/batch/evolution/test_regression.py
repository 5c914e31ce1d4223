"""`agentsim train regression_es`: the estimate against formulas, every mistake seen, exact resume, the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from agentsim.batch import settings, training
from agentsim.batch.evolution.regression import LOST, RegressionTask, directions, fastest, theory
from agentsim.batch.evolution.regression_study import POPULATIONS, RANKS, alarms, trials_of
from agentsim.batch.evolution.settings import RegressionConfig
from agentsim.batch.settings import Asked
from agentsim.cli.app import app
from agentsim.errors import UserError
from brains.kernels.reference import evolution as reference


def config(batches: int = 40, source: str = "raw", **given: Any) -> RegressionConfig:
    overrides = [f"batches={batches}", *(f"{key.replace('__', '.')}={value}" for key, value in given.items())]
    return settings.load(RegressionConfig, source, overrides)


@pytest.mark.parametrize("rank", [1, 3])
def test_differences_are_those_of_members_that_are_made(rank: int) -> None:
    """In float64, against torch's mean squared error of W + sigma E and W - sigma E; and <E, gradient> against the
    gradient of it by autograd."""
    task = RegressionTask(config(evolution__rank=rank, evolution__population=40, seed=3))
    evolution, chance = task.learner.evolution, np.random.default_rng(0)
    x = chance.standard_normal((256, 64), np.float32)
    target = x @ task.learner.target.T
    weights = torch.tensor(task.learner.weights, dtype=torch.float64, requires_grad=True)
    wanted, given = torch.from_numpy(target).double(), torch.from_numpy(x).double()
    numbers = reference.normals(3, 0, 0, range(20), evolution.places[0].numbers)
    noise = reference.perturbation(numbers, (16, 64), rank)

    def fitness(matrix: torch.Tensor) -> torch.Tensor:
        return -torch.nn.functional.mse_loss(given @ matrix.T, wanted)

    with torch.no_grad():
        expected = [float(fitness(weights + 0.1 * e) - fitness(weights - 0.1 * e)) for e in noise]
    np.testing.assert_allclose(task.differences(x, target, range(20)), expected, atol=2e-4)
    (ascent,) = torch.autograd.grad(fitness(weights), weights)
    along = torch.einsum("poi,oi->p", noise, ascent)
    np.testing.assert_allclose(directions(evolution, range(20), ascent.float().numpy()), along, atol=1e-4)


@pytest.mark.parametrize(("rank", "population"), [(1, 128), (4, 512), (16, 512)])
def test_the_estimate_is_as_good_as_the_formula_says(rank: int, population: int) -> None:
    """Cosine within 5 %, of two halves its square for half the pairs, correlation above .99 (a quadratic loss); the
    formula's own value, from the specification's table."""
    table = {(1, 128): 0.22, (4, 512): 0.44, (16, 512): 0.44}
    task = RegressionTask(config(batches=30, evolution__rank=rank, evolution__population=population, seed=5))
    assert theory(task.config) == pytest.approx(table[rank, population], abs=0.01)
    end = training.train(task).curve[-1].model_dump()
    half = theory(
        task.config.model_copy(
            update={"evolution": task.config.evolution.model_copy(update={"population": population // 2})}
        )
    )
    assert end["cosine"] == pytest.approx(theory(task.config), rel=0.05)
    assert end["halves"] == pytest.approx(half**2, abs=0.012)
    assert end["correlation"] > 0.99
    assert end["noise"] == pytest.approx(1 / theory(task.config) ** 2 - 1, rel=0.15)
    assert end["ties"] == 0


def test_it_falls_as_fast_as_theory_says() -> None:
    """Of a quadratic bowl at a share s of the fastest rate, the squared distance shrinks by 1 - cos^2 (2 s - w s^2) a
    generation, with w = 1 + 65 / 256 as X of 256 rows is a Wishart matrix's; over 40 of them within 5 % of the log.
    The curvature is 2 / 16, the fastest rate 8 cos^2."""
    task = RegressionTask(config(batches=40, evolution__population=2048, relative_rate=0.7))
    assert fastest(task.config) == pytest.approx(8 * theory(task.config) ** 2)
    before = task.learner.distance
    training.train(task)
    expected = 20 * np.log(1 - (2 * 0.7 - (1 + 65 / 256) * 0.49) * theory(task.config) ** 2)
    assert np.log(task.learner.distance / before) == pytest.approx(expected, rel=0.05)


def test_perfect_fitness_needs_no_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The estimator alone: no member is judged, and it falls all the same."""
    task = RegressionTask(config(batches=60, fitness="perfect"))
    monkeypatch.setattr(task, "differences", None)
    training.train(task)
    assert task.learner.distance < task.kept["first"][0] / 50


WRONG = {
    "aliasing": "cosine",
    "scale": "diverged",
    "mismatch": "do not say what the gradient says",
    "float16": "no numbers",
    "clip": "does not get near",
}


@pytest.mark.parametrize("broken", WRONG)
def test_every_mistake_is_seen(broken: str) -> None:
    """150 generations, which are enough where nothing is broken: an alarm that says what."""
    for mistake, expected in (("no", []), (broken, [WRONG[broken]])):
        given = config(batches=150, evolution__population=512, broken=mistake)
        task = RegressionTask(given)
        curve = [point.model_dump() for point in training.train(task).curve]
        run = {"curve": curve, "distance": curve[-1]["score"], "start": task.kept["first"][0]}
        about = {"shaping": "raw", "theory": theory(given), "runs": [run], "name": mistake}
        found = " ".join(alarms(about))
        assert all(words in found for words in expected)
        assert bool(found) == bool(expected)
    assert broken != "scale" or run["distance"] == LOST


@pytest.mark.parametrize("source", settings.names("regression_es"))
def test_an_interrupted_training_goes_on_to_the_same_bits(tmp_path: Path, source: str) -> None:
    """Every shipped config; its estimates too."""
    given = config(12, source, evolution__population=32, eval_interval=5)
    whole, parts, again = (RegressionTask(given) for _ in range(3))
    training.train(whole)
    asked = [False] * 7 + [True] * 2
    training.train(parts, tmp_path, stop=lambda: asked.pop(0))
    training.train(again, tmp_path)
    for name, array in {**whole.learner.state_dict(), **whole.kept}.items():
        assert np.array_equal(array, {**again.learner.state_dict(), **again.kept}[name]), name


def test_the_grid() -> None:
    """Without options: ranks, populations, and the other shapings; with them, those; nothing twice."""
    asked = Asked([], [], 1, 1, None)
    names = [trial.name for trial in trials_of(asked, [], [], None, [])]
    assert len(names) == len(RANKS) * len(POPULATIONS) + 5
    found = trials_of(asked, [2], [64, 128], "perfect", ["aliasing"])
    assert [trial.name for trial in found] == [
        f"raw, rank 2, population {n}, perfect fitness, broken: aliasing" for n in (64, 128)
    ]
    with pytest.raises(UserError, match="this row already"):
        trials_of(asked, [1, 1], [], None, [])


def test_command_line(tmp_path: Path) -> None:
    """Table, JSON, picture and page; what is kept is not trained again; what is wrong is said, with exit status 2."""
    words = ["train", "regression_es", "--population", "32", "--set", "batches=5", "--seeds", "2", "--jobs", "1"]
    words += ["--out", str(tmp_path)]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)["rows"]
    assert [run["batches"] for run in row["runs"]] == [5, 5]
    assert {path.suffix for path in tmp_path.glob("regression_es.*")} == {".png", ".html", ".json"}
    again = CliRunner().invoke(app, words)
    assert "2 already in" in again.stderr and "raw, rank 1, population 32" in again.stdout
    for wrong, said in (
        (["--population", "33"], "even"),
        (["--broken", "arm"], "broken"),
        (["--set", "evolution.noise_reuse=0"], "noise_reuse"),
    ):
        refused = CliRunner().invoke(app, ["train", "regression_es", *wrong])
        assert refused.exit_code == 2
        assert said in refused.stderr
