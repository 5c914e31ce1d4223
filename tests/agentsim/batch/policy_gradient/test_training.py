"""`agentsim train cartpole_pg`: exact resume, learning, controls, what is said, the command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from agentsim.batch import settings, training
from agentsim.batch.policy_gradient import cartpole, controls
from agentsim.batch.policy_gradient.settings import BackpropSettings, EqPropSettings, PolicyConfig
from agentsim.batch.policy_gradient.study import differences, figures_of, judged
from agentsim.batch.policy_gradient.task import TEST, PolicyTask, greedy_returns
from agentsim.batch.trials import folder_of
from agentsim.cli.app import app
from agentsim.errors import UserError
from agentsim.runs.checkpoint import CHECKPOINT
from agentsim.system.process import one_compute_thread


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_compute_thread():
        yield


TINY = {"hidden": [8, 8], "environments": 4, "horizon": 16, "epochs": 3, "validation_episodes": 3, "eval_interval": 2}


def config(batches: int = 6, kind: str = "eqprop", **given: Any) -> PolicyConfig:
    return PolicyConfig.model_validate({**TINY, "engine": {"kind": kind}, "batches": batches, **given})


# --- training --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["eqprop", "backprop"])
def test_an_interrupted_training_goes_on_to_the_same_bits(tmp_path: Path, kind: str) -> None:
    """With noise; interrupted in the middle of episodes."""
    given = config(8, kind, observation_noise=0.05, reward_noise=0.1)
    whole = PolicyTask(given)
    training.train(whole)
    parts, asked = PolicyTask(given), [False] * 5 + [True] * 2
    training.train(parts, tmp_path, stop=lambda: asked.pop(0))
    assert (tmp_path / CHECKPOINT).exists() and (parts.kept["lasted"] > 0).any()
    again = PolicyTask(given)
    training.train(again, tmp_path)
    for name, array in {**whole.learner.state_dict(), **whole.kept}.items():
        assert np.array_equal(array, {**again.learner.state_dict(), **again.kept}[name]), name


@pytest.mark.parametrize("kind", ["eqprop", "backprop"])
def test_it_learns(kind: str) -> None:
    """4,096 steps; the untrained network and always the same action fall after ten."""
    given = {"batches": 16, "environments": 8, "horizon": 32, "hidden": [32, 32], "epochs": 10, "learning_rate": 3e-3}
    task = PolicyTask(config(kind=kind, **given, eval_interval=100))
    assert greedy_returns(task.learner, 2, 20).mean() < 20
    training.train(task)
    assert greedy_returns(task.learner, 2, 20).mean() > 60


def test_both_engines_start_alike() -> None:
    one, other = (PolicyTask(config(kind=kind)).learner for kind in ("eqprop", "backprop"))
    for mine, its in zip(one.parameters, other.parameters, strict=True):
        assert torch.equal(mine, its)
    singular = torch.linalg.svdvals(one.parameters[1])
    torch.testing.assert_close(singular, torch.full_like(singular, 0.7))


# --- controls and figures --------------------------------------------------------------------------------------------


def test_linear_search_stays_within_its_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts is what it lived through; and luck alone comes far, as is well known."""
    lived: list[int] = []
    real = cartpole.returns

    starts: list[Any] = []

    def counted(policy: Any, start: Any, *rest: Any) -> Any:
        starts.append(start)
        found = real(policy, start, *rest)
        lived.append(int(found.sum()))
        return found

    monkeypatch.setattr(cartpole, "returns", counted)
    found = controls.linear_search(config(), 10_000, 20)
    *search, _beyond, _test = lived
    assert sum(search) <= 10_000 < sum(search) + _beyond
    assert found.mean() > 100
    assert not set(starts[-1].ravel()) & set(np.concatenate(starts[:-1], 1).ravel()), "chosen by other episodes"
    assert np.array_equal(starts[-1], cartpole.starts(20, np.random.default_rng([config().seed, TEST]))), "as the nets"
    assert controls.linear_search(config(), 0, 20).mean() < 20, "nothing was tried"


def test_differences_are_seed_by_seed() -> None:
    """Closed form: differences 1, 3 and 5 have the mean 3 and t(2) x 2 / sqrt(3) around it."""
    runs = [
        [{"seed": s, "last_return": a, "best_return": a, "area": a} for s, a in row]
        for row in ([(0, 11.0), (1, 23.0), (2, 35.0), (3, 99.0)], [(2, 30.0), (1, 20.0), (0, 10.0)])
    ]
    rows = [{"name": "e", "kind": "eqprop", "runs": runs[0]}, {"name": "b", "kind": "backprop", "runs": runs[1]}]
    (found,) = differences(rows)
    assert (found["name"], found["seeds"]) == ("e - b", 3)
    assert found["last"]["mean"] == pytest.approx(3)
    assert found["area"]["half_width"] == pytest.approx(4.302653 * 2 / np.sqrt(3), rel=1e-5)


# --- the command -----------------------------------------------------------------------------------------------------


def test_command_line(tmp_path: Path) -> None:
    """Two configs, two seeds: table, JSON, picture and page; what is kept is not trained again."""
    tiny = [word for key, value in TINY.items() for word in ("--set", f"{key}={value}".replace(" ", ""))]
    words = ["train", "cartpole_pg", *tiny, "--set", "batches=5", "--seeds", "2", "--out", str(tmp_path), "--jobs", "1"]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert [row["name"] for row in result["rows"]] == ["eqprop", "backprop"]
    assert [row["name"] for row in result["controls"]] == ["random linear search", "eqprop, untrained"]
    for row in result["rows"]:
        for run in row["runs"]:
            assert [point["batch"] for point in run["curve"]] == [2, 4, 5]
            assert run["area"] == pytest.approx(-sum(point["score"] for point in run["curve"]) / 3)
            assert len(run["last"]) == len(run["best"]) == 100
            assert run["last_return"] == pytest.approx(sum(run["last"]) / 100)
    assert result["differences"][0]["seeds"] == 2
    assert {path.suffix for path in tmp_path.glob("cartpole_pg.*")} == {".png", ".html", ".json"}
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 0
    assert "4 already" in again.stderr
    assert "random linear search" in again.stdout and "eqprop - backprop" in again.stdout


def test_the_last_net_is_the_one_that_learned_to_the_end(tmp_path: Path) -> None:
    """The best by validation, here the first, is put back in the end; `last` is measured on what was there before."""
    given = config(batches=12, learning_rate=0.05, seed=1)
    folder = folder_of(given, tmp_path)
    folder.mkdir(parents=True)
    task, looks = PolicyTask(given), iter(range(100))
    task.validate = lambda *, quick: {"score": float(next(looks))}  # type: ignore[method-assign]
    last: list[Any] = []
    trained = training.train(task, folder, on_progress=lambda p: last.append(greedy_returns(task.learner, 2, 100)))
    found = figures_of(trained.learner, lambda more: None, out=tmp_path)
    assert found["last"] == last[-1].tolist()
    assert found["best"] == last[1].tolist() != found["last"]


def test_a_curve_is_judged_by_its_whole_looks() -> None:
    points = [
        {"batch": batch, "score": -score, "quick": quick}
        for batch, score, quick in ((5, 500.0, True), (10, 100.0, False), (20, 475.0, False), (30, 400.0, False))
    ]
    found = judged({"curve": points, "last": [1, 2], "best": [3, 4]}, 256)
    assert found["area"] == pytest.approx(325)
    assert (found["last_return"], found["best_return"], found["solved_after"]) == (1.5, 3.5, 20 * 256)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--set engine.beta=2", "engine.beta"),
        ("--set engine.kind=hebb", "engine"),
        ("--set hidden=[]", "hidden"),
        ("--set discount=1.5", "discount"),
        ("--set epoch=3", "did you mean epochs"),
        ("--config nonsense", "nonsense"),
        ("--config eqprop --config eqprop", "rename"),
    ],
)
def test_what_cannot_be_is_said(words: str, said: str) -> None:
    done = CliRunner().invoke(app, ["train", "cartpole_pg", *words.split()])
    assert isinstance(done.exception, UserError | SystemExit)
    assert said in str(done.exception) + done.output


def test_configs_with_other_noise_are_not_one_table(tmp_path: Path) -> None:
    (tmp_path / "noisy.yaml").write_text("engine: {kind: backprop}\nbatches: 9\nobservation_noise: 0.1\n")
    configs = ["--config", "eqprop", "--config", str(tmp_path / "noisy.yaml")]
    done = CliRunner().invoke(app, ["train", "cartpole_pg", *configs])
    assert "observation_noise" in str(done.exception) + done.output


def test_shipped_configs_are_the_same_but_for_the_engine() -> None:
    one, other = (settings.load(PolicyConfig, name) for name in ("eqprop", "backprop"))
    assert isinstance(one.engine, EqPropSettings) and isinstance(other.engine, BackpropSettings)
    assert one.model_dump(exclude={"engine"}) == other.model_dump(exclude={"engine"})
    assert one.steps * (one.batches or 0) >= 100_000
