"""`agentsim train dream`: what is measured, exact resume, the command and its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from agentsim.batch import training
from agentsim.batch.digits.images import Images, split_of
from agentsim.batch.dream import judging
from agentsim.batch.dream.kept import read_net
from agentsim.batch.dream.settings import DreamConfig
from agentsim.batch.dream.task import DreamTask, by_label, halves, recognition, stacked
from agentsim.cli.app import app
from agentsim.errors import UserError
from agentsim.runs.checkpoint import CHECKPOINT
from brains.eqprop.dream import recognise

TINY = {"hidden": 8, "images": 5, "named": 2, "steps": 6, "dreams": 12}


def config(batches: int = 6, **given: Any) -> DreamConfig:
    return DreamConfig.model_validate({**TINY, "data": "digits", "batches": batches, **given})


# --- what is measured ------------------------------------------------------------------------------------------------


def test_diversity_is_a_mean_distance_within_labels() -> None:
    """Closed form: a triangle of sides 3, 4 and 5, and one three times as large, far away."""
    triangle = np.array([[0, 0], [3, 0], [0, 4]], np.float32)
    assert judging.diversity(np.stack([triangle, 100 + 3 * triangle])) == pytest.approx((4 + 12) / 2)


def test_nearest_is_a_mean_distance_to_what_is_known() -> None:
    known = np.array([[0, 0], [10, 0]], np.float32)
    assert judging.nearest(np.array([[0, 3], [9, 0], [10, 2]], np.float32), known) == pytest.approx((3 + 1 + 2) / 3)


def test_gaussians_have_the_mean_and_the_covariance_of_images() -> None:
    """40,000 draws, each entry within 5 sigma by Wishart's variances; of rank 1 they lie on a line."""
    chance, count = np.random.default_rng(0), 40_000
    images = (0.5 + 0.05 * chance.standard_normal((300, 3)) @ chance.normal(size=(3, 3)) / 3).astype(np.float32)
    drawn = judging.gaussian(images, count, None, chance)
    exact = np.cov(images.T, bias=True)
    within = np.sqrt((exact**2 + np.outer(np.diag(exact), np.diag(exact))) / count)
    assert np.all(np.abs(np.cov(drawn.T) - exact) < 5 * within)
    assert np.all(np.abs(drawn.mean(0) - images.mean(0)) < 5 * np.sqrt(np.diag(exact) / count))
    line = judging.gaussian(images, 50, 1, chance)
    assert np.linalg.matrix_rank(line - images.mean(0), tol=1e-4) == 1
    assert drawn.dtype == line.dtype == np.float32


def test_worth_of_images_that_are_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Label k is a light at place k, in one image of four at the next place: a judge that knows says 3/4; who learned
    those images names real ones rightly all the same; of another place alone, the worst label has nothing."""
    for name in ("UPDATES", "SHIFTED_UPDATES"):
        monkeypatch.setattr(judging, name, 300)
    labels = np.repeat(np.arange(4), 25)
    test = Images(np.eye(4, dtype=np.float32)[labels].reshape(-1, 2, 2), labels)
    judge = judging.classifier(test.flat, test.labels, 300, 0)
    images = np.repeat(np.eye(4, dtype=np.float32)[:, None], 40, axis=1)
    images[:, :10] = np.roll(np.eye(4, dtype=np.float32), 1, axis=1)[:, None]
    found = judging.worth(images, judge, test.flat, test, shifts=False)
    assert (found["judge"], found["worst"], found["classifier"]) == (0.75, 0.75, 1.0)
    assert found["nearest"] == pytest.approx(0, abs=1e-3)
    assert found["classifier_shifted"] is None
    images[2] = images[0, -1]
    assert judging.worth(images, judge, test.flat, test, shifts=True)["worst"] == 0


def test_net_judge_validation_and_test_share_no_image() -> None:
    split, own = split_of("digits"), halves("digits", None)
    parts = [{image.tobytes() for image in images.pixels} for images in (*own, split.validation, split.test)]
    assert sum(map(len, parts)) == len(set().union(*parts)) > 1_790


def test_images_by_label() -> None:
    images = Images(np.arange(5, dtype=np.float32).reshape(5, 1, 1), np.array([1, 0, 1, 1, 0]))
    assert [len(own) for own in by_label(images)] == [2, 3] + [0] * 8
    assert by_label(images)[0].flat.ravel().tolist() == [1, 4]
    assert stacked(split_of("digits").test, 7).shape == (10, 7, 64)


# --- training --------------------------------------------------------------------------------------------------------


def test_an_interrupted_training_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    given = config(9, quick_eval_interval=2)
    whole = DreamTask(given)
    training.train(whole)
    asked = [False] * 5 + [True] * 2
    training.train(DreamTask(given), tmp_path, stop=lambda: asked.pop(0))
    assert (tmp_path / CHECKPOINT).exists()
    again = DreamTask(given)
    training.train(again, tmp_path)
    for name, array in whole.learner.state_dict().items():
        assert np.array_equal(array, again.learner.state_dict()[name]), name
    assert np.array_equal(whole.learner.dreams(2), again.learner.dreams(2))


def test_it_learns_to_recognise() -> None:
    """A tenth of the shipped config's updates. At first it is naive Bayes without what normalises it: what it names
    wrongly becomes less than half."""
    task = DreamTask(config(300, hidden=50, images=20, named=10))
    before = recognition(task.learner, task.validation)
    training.train(task)
    assert 1 - recognition(task.learner, task.validation) < (1 - before) / 2


# --- the command -----------------------------------------------------------------------------------------------------


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seeds: table, JSON, picture, page and nets; what is kept is not trained again."""
    for name in ("JUDGE_UPDATES", "UPDATES", "SHIFTED_UPDATES"):
        monkeypatch.setattr(judging, name, 20)
    tiny = [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]
    words = ["train", "dream", *tiny, "--set", "batches=5", "--seeds", "2", "--out", str(tmp_path), "--jobs", "1"]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    (row,) = result["rows"]
    assert [run["seed"] for run in row["runs"]] == [0, 1]
    assert [control["name"] for control in result["controls"]][2] == "real images"
    assert result["sizes"] == {"net": 628, "judge": 629, "test": 360}
    test = split_of("digits").test
    for run in row["runs"]:
        pools = read_net(tmp_path / f"digits-{run['seed']}.brain").pools
        right = (recognise(pools, test.flat).argmax(1) == test.labels).mean()
        assert run["recognition"] == pytest.approx(right), "of the test set, by the net that is kept"
        assert run["worst"] <= run["judge"] <= 1 and run["classifier_shifted"] is None
        assert np.array(run["dreams"]).shape == (10, 10, 64)
    assert {path.suffix for path in tmp_path.glob("dream.*")} == {".png", ".html", ".json"}
    assert {path.name for path in tmp_path.glob("*.brain")} == {"digits-0.brain", "digits-1.brain"}
    assert read_net(tmp_path / "digits-1.brain").steps == 6
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 0
    assert "2 already" in again.stderr and "rank 40" in again.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--set temperature=0.5", "temperature"),
        ("--set hiden=3", "did you mean hidden"),
        ("--set data=letters", "data"),
        ("--config nonsense", "nonsense"),
        ("--config digits --config digits", "rename"),
        ("--config digits --config mnist", "different data"),
    ],
)
def test_what_cannot_be_is_said(words: str, said: str) -> None:
    done = CliRunner().invoke(app, ["train", "dream", *words.split()])
    assert isinstance(done.exception, UserError | SystemExit)
    assert said in str(done.exception) + done.output
