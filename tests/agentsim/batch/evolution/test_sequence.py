"""GRUs by evolution: a population's losses against torch's own GRU, its demanded tests, exact resume, the commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.utils import vector_to_parameters
from typer.testing import CliRunner

from agentsim.batch import settings, training
from agentsim.batch.evolution.sequence import Evolved, Network, SequenceTask
from agentsim.batch.evolution.settings import CountConfig, SequenceConfig, StrideConfig
from agentsim.batch.evolution.tokens import Counting, frequencies
from agentsim.cli.app import app
from brains.brain import Float
from brains.evolution.gru import Population, cross_entropies

ALICE = Path(__file__).parents[4] / "agentsim" / "batch" / "claims" / "alice.txt"
NAMES = ["table", "input", "state", "input_bias", "state_bias", "head", "head_bias"]


def config(batches: int = 8, model: type[SequenceConfig] = StrideConfig, **given: Any) -> Any:
    overrides = [f"batches={batches}", *(f"{key.replace('__', '.')}={value}" for key, value in given.items())]
    return settings.load(model, "evolution", overrides)


def loss_in_torch(parameters: Float, hidden: int, tokens: Any, skipped: int) -> tuple[torch.Tensor, Network]:
    """Of torch.nn.Embedding, GRU and Linear, in float64."""
    network = Network(16, hidden).double()
    vector_to_parameters(torch.from_numpy(parameters.astype(float)), network.parameters())
    return network.loss(torch.from_numpy(tokens), skipped), network


@pytest.mark.parametrize(("rank", "hidden"), [(1, 12), (3, 12), (4, 6)])
def test_losses_are_those_of_members_that_are_made(rank: int, hidden: int) -> None:
    """Of every member, made, by torch's own layers in float64; each group has its data. Rank 4 of 6 columns is full."""
    given = config(hidden=hidden, evolution__population=12, evolution__rank=rank, evolution__share_group=2)
    learner, group = Evolved(given, 16), 2
    tokens = Counting((1, 2, 3)).drawn(0, learner.shape, 9, np.random.default_rng(0))
    members = learner.evolution.members(range(6))
    expected = [loss_in_torch(member, hidden, tokens[k // 2 // group], 1)[0].item() for k, member in enumerate(members)]
    np.testing.assert_allclose(learner.losses(tokens).ravel(), expected, atol=5e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_difference_tells_of_the_gradient_of_each_tensor_alone(name: str) -> None:
    """(ii) and (iii): perturbed alone, a tensor changes the loss, d_p correlates with <E_p, gradient> of autograd, and
    it moves where the strategy is told so."""
    learner = Evolved(config(hidden=12, evolution__population=256, evolution__sigma=0.01), 16)
    evolution = learner.evolution
    tokens = Counting((1, 2, 3)).drawn(0, (1, 8), 9, np.random.default_rng(1))
    place = next(place for place in evolution.places if place.name == name)
    rows, alone = evolution.rows(range(128)), np.zeros((128, evolution.width), np.float32)
    span = slice(place.start, place.start + place.numbers)
    alone[:, span] = rows[:, span]
    members = Population(evolution.places, evolution.mean, alone, np.array([0.01, -0.01], np.float32))
    losses = cross_entropies(members, np.repeat(tokens, 128, axis=0), 1)[0].astype(float)
    loss, network = loss_in_torch(evolution.mean, 12, tokens[0], 1)
    loss.backward()  # type: ignore[no-untyped-call]
    gradient = list(network.parameters())[NAMES.index(name)].grad
    assert gradient is not None
    along = np.tensordot(place.perturbation(alone), gradient.numpy(), gradient.dim())
    assert np.corrcoef(losses[:, 0] - losses[:, 1], along)[0, 1] > 0.95
    before = evolution.mean.copy()
    evolution.tell(losses[:, 1] - losses[:, 0])
    assert (place.of(evolution.mean) != place.of(before)).all()


def test_a_share_of_the_rate_is_a_share_of_the_step() -> None:
    """Half of it moves the mean half as far, to rounding; none of it leaves the mean."""
    d, moved = np.random.default_rng(0).normal(size=128), []
    for share in (1.0, 0.5, 0.0):
        evolution = Evolved(config(model=CountConfig), 16).evolution
        before = evolution.mean.copy()
        evolution.tell(d, share)
        moved.append(evolution.mean - before)
    np.testing.assert_allclose(moved[1], moved[0] / 2, atol=1e-6)
    assert (moved[2] == 0).all()


def test_frequencies_of_counting() -> None:
    """Closed forms: ln 16 and ln 16; of pairs nothing is left to learn of counting, ln 3 of strides."""
    for model, pairs in ((CountConfig, 0.0), (StrideConfig, np.log(3))):
        given = config(model=model)
        found = frequencies(given, Counting((1, 2, 3) if model is StrideConfig else (1,)))
        assert found["uniform guess"] == pytest.approx(np.log(16))
        assert found["unigram"] == pytest.approx(np.log(16), abs=0.01)
        assert found["bigram"] == pytest.approx(pairs, abs=0.02)


@pytest.mark.parametrize("method", ["evolution", "backprop"])
def test_an_interrupted_training_goes_on_to_the_same_bits(tmp_path: Path, method: str) -> None:
    """Of both methods, best and all."""
    given = config(9, method=method, evolution__population=16, eval_interval=4)
    whole, parts, again = (SequenceTask(given) for _ in range(3))
    training.train(whole)
    asked = [False] * 5 + [True] * 2
    training.train(parts, tmp_path, stop=lambda: asked.pop(0))
    training.train(again, tmp_path)
    for name, array in whole.learner.state_dict().items():
        assert np.array_equal(array, again.learner.state_dict()[name]), name


def test_counting_is_learned() -> None:
    """The bar, on sequences four times as long as those learned."""
    point = training.train(SequenceTask(config(75, CountConfig, eval_interval=75))).curve[-1].model_dump()
    assert point["score"] < CountConfig.bar
    assert point["accuracy"] == 1.0


def test_command_line(tmp_path: Path) -> None:
    """Text of a file, backprop beside it, the files; what is wrong with a file is said, with exit status 2."""
    words = ["train", "text_es", "--data", str(ALICE), "--set", "batches=3", "--set", "evolution.population=16"]
    words += ["--seeds", "1", "--jobs", "1", "--out", str(tmp_path), "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    evolved, control = json.loads(done.stdout)["rows"]
    assert evolved["runs"][0]["batches"] == 3
    assert control["name"].startswith("evolution: backprop")
    assert {path.suffix for path in tmp_path.glob("text_es.*")} == {".png", ".html", ".json"}
    (tmp_path / "empty").touch()
    (tmp_path / "short").write_text("too short")
    for file, said in (("nowhere", "cannot be read"), ("empty", "is empty"), ("short", "has 9 bytes")):
        refused = CliRunner().invoke(app, ["train", "text_es", "--data", str(tmp_path / file)])
        assert refused.exit_code == 2
        assert said in refused.stderr
    assert "--data" in CliRunner().invoke(app, ["train", "text_es"]).stderr


def test_full_size_is_estimated() -> None:
    """Tokens of TinyStories over those of a generation, times what it took."""
    words = ["train", "text_es", "--vocab", "50", "--hidden", "8", "--set", "evolution.population=4", "--json"]
    found = json.loads(CliRunner().invoke(app, words).stdout)
    assert found["tokens"] == 2 * 4 * 16
    assert found["total_cpu_hours"] == pytest.approx(4.7e8 / 128 * found["cpu_seconds"] / 3600)
