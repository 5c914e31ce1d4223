"""`agentsim train split_mnist`: replay, exact resume, controls, forgetting, the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from typer.testing import CliRunner

from agentsim.batch import training
from agentsim.batch.digits.images import split_of
from agentsim.batch.dream.task import by_label
from agentsim.batch.split import study
from agentsim.batch.split.settings import SplitConfig
from agentsim.batch.split.task import SplitTask, replayed, rightly
from agentsim.cli.app import app
from agentsim.errors import UserError

TINY = {"data": "digits", "hidden": 6, "images": 5, "named": 2, "steps": 4, "replayed": 8}


def config(batches: int = 20, **given: Any) -> SplitConfig:
    return SplitConfig.model_validate({**TINY, "batches": batches, **given})


@pytest.mark.parametrize("replay", ["dream", "gaussian", "none"])
def test_an_interrupted_training_goes_on_to_the_same_bits(tmp_path: Path, replay: str) -> None:
    """Interrupted in the middle of the third task."""
    given = config(replay=replay)
    whole = SplitTask(given)
    training.train(whole)
    asked = [False] * 10 + [True] * 2
    training.train(SplitTask(given), tmp_path, stop=lambda: asked.pop(0))
    again = SplitTask(given)
    training.train(again, tmp_path)
    for name, array in {**whole.learner.state_dict(), **whole.kept}.items():
        assert np.array_equal(array, {**again.learner.state_dict(), **again.kept}[name]), name
    assert whole.learner.net.means.shape == (10, 64)


def test_what_stands_in_for_old_images() -> None:
    """Real images are of old labels, a half as many; mean images are the means; without replay there are none, and old
    pools stay as they were."""
    real, mean = (SplitTask(config(replay=replay)) for replay in ("real", "mean"))
    for task in (real, mean):
        for batch in range(5):
            task.learn(batch, 0)
    own = split_of("digits").train
    for label in (0, 1):
        images = own.flat[own.labels == label]
        assert np.array_equal(real.kept["replay"][label], images[:4])
        assert np.array_equal(mean.kept["replay"][label], np.repeat(images.mean(axis=0)[None], 8, axis=0))
    none = SplitTask(config(replay="none"))
    for batch in range(4):
        none.learn(batch, 0)
    before = none.learner.net.average.W.copy()
    none.learn(4, 0)
    assert np.array_equal(none.learner.net.average.W[:2], before) and not none.kept["replay"].size


@pytest.mark.parametrize("old_pools", ["learn", "fixed"])
def test_old_pools_learn_or_are_fixed(old_pools: str) -> None:
    task = SplitTask(config(replay="real", old_pools=old_pools))
    for batch in range(4):
        task.learn(batch, 0)
    before = task.learner.net.average.W.copy()
    task.learn(4, 0)
    assert np.array_equal(task.learner.net.live.W[:2], before) == (old_pools == "fixed")


@pytest.mark.parametrize("replay", ["dream", "gaussian"])
def test_what_is_dreamt_or_drawn_is_no_image_that_was_learned(replay: str) -> None:
    task = SplitTask(config(replay=replay))
    for batch in range(5):
        task.learn(batch, 0)
    learned = {image.tobytes() for image in split_of("digits").train.flat}
    assert task.kept["replay"].shape == (2, 8, 64)
    assert not learned & {image.tobytes() for image in task.kept["replay"].reshape(-1, 64)}


def test_replayed_images_are_of_their_label() -> None:
    images = np.arange(6, dtype=np.float32).reshape(2, 3, 1)
    found = replayed(images, 7, 50, 0)
    assert found.shape == (2, 50, 1)
    assert set(found[0].ravel()) == {0, 1, 2} and set(found[1].ravel()) == {3, 4, 5}
    assert not np.array_equal(found, replayed(images, 8, 50, 0))


def test_forgetting_is_the_best_minus_the_last() -> None:
    """Closed form, of three tasks: (.9 - .5 + .8 - .8) / 2."""
    assert study.forgetting(np.array([[0.9, 0, 0], [0.7, 0.6, 0], [0.5, 0.8, 1]])) == pytest.approx(0.2)


def test_bytes_by_hand() -> None:
    """Ten pools of 64 x 6 weights, 64 + 6 + 1 biases, 64 means; five chains a label of 64 bits; what lies beside."""
    plain = 4 * 10 * (64 * 6 + 64 + 6 + 1 + 64) + 10 * 5 * 64 // 8
    for replay, beside in (("dream", 0), ("gaussian", 4 * 41 * 64 * 10), ("real", 4 * 64 * 10)):
        task = SplitTask(config(replay=replay))
        for batch in range(0, 20, 4):
            task.learn(batch, 0)
        assert study.kept_bytes(task.learner) == plain + beside


def test_controls_agree_with_their_definitions() -> None:
    """Nearest mean by distances; LDA by scikit-learn, given the same covariance with its ridge."""
    split = split_of("digits")
    images = [own.first(100) for own in by_label(split.train)]
    nearest, shared, _ = study.controls(images, split.test)
    means = np.stack([own.flat.mean(axis=0) for own in images])
    distances = ((split.test.flat[:, None] - means) ** 2).sum(2)
    assert nearest["accuracy"] == pytest.approx((distances.argmin(1) == split.test.labels).mean())
    x, y = np.concatenate([own.flat for own in images]), np.concatenate([own.labels for own in images])
    known = LinearDiscriminantAnalysis(solver="lsqr", priors=np.full(10, 0.1), covariance_estimator=Ridge()).fit(x, y)
    assert shared["accuracy"] == pytest.approx(known.score(split.test.flat, split.test.labels))


class Ridge:
    """How scikit-learn is told a label's covariance."""

    def fit(self, x: Any) -> None:
        self.covariance_ = np.cov(x.T, bias=True) + 1e-2 * np.eye(x.shape[1])


def test_a_net_that_learned_two_tasks_knows_both() -> None:
    """Every pool learned: of the first task's two, all but the beginning from their own dreams."""
    task = SplitTask(config(1_000, hidden=30, images=20, named=10, replayed=100, steps=50))
    for batch in range(400):
        task.learn(batch, 0)
    assert rightly(task.learner.net, task.validation)[:2].min() > 0.85


def test_command_line(tmp_path: Path) -> None:
    """Two rows of two seeds: table, JSON, picture and page; what is kept is not trained again."""
    tiny = [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]
    words = [
        "train",
        "split_mnist",
        "--config",
        "digits",
        *tiny,
        "--set",
        "batches=10",
        "--set",
        "most=20",
        "--seeds",
        "2",
        "--jobs",
        "1",
    ]
    words += ["--replay", "dream", "--replay", "none", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert [row["name"] for row in result["rows"]] == ["digits, dream", "digits, none"]
    split = split_of("digits")
    test = split.test
    counts = np.bincount(test.labels)
    means = np.stack([own.flat[:20].mean(axis=0) for own in by_label(split.train)])
    nearest = ((test.flat[:, None] - means) ** 2).sum(2).argmin(1)
    assert result["controls"][0]["accuracy"] == pytest.approx((nearest == test.labels).mean()), "of as many images"
    for row in result["rows"]:
        for run in row["runs"]:
            assert run["accuracy"] == pytest.approx(np.array(run["recall"]) @ counts / counts.sum()), "of the test set"
            assert run["forgetting"] == pytest.approx(study.forgetting(np.array(run["rightly"])))
            assert len(run["recall"]) == 10
    assert {path.suffix for path in tmp_path.glob("split_mnist.*")} == {".png", ".html", ".json"}
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 0 and "4 already" in again.stderr and "nearest mean image" in again.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--replay dreams", "replay"),
        ("--replay dream --replay dream", "ask once"),
        ("--minutes 1", "multiple of the 5 tasks"),
        ("--set batches=7", "multiple of the 5 tasks"),
        ("--set replayed=1", "replayed"),
        ("--config digits --config mnist", "different images"),
    ],
)
def test_what_cannot_be_is_said(words: str, said: str) -> None:
    done = CliRunner().invoke(app, ["train", "split_mnist", *words.split()])
    assert isinstance(done.exception, UserError | SystemExit)
    assert said in str(done.exception) + done.output
