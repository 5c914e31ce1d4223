"""Networks against their formulas, written out number by number."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from agentsim.batch.collatz.arithmetic import to_limbs
from agentsim.batch.collatz.closed_forms import predecessor_bounds
from agentsim.batch.collatz.gradient import GradientLearner
from agentsim.batch.collatz.networks import build_network
from agentsim.batch.collatz.orbits import successor
from agentsim.batch.collatz.samples import Pairs
from agentsim.batch.collatz.settings import CollatzConfig, PublishedNetwork

Configs = Callable[..., CollatzConfig]

NUMBERS = [3, 5, 7, 27, 85, 626331, 2**61 - 1, 2**90 + 12345, 2**124 - 1]


def halvings(n: int, steps: int) -> list[int]:
    """k_1 .. k_steps by Python's integers."""
    found = []
    for _ in range(steps):
        n = 3 * n + 1
        found.append((n & -n).bit_length() - 1)
        n >>= found[-1]
    return found


def logs(n: int, steps: int) -> list[float]:
    """x_0 .. x_steps by Python's integers."""
    found = [math.log(n)]
    for _ in range(steps):
        n = successor(n)
        found.append(math.log(n))
    return found


def perceptron(learner: GradientLearner, values: list[float]) -> float:
    """The layers of a network on one number's features, by numpy."""
    arrays = [tensor.double().numpy() for name, tensor in learner.network.state_dict().items() if "layers" in name]
    x = np.array(values)
    for weight, bias in zip(arrays[:-2:2], arrays[1:-2:2], strict=True):
        x = weight @ x + bias
        x = np.where(x > 0, x, 0.1 * x)
    return float((arrays[-2] @ x + arrays[-1])[0])


def test_the_published_network_has_the_published_size() -> None:
    """4,589,569 parameters and beta at L = 100."""
    with torch.device("meta"):
        network = build_network(PublishedNetwork(), 100, 0.35)
    assert sum(p.numel() for p in network.parameters()) == 4_589_569 + 1


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, "magnitude residues drift halvings"),
        ({"linear": True}, "magnitude residues drift halvings"),
        ({"k_only": True}, "halvings"),
        ({"k_shifted": True}, "magnitude residues drift halvings"),
        ({"without": ["residues", "drift"]}, "magnitude halvings"),
    ],
)
def test_the_published_network_is_its_formula(options: dict[str, Any], kept: str, small_config: Configs) -> None:
    """softplus(MLP) + 1e-6 of log10 n / 40, residues, drift / 10 and min(k, 10) / 10, written out number by number."""
    learner = GradientLearner(small_config("published", network=options))
    found = learner.potential(Pairs.of(to_limbs(NUMBERS), 12).here(12))
    for n, value in zip(NUMBERS, found, strict=True):
        ks = halvings(n, 12)
        groups = {
            "magnitude": [math.log10(n) / 40],
            "residues": [n % 3 / 2, n % 9 / 8, n % 27 / 26, n % 81 / 80],
            "drift": [(12 * math.log2(3) - sum(ks)) / 10],
            "halvings": [(min(k, 10) - (2 if options.get("k_shifted") else 0)) / 10 for k in ks],
        }
        z = perceptron(learner, [x for name in kept.split() for x in groups[name]])
        assert value == pytest.approx(math.log1p(math.exp(z)) + 1e-6, rel=1e-12)


def test_the_prefix_network_is_its_formula(small_config: Configs) -> None:
    """x_0 + MLP of (x_j - x_0) / 4 and what else it sees, written out number by number."""
    learner = GradientLearner(small_config("prefix"))
    found = learner.potential(Pairs.of(to_limbs(NUMBERS), 12).here(12))
    for n, value in zip(NUMBERS, found, strict=True):
        x = logs(n, 12)
        over = [float(x[j - 1] == 0) for j in range(1, 13)]
        residues = [n % 3 / 2, n % 9 / 8, n % 27 / 26, n % 81 / 80]
        z = perceptron(learner, [*((y - x[0]) / 4 for y in x[1:]), *over, x[0] / 40, *residues])
        assert value == pytest.approx(x[0] + z, rel=1e-11)


@pytest.mark.parametrize("without", [[], ["curve"], ["tilt"]])
def test_the_max_pool_network_is_its_formula(without: list[str], small_config: Configs) -> None:
    """V(1) = 0, V(n) = .1 + max_j (phi(x_j) + a_j) up to 1, whatever the parameters; phi(0) = a_0 = 0."""
    learner = GradientLearner(small_config("max_pool", network={"without": without}))
    with torch.no_grad():
        for parameter in learner.network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    w = {name: tensor.double().numpy() for name, tensor in learner.network.state_dict().items()}

    def softplus(x: Any) -> Any:
        return np.log1p(np.exp(x))

    def phi(x: float) -> float:
        curve = softplus(w["heights"]) * np.tanh(softplus(w["rates"]) * (x - w["centers"]))
        zero = softplus(w["heights"]) * np.tanh(softplus(w["rates"]) * -w["centers"])
        return float(softplus(w["slope"]) * x + (curve - zero).sum())

    found = learner.potential(Pairs.of(to_limbs(NUMBERS), 12).here(12))
    for n, value in zip(NUMBERS, found, strict=True):
        x, a = logs(n, 12), [0.0]
        for u in w["increments"] if "tilt" not in without else [None] * 12:
            step = 0.0 if u is None else (0.0005 + 0.0045 / (1 + np.exp(-u))) * softplus(w["slope"])
            a.append(a[-1] + float(step))
        last = x.index(0.0) if 0.0 in x else 12
        assert value == pytest.approx(0.1 + max(phi(x[j]) + a[j] for j in range(last + 1)), rel=1e-12)
    assert learner.potential(Pairs.of(to_limbs([5]), 12).there(12)).tolist() == [0.0], "T(5) = 1"


def test_a_soft_maximum_becomes_the_maximum(small_config: Configs) -> None:
    """max <= t log sum exp(z / t) <= max + t ln(L + 1), t = .3 at the beginning and .01 in the end."""
    learner = GradientLearner(small_config("max_pool", network={"temperature": [0.3, 0.01]}))
    features = torch.from_numpy(learner.network.features(Pairs.of(to_limbs(NUMBERS), 12).here(12))).float()
    hard = learner.network(features)
    for progress, temperature in ((0.0, 0.3), (1.0, 0.01)):
        over = learner.network(features, progress) - hard
        assert (over >= -1e-4).all() and (over <= temperature * math.log(13) + 1e-4).all()
        assert (over.max() > 0.01) == (progress == 0)


@pytest.mark.parametrize("without", [[], ["bounds"], ["residues"]])
def test_two_sided_is_its_formula(without: list[str], small_config: Configs) -> None:
    """.01 one(n) where 1 is in sight; else 100 + ln n + MLP((x_j - x_0) / 4, B_a, vector of n mod 3^r), and 1,000 more
    for a multiple of 3: by Python's integers and numpy."""
    lookahead = 9
    learner = GradientLearner(small_config("two_sided", lookahead=lookahead, network={"without": without}))
    with torch.no_grad():
        for parameter in learner.network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.manual_seed(1)) / 3)
    vectors = dict(learner.network.state_dict()).get("residues.weight")
    for n, value in zip(
        NUMBERS, learner.potential(Pairs.of(to_limbs(NUMBERS), lookahead).here(lookahead)), strict=True
    ):
        x = logs(n, lookahead)
        if 0.0 in x:
            assert value == pytest.approx(0.01 * x.index(0.0))
            continue
        features = [(x_j - x[0]) / 4 for x_j in x[1:]]
        if "bounds" not in without:
            features += [min(predecessor_bounds(power)[n % 3**power], 4.0) for power in (1, 2, 3)]
        if vectors is not None:
            features += vectors[n % 9].double().tolist()
        expected = 100 + x[0] + perceptron(learner, features)
        assert value == pytest.approx(1_100 + x[0] if n % 3 == 0 else expected)


@pytest.mark.parametrize("split", [False, True])
def test_the_published_loss_is_the_sum_of_its_terms(split: bool, small_config: Configs) -> None:
    """T1 + .5 T4 + .2 T8 + MSE(V, ln n + .35 drift), from V evaluated in float64."""
    learner = GradientLearner(small_config("published", loss={"kind": "hinge", "t4": 0.5, "t8": 0.2, "split": split}))
    pairs, hard = Pairs.of(to_limbs(NUMBERS), 12, 8), np.arange(len(NUMBERS)) > 4
    here = learner.potential(pairs.here(12))
    w = np.where(np.array(NUMBERS, object) % 4 == 3, 10, 1) * np.where(hard, 2, 1)
    rows = hard if split else np.full(len(hard), True)
    expected = sum(
        share * (w * np.maximum(0, 0.05 - here + learner.potential(pairs.there(12, steps))))[rows].mean()
        for steps, share in ((1, 1.0), (4, 0.5), (8, 0.2))
    )
    drift = [12 * math.log2(3) - sum(halvings(n, 12)) for n in NUMBERS]
    anchor = [math.log(n) + 0.35 * d for n, d in zip(NUMBERS, drift, strict=True)]
    expected += ((here - anchor) ** 2).mean()
    assert learner.learn(pairs, hard, 0.0) == pytest.approx(expected, rel=1e-4)
    assert learner.network.beta.item() != pytest.approx(0.35, abs=1e-7), "adaptive: the share of the drift is learned"
