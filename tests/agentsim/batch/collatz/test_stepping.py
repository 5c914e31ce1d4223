"""The stepping brain as V of the Syracuse map: what its teacher says, and that it goes on exactly where it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agentsim.batch.collatz.arithmetic import to_limbs
from agentsim.batch.collatz.draws import random_odd
from agentsim.batch.collatz.evaluation import margins
from agentsim.batch.collatz.samples import Pairs
from agentsim.batch.collatz.settings import CollatzConfig
from agentsim.batch.collatz.stepping import SteppingLearner, loss_of, senses_of
from agentsim.errors import UserError
from brains import rules

LOOKAHEAD = 12
RULES: dict[str, dict[str, Any]] = {
    "backprop": {"optimizer": "adam", "learning_rate": 3e-3, "gradient_clip": 0.0},
    "tween": {"learning_rate": 1.0},
    "tween_chain": {"learning_rate": 0.2},
}
EXECUTIONS = (
    {"execution": "sequential"},
    {"execution": "stepping", "align": "instant"},
    {"execution": "stepping", "align": "pipeline"},
)


def mapping(rule: str, **others: Any) -> dict[str, Any]:
    """A small brain."""
    layers = [{"type": "dense", "units": 24}, {"type": "dense", "units": 8}, {"type": "dense"}]
    return {"kind": "stepping", "layers": layers, "readout": "linear", "rule": rule, **RULES[rule], **others}


def learner_of(
    brain: dict[str, Any], seed: int, *, lookahead: int = LOOKAHEAD, mu: Any = (0.2, 0.05), step: Any = (1.0, 0.1)
) -> SteppingLearner:
    """A brain as V."""
    network = {"kind": "stepping", "brain": brain, "step": step}
    config = {"network": network, "lookahead": lookahead, "seed": seed, "batches": 1, "loss": {"kind": "log", "mu": mu}}
    return SteppingLearner(CollatzConfig.model_validate(config))


def some_pairs(count: int = 512, seed: int = 5) -> Pairs:
    """Random numbers of 10 to 60 bits."""
    return Pairs.of(random_odd(np.random.default_rng(seed), count, (10, 60)), LOOKAHEAD)


def nobody(pairs: Pairs) -> np.ndarray[Any, Any]:
    """No number is from a hard orbit."""
    return np.zeros(len(pairs), np.bool_)


def test_every_rule_is_tried() -> None:
    """The rules above are those that a stepping brain has."""
    assert set(RULES) == set(rules.RULES)


def test_slopes_are_those_of_torch_autograd() -> None:
    """dl/dV of l = log1p(relu(mu - m) / mu), by an independent library."""
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(1).normal(0.0, 0.3, (200, 2))
    losses, slopes = loss_of(values, 0.2)
    tensor = torch.tensor(values, requires_grad=True)
    expected = torch.log1p(torch.relu(0.2 - (tensor[:, 0] - tensor[:, 1])) / 0.2)
    expected.sum().backward()
    np.testing.assert_allclose(losses, expected.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(slopes, tensor.grad.numpy(), rtol=1e-12)


def test_senses_of_three() -> None:
    """3 -> 5 -> 1 -> 1: ln 5 - ln 3 and 0 - ln 3, less the average way down; 1 is seen two steps ahead of three."""
    drift = 0.2877
    expected = [
        (np.log(5 / 3) + drift) / 0.98,
        (-np.log(3) + 2 * drift) / (0.98 * np.sqrt(2)),
        (-np.log(3) + 3 * drift) / (0.98 * np.sqrt(3)),
        np.log(3) / 40,
        1.0,
        1 - 2 / 3,
    ]
    np.testing.assert_allclose(senses_of(Pairs.of(to_limbs([3]), 3).here(3))[0], expected, rtol=1e-6)


@pytest.mark.parametrize("execution", EXECUTIONS, ids=lambda e: "-".join(e.values()))
def test_one_batch_is_one_step_down_the_gradient(execution: dict[str, str]) -> None:
    """With rule: backprop, SGD and one update of 8 pairs, dW = -rate / samples x step x gradient of the loss, found by
    central differences of the potential, whichever way the numbers stream through the layers."""
    brain = mapping("backprop", schedule={"accumulate": 16}, **execution) | {"optimizer": "sgd", "learning_rate": 1e-3}
    learner, pairs = learner_of(brain, 3, mu=(50.0, 50.0), step=(1.0, 1.0)), some_pairs(8)  # every pair lacks some
    for layer in (0, 2):
        before = learner.streamed.brain.network.weight(layer).copy()
        slope = np.zeros(5)
        for k in range(5):
            found = []
            for sign in (1, -1):
                learner.streamed.brain.network.weight(layer)[k, 0] = before[k, 0] + sign * 0.01
                here, there = learner.potential(pairs.here(LOOKAHEAD)), learner.potential(pairs.there(LOOKAHEAD))
                losses, _ = loss_of(np.stack([here, there], axis=1), 50.0)
                assert (losses > 0).all()
                found.append(losses.sum())
            learner.streamed.brain.network.weight(layer)[k, 0] = before[k, 0]
            slope[k] = (found[0] - found[1]) / 0.02
        twin = learner_of(brain, 3, mu=(50.0, 50.0), step=(1.0, 1.0))
        twin.learn(pairs, nobody(pairs), 0.0)
        moved = twin.streamed.brain.network.weight(layer)[:5, 0] - before[:5, 0]
        np.testing.assert_allclose(moved, -1e-3 / 16 * 50.0 * slope, rtol=0.02, atol=1e-7)


@pytest.mark.parametrize("execution", EXECUTIONS, ids=lambda e: "-".join(e.values()))
@pytest.mark.parametrize("rule", ["backprop", "tween_chain"])
def test_learning_lowers_the_loss(rule: str, execution: dict[str, str]) -> None:
    """On numbers it has not seen, after 8,192 that it has: fewer violations than V = ln n + noise begins with, and than
    half of all."""
    learner = learner_of(mapping(rule, schedule={"accumulate": 16}, **execution), 0)
    fresh = some_pairs(2_000, seed=6)
    before = margins(learner.potential, fresh, LOOKAHEAD)
    for batch in range(16):
        pairs = some_pairs(512, seed=100 + batch)
        learner.learn(pairs, nobody(pairs), batch / 16)
    after = margins(learner.potential, fresh, LOOKAHEAD)
    assert np.log1p(np.maximum(0, 0.1 - after) / 0.1).mean() < 0.7 * np.log1p(np.maximum(0, 0.1 - before) / 0.1).mean()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("execution", EXECUTIONS, ids=lambda e: "-".join(e.values()))
def test_resumes_bit_for_bit(rule: str, execution: dict[str, str]) -> None:
    """What is loaded in the middle, of an accumulated update too, goes on as what was never interrupted."""
    brain = mapping(rule, schedule={"accumulate": 48}, **execution)
    learner, batches = learner_of(brain, 1), [some_pairs(64, seed) for seed in range(4)]
    for batch in batches[:2]:
        learner.learn(batch, nobody(batch), 0.1)
    state = learner.state_dict()
    losses = [learner.learn(batch, nobody(batch), 0.6) for batch in batches[2:]]
    resumed = learner_of(brain, 2)
    resumed.load_state_dict(state)
    assert [resumed.learn(batch, nobody(batch), 0.6) for batch in batches[2:]] == losses
    for name, array in learner.state_dict().items():
        np.testing.assert_array_equal(resumed.state_dict()[name], array, err_msg=name)


@pytest.mark.parametrize("execution", EXECUTIONS, ids=lambda e: "-".join(e.values()))
def test_potential_is_of_one_number_and_changes_nothing(execution: dict[str, str]) -> None:
    """V of n is the same alone, among others, and when asked twice."""
    learner, pairs = learner_of(mapping("backprop", **execution), 0), some_pairs(600)
    learner.learn(pairs, nobody(pairs), 0.0)
    before = learner.state_dict()
    together = learner.potential(pairs.here(LOOKAHEAD))
    assert together.dtype == np.float64
    assert together.shape == (600,)
    alone = [learner.potential(pairs[slice(i, i + 1)].here(LOOKAHEAD))[0] for i in (0, 249, 250, 599)]
    np.testing.assert_array_equal(together[[0, 249, 250, 599]], alone)
    for name, array in learner.state_dict().items():
        np.testing.assert_array_equal(before[name], array, err_msg=name)


def test_a_kept_margin_teaches_nothing() -> None:
    """With mu far below every margin the loss is 0 and no weight moves."""
    learner, pairs = learner_of(mapping("backprop"), 0, mu=(1e-3, 1e-3)), some_pairs(64)
    kept = pairs[margins(learner.potential, pairs, LOOKAHEAD) > 0.01]
    before = learner.streamed.brain.network.parameters.copy()
    assert len(kept) > 5
    assert learner.learn(kept, nobody(kept), 0.0) == 0.0
    np.testing.assert_array_equal(learner.streamed.brain.network.parameters, before)


def test_what_cannot_be_a_potential_is_said() -> None:
    """By the key."""
    recurrent = [{"type": "rnn", "units": 8, "steps": 3}, {"type": "dense"}]
    wrong = {
        "brain.layers": mapping("backprop", layers=recurrent),
        "brain.align": mapping("backprop", align="sideways"),
        "brain.readout": mapping("backprop") | {"readout": "softmax"},
        "brain.learning_rat": mapping("backprop") | {"learning_rat": 1.0},
    }
    for key, brain in wrong.items():
        with pytest.raises((UserError, ValueError), match=key):
            learner_of(brain, 0)
    for others in ({"loss": {"kind": "hinge"}}, {"optimizer": {"weight_decay": 1}}):
        config = {"network": {"kind": "stepping", "brain": mapping("backprop")}, "batches": 1, **others}
        with pytest.raises(ValueError, match="stepping brain"):
            CollatzConfig.model_validate(config)


def test_a_state_of_another_shape_is_refused() -> None:
    """By name. Rows are padded to sixteen numbers."""
    other = learner_of(mapping("backprop"), 0, lookahead=LOOKAHEAD + 16).state_dict()
    with pytest.raises(ValueError, match="parameters"):
        learner_of(mapping("backprop"), 0).load_state_dict(other)
