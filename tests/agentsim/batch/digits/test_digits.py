"""Training on images, by scikit-learn's digits: the data, every setting of EqProp, exact resume, the command."""

from __future__ import annotations

import json
import pickle
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from agentsim.batch import settings, training, trials
from agentsim.batch.digits import study
from agentsim.batch.digits.equilibrium import EqPropEngine
from agentsim.batch.digits.images import Images, Split, batch_of, shifted, split_of
from agentsim.batch.digits.settings import DigitsConfig, EqPropNetwork, MnistConfig
from agentsim.batch.digits.study import controls
from agentsim.batch.digits.task import ImagesTask, errors
from agentsim.cli.app import app
from agentsim.errors import UserError
from agentsim.runs.checkpoint import CHECKPOINT

SWEEPS = {"free_sweeps": 12, "nudged_sweeps": 6}


def config(batches: int = 200, optimizer: dict[str, Any] | None = None, **network: Any) -> DigitsConfig:
    network = {"kind": "eqprop", "hidden": [64], **network}
    optimizer = {"learning_rate": [5e-3, 1e-3], **(optimizer or {})}
    given = {"network": network, "optimizer": optimizer, "batch": 32, "batches": batches, "eval_interval": 50}
    return DigitsConfig.model_validate(given)


def trained(**given: Any) -> ImagesTask:
    task = ImagesTask(config(**given))
    training.train(task)
    return task


# --- data ----------------------------------------------------------------------------------------------------------


def test_the_sets_share_no_image_and_are_all_of_them() -> None:
    from sklearn.datasets import load_digits

    split = split_of("digits")
    own = np.concatenate([part.flat for part in (split.train, split.validation, split.test)])
    true = load_digits().data / 16
    assert len(own) == len(true) == 1797
    assert np.array_equal(np.unique(own, axis=0), np.unique(true.astype(np.float32), axis=0))
    labels = np.concatenate([part.labels for part in (split.train, split.validation, split.test)])
    of_image = {row.tobytes(): label for row, label in zip(true.astype(np.float32), load_digits().target, strict=True)}
    assert [of_image[row.tobytes()] for row in own] == labels.tolist()


def test_an_epoch_sees_every_image_once() -> None:
    images = Images(np.arange(50, dtype=np.float32).reshape(50, 1, 1), np.arange(50))
    for epoch in (0, 1):
        seen = np.concatenate([batch_of(images, 5 * epoch + number, 10, 0, 7).labels for number in range(5)])
        assert sorted(seen) == list(range(50))
    first, second = (batch_of(images, number, 10, 0, 7).labels.tolist() for number in (0, 5))
    assert first != second


def test_shifted_images_come_in_black() -> None:
    pixels = np.random.default_rng(0).random((20, 5, 4), np.float32)
    moves = np.random.default_rng(1).integers(-2, 3, (20, 2))
    for image, (down, right), found in zip(pixels, moves, shifted(pixels, moves), strict=True):
        expected = np.zeros_like(image)
        for row, column in product(range(5), range(4)):
            if 0 <= row - down < 5 and 0 <= column - right < 4:
                expected[row, column] = image[row - down, column - right]
        assert np.array_equal(found, expected)


def test_nearest_means_are_those_of_the_training_images() -> None:
    """By hand: training images of class k lie at k; of the test images, those of 0 and 1 lie at each other's place."""
    labels = np.repeat(np.arange(10), 4)
    pixels = np.eye(10, dtype=np.float32)[labels][:, :, None]
    swapped = labels.copy()
    swapped[:8] = 1 - swapped[:8]
    train = Images(pixels, labels)
    found = controls(Split(train, train, Images(pixels, swapped)))
    assert found["nearest class mean"] == pytest.approx(32 / 40)


def test_controls_of_a_constant_are_the_share_of_its_class() -> None:
    split = split_of("digits")
    found = controls(split)
    counts = np.bincount(split.test.labels)
    assert found["the commonest class"] in counts / counts.sum()
    assert 0.8 < found["nearest class mean"] < 0.95 < found["softmax regression on 1,257 images"] < 0.99


# --- every setting -------------------------------------------------------------------------------------------------

ESTIMATORS = ("symmetric", "one_sided", "random_sign", "continual")
COSTS = ("squared_error", "cross_entropy", "read_out")
SETTINGS: list[dict[str, Any]] = [
    {"dynamics": dynamics, "estimator": estimator}
    for dynamics, estimator in product(("blockwise", "discrete", "euler"), ESTIMATORS)
]
SETTINGS += [{"cost": cost, "estimator": estimator} for cost, estimator in product(COSTS[1:], ESTIMATORS)]
SETTINGS += [{"units": units, "estimator": "holomorphic"} for units in ("tanh", "sigmoid", "rational_tanh")]
SETTINGS += [{"units": "tanh", "cost": cost, "estimator": "holomorphic"} for cost in COSTS[1:]]
SETTINGS += [{"dynamics": "discrete", "stride": {"sweeps": 2}, "cost": cost} for cost in COSTS]
TOKENS = {"patch": 2, "width": 16, "memories": 16}
SETTINGS += [{"transformer": TOKENS, "units": "rational_tanh", "cost": "cross_entropy", "beta": 0.1}]
SETTINGS += [{"transformer": {**TOKENS, "block": "looped"}, "units": "rational_tanh", "feedback": "vector_field"}]
CONVOLUTIONS = [{"channels": 8, "kernel": 3}, {"channels": 16, "kernel": 3}]
SETTINGS += [{"convolutions": CONVOLUTIONS, "feedback": feedback} for feedback in ("symmetric", "vector_field")]
SETTINGS += [
    {"feedback": feedback, "feedback_start": start}
    for feedback, start in product(("kolen_pollack", "vector_field"), ("alike", "apart"))
]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: "-".join(map(str, setting.values()))[:60])
def test_every_setting_learns(setting: dict[str, Any]) -> None:
    """Chance is .9 wrong, and so is the best constant; 150 small batches bring all to a third of that, but what
    is slower: feedback that starts apart, and small steps."""
    if setting.get("estimator") == "continual":
        setting = {**setting, "beta": 0.5, "optimizer": {"kind": "sgd", "learning_rate": [0.03]}}
    task = trained(**{"batches": 150, "units": "clip", "beta": 0.1, **SWEEPS, **setting})
    assert errors(task.learner, task.split.test) < (
        0.7 if {"apart", "continual"} & {*map(str, setting.values())} else 0.3
    )


def test_feedback_that_starts_alike_stays_so() -> None:
    """Kolen and Pollack's increments are the same: the same net as with symmetric weights."""
    one, other = trained(batches=30), trained(batches=30, feedback="kolen_pollack")
    for mine, right in zip(one.learner.engine.parameters, other.learner.engine.parameters, strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-4, atol=1e-5)


def test_feedback_that_starts_apart_decays_towards_the_weights() -> None:
    """Closed form: B - W shrinks by 1 - rate x decay an update, whatever the gradients are."""
    optimizer = {"learning_rate": [0.01], "weight_decay": 5.0, "schedule": "constant"}
    setting = {"feedback": "kolen_pollack", "feedback_start": "apart", "optimizer": optimizer}
    engine = ImagesTask(config(**setting)).learner.engine
    assert isinstance(engine, EqPropEngine)
    before = engine.feedback[1] - engine.weights[1]
    engine = trained(batches=20, **setting).learner.engine
    assert isinstance(engine, EqPropEngine)
    torch.testing.assert_close(engine.feedback[1] - engine.weights[1], before * 0.95**20, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("estimator", ["symmetric", "continual"])
def test_beta_falls_in_equal_steps(estimator: str) -> None:
    """Closed form: .5, .275 and .05 at the start, halfway and at the end, whose gradients are those of fixed ones."""
    own = {"beta_end": 0.05, "estimator": estimator}
    for done, beta in ((0.0, 0.5), (0.5, 0.275), (1.0, 0.05)):
        falling, fixed = (
            EqPropEngine(EqPropNetwork(hidden=(8,), **given), 6, 3, torch.Generator().manual_seed(0))
            for given in ({"beta": 0.5, **own}, {"beta": beta, **own, "beta_end": None})
        )
        x, target = torch.linspace(0, 1, 12).reshape(2, 6), torch.eye(3)[:2]
        for found, right in zip(
            *(engine.gradients(x, target, torch.Generator(), done) for engine in (falling, fixed)), strict=True
        ):
            torch.testing.assert_close(found, right)


def test_homeostasis_holds_the_bound_and_its_absence_does_not() -> None:
    """An exact singular value decomposition, after training at a rate that makes weights grow."""
    optimizer = {"learning_rate": [0.02]}
    held, free = (trained(batches=300, homeostasis=bound, optimizer=optimizer) for bound in (0.5, None))
    products = []
    for task in (held, free):
        engine = task.learner.engine
        assert isinstance(engine, EqPropEngine)
        products.append(engine.gains[1] * float(torch.linalg.svdvals(engine.weights[1])[0]) ** 2)
    assert products[0] == pytest.approx(0.5, rel=0.05)
    assert products[1] > 1


def test_a_residual_above_the_limit_teaches_nothing_and_is_counted() -> None:
    setting = {"residual_limit": 1e-12, "free_sweeps": 1, "batches": 20}
    task, untrained = trained(**setting), ImagesTask(config(**setting))
    for mine, right in zip(task.learner.engine.parameters, untrained.learner.engine.parameters, strict=True):
        assert torch.equal(mine, right)
    assert task.validate(quick=True)["withheld"] == 20


@pytest.mark.parametrize(
    "network", [{}, {"kind": "backprop"}, {"dynamics": "discrete", "stride": {"hold": 2, "ripe": 1}}]
)
def test_what_is_not_finite_teaches_nothing_and_is_counted(network: dict[str, Any]) -> None:
    """One pixel is not a number: every parameter keeps its bits, and the next batches teach again."""
    task = trained(batches=3, **network)
    before = {k: v for k, v in task.learner.state_dict().items() if k.startswith("parameter")}
    images = task.split.train.first(32)
    poisoned = Images(images.pixels.copy(), images.labels)
    poisoned.pixels[0, 0, 0] = np.nan
    task.learner.learn(poisoned, 3, 0.5)
    after = task.learner.state_dict()
    assert all(np.array_equal(array, after[name]) for name, array in before.items())
    assert task.learner.figures(images)["withheld"] == 1
    for number in range(4, 8):
        task.learner.learn(images, number, 0.5)
    after = task.learner.state_dict()
    assert not any(np.array_equal(array, after[name]) for name, array in before.items())
    assert all(np.isfinite(array).all() for name, array in after.items() if name.startswith("parameter"))


def test_the_energy_of_one_image_falls_sweep_by_sweep() -> None:
    task = trained(batches=100, units="clip")
    engine = task.learner.engine
    assert isinstance(engine, EqPropEngine)
    found = engine.settling(task.split.test.first(1), 20)
    for phase in found.values():
        assert len(phase) == 21
        assert (np.diff(phase) <= 1e-5).all()
    assert found["free"][0] == 0, "of states of zero"


@pytest.mark.parametrize(
    "network",
    [
        {},
        {"feedback": "kolen_pollack", "noise": 0.02},
        {"cost": "read_out", "estimator": "random_sign"},
        {"convolutions": [{"channels": 4, "kernel": 3}], "feedback": "kolen_pollack"},
        {"dynamics": "discrete", "stride": {}},
        {"transformer": {"patch": 4, "width": 8, "memories": 8}, "units": "tanh"},
    ],
)
def test_an_interrupted_training_goes_on_to_the_same_bits(tmp_path: Path, network: dict[str, Any]) -> None:
    whole = trained(batches=60, **network)
    parts, asked = ImagesTask(config(batches=60, **network)), [False] * 31 + [True] * 2
    training.train(parts, tmp_path, stop=lambda: asked.pop(0))
    assert (tmp_path / CHECKPOINT).exists()
    again = ImagesTask(config(batches=60, **network))
    training.train(again, tmp_path)
    for name, array in whole.learner.state_dict().items():
        assert np.array_equal(array, again.learner.state_dict()[name]), name


def test_training_ends_when_nothing_gets_better() -> None:
    """Nothing is above a limit on the residual that nothing keeps: every look is as good as the last, which counts as
    the best; a net that forgets by its decay gets worse, and ends after `patience` looks."""
    optimizer = {"learning_rate": [0.5], "weight_decay": 0.2, "schedule": "constant"}
    given = config(batches=10_000, optimizer=optimizer)
    task = ImagesTask(given.model_copy(update={"patience": 3}))
    found = training.train(task)
    scores = [point.score for point in found.curve if not point.quick]
    assert found.batches < 10_000
    assert len(scores) - 1 - max(k for k, score in enumerate(scores) if score == min(scores)) == 3


# --- the command ---------------------------------------------------------------------------------------------------


def test_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two configs, two seeds: table, JSON, picture and page; what is kept is not trained again. What a training is made
    of goes to other processes and back, as far as pickling goes."""
    sweep = trials.sweep

    def through_pickle(what: str, chosen: Any, work: Any, *rest: Any, **given: Any) -> Any:
        pickle.dumps(chosen)
        return sweep(what, chosen, pickle.loads(pickle.dumps(work)), *rest, **given)

    monkeypatch.setattr(trials, "sweep", through_pickle)
    words = ["train", "digits", "--set", "batches=150", "--seeds", "2", "--out", str(tmp_path), "--jobs", "1"]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert [row["name"] for row in result["rows"]] == ["eqprop", "backprop"]
    for row in result["rows"]:
        for run in row["runs"]:
            confusion = np.array(run["confusion"])
            assert confusion.sum() == 360
            assert run["accuracy"] == pytest.approx(np.trace(confusion) / 360)
            assert run["accuracy"] > 0.8
    assert {path.suffix for path in tmp_path.glob("digits.*")} == {".png", ".html", ".json"}
    monkeypatch.setattr(study, "picture", lambda result: b"")  # was looked at above
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 0
    assert "4 already" in again.stderr
    assert "nearest class mean" in again.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--set network.beta=2", "network.beta"),
        ("--set network.estimator=holomorphic", "smooth"),
        ("--config nonsense", "nonsense"),
        ("--set network.hiden=[3]", "did you mean hidden"),
        ("--config eqprop --config eqprop", "rename"),
    ],
)
def test_what_cannot_be_is_said(words: str, said: str) -> None:
    done = CliRunner().invoke(app, ["train", "digits", *words.split()])
    assert isinstance(done.exception, UserError | SystemExit)
    assert said in str(done.exception) + done.output


@pytest.mark.parametrize("model", [DigitsConfig, MnistConfig])
def test_every_shipped_config_learns_a_batch(model: type[DigitsConfig]) -> None:
    for name in settings.names(model.mode):
        smaller = ["network.transformer.patch=2"] if ("transformer" in name or "looped" in name) else []
        shipped = settings.load(model, name, ["batches=1", *smaller])
        task = ImagesTask(DigitsConfig.model_validate({**shipped.model_dump(), "data": "digits"}))
        assert np.isfinite(task.learn(0, 0.0))
