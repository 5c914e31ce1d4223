"""The evolution strategy: the five tests that its specification demands, for every kind of tensor, and its parts."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from brains.brain import Float
from brains.evolution.engine import Evolution, Tensor, exact_cosine, places, shaped
from brains.evolution.perturbed import squared_errors
from brains.evolution.settings import EvolutionConfig
from brains.kernels.reference import evolution as reference

# of low rank, of full noise for a matrix too small for it, a table, a column, and a vector
TENSORS = [Tensor("w", (12, 20)), Tensor("small", (2, 2)), Tensor("table", (30, 6)), Tensor("c", (9, 1))]
TENSORS += [Tensor("b", (12,))]
SIZE = sum(math.prod(tensor.shape) for tensor in TENSORS)
RAW: dict[str, Any] = {"shaping": "raw", "optimizer": "sgd", "learning_rate": 1.0}


def strategy(seed: int = 3, mean: Float | None = None, tensors: Any = TENSORS, **given: Any) -> Evolution:
    size = sum(math.prod(tensor.shape) for tensor in tensors)
    start = np.zeros(size, np.float32) if mean is None else mean
    return Evolution(EvolutionConfig(**{"population": 64, **given}), tensors, start, seed)


def perturbations(evolution: Evolution) -> Float:
    """E of all pairs (pairs, parameters), by the torch reference."""
    epoch, found = evolution.generation // evolution.config.noise_reuse, []
    for index, place in enumerate(evolution.places):
        numbers = reference.normals(evolution.seed, index, epoch, range(evolution.config.pairs), place.numbers)
        found.append(reference.perturbation(numbers, place.shape, place.rank).flatten(1))
    return torch.cat(found, dim=1).numpy()


@pytest.mark.parametrize("rank", [1, 3])
def test_what_is_perturbed_how(rank: int) -> None:
    """Low rank only where it is smaller than the whole."""
    ranks = {place.name: place.rank for place in places(TENSORS, rank)}
    assert ranks == {"w": rank, "small": 0, "table": rank, "c": 0, "b": 0}


@pytest.mark.parametrize("rank", [1, 3])
def test_members_are_the_mean_and_the_reference_s_perturbations(rank: int) -> None:
    """Members 2p and 2p + 1 are W + sigma E_p and W - sigma E_p, whatever the chunk."""
    mean = np.random.default_rng(0).normal(size=SIZE).astype(np.float32)
    evolution = strategy(mean=mean, rank=rank, sigma=0.2)
    found = np.concatenate([evolution.members(chunk) for chunk in evolution.chunks()]).reshape(-1, 2, SIZE)
    step = 0.2 * perturbations(evolution)
    np.testing.assert_allclose(found[:, 0], mean + step, atol=2e-6)
    np.testing.assert_allclose(found[:, 1], mean - step, atol=2e-6)


def test_the_update_makes_the_noise_of_the_forward_pass_again() -> None:
    """(i) To the bit, chunk by chunk, for every tensor; and the generation after makes other noise."""
    evolution, made = strategy(chunk_pairs=10), []
    plain = evolution.rows
    evolution.rows = lambda pairs: made.append(plain(pairs)) or made[-1]  # type: ignore[method-assign,func-returns-value]
    for chunk in evolution.chunks():
        evolution.members(chunk)
    forward, made[:] = list(made), []
    evolution.tell(np.random.default_rng(0).normal(size=32))
    assert len(forward) == len(made) == 4
    for one, other in zip(forward, made, strict=True):
        for place in evolution.places:
            span = slice(place.start, place.start + place.numbers)
            assert np.array_equal(one[:, span], other[:, span])
    assert not np.array_equal(plain(range(10))[:, 0], forward[0][:, 0])


def test_a_tensor_moves_if_and_only_if_it_was_perturbed() -> None:
    """(ii) Every tensor of the members differs from the mean, every one moves, and by what the reference says: the mean
    of f_p E_p. Where the difference says nothing, none moves."""
    d = np.random.default_rng(1).normal(size=32)
    evolution = strategy(**RAW, sigma=0.1)
    expected = reference.gradient(torch.from_numpy(perturbations(evolution)), torch.from_numpy(d / 0.2)).numpy()
    moved = evolution.members(range(1))[0] != 0
    evolution.tell(d)
    assert moved.all()
    np.testing.assert_allclose(evolution.mean, expected, atol=1e-5)
    for place in evolution.places:
        assert (place.of(evolution.mean) != 0).all(), place.name
    still = strategy(**RAW)
    still.tell(np.zeros(32))
    assert (still.mean == 0).all()


@pytest.mark.parametrize("kind", [tensor.name for tensor in TENSORS])
def test_a_difference_tells_of_the_gradient_of_the_tensor_perturbed_alone(kind: str) -> None:
    """(iii) On a smooth function whose gradient autograd knows: the correlation of d_p with <E_p, gradient>."""
    chance = np.random.default_rng(2)
    mean = chance.normal(size=SIZE).astype(np.float32)
    evolution = strategy(mean=mean, population=400, sigma=0.02)
    mixing = torch.from_numpy(chance.normal(size=(SIZE, 5)) / math.sqrt(SIZE))

    def fitness(parameters: torch.Tensor) -> torch.Tensor:
        return torch.tanh(parameters @ mixing).sum(-1)

    whole = torch.tensor(mean, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(fitness(whole), whole)
    place = next(place for place in evolution.places if place.name == kind)
    span = slice(place.offset, place.offset + place.size)
    members = evolution.members(range(200)).astype(float)
    alone = np.tile(mean.astype(float), (400, 1))
    alone[:, span] = members[:, span]
    judged = fitness(torch.from_numpy(alone)).numpy().reshape(-1, 2)
    along = perturbations(evolution)[:, span] @ gradient.numpy()[span]
    assert np.corrcoef(judged[:, 0] - judged[:, 1], along)[0, 1] > 0.95


def test_generations_and_tensors_share_no_noise() -> None:
    """(iv) Correlations below 4 / sqrt(n), n the numbers compared; with noise_reuse 2, two share all."""
    evolution = strategy(population=2000, chunk_pairs=1000, tensors=[Tensor("a", (20, 20)), Tensor("b", (20, 20))])
    found = []
    for _ in range(3):
        rows = evolution.rows(range(1000))
        found += [rows[:, :40].ravel(), rows[:, 40:].ravel()]
        evolution.tell(np.ones(1000))
    off = np.corrcoef(found) - np.eye(6)
    assert np.abs(off).max() < 4 / math.sqrt(40_000)
    again = strategy(noise_reuse=2)
    rows = []
    for _ in range(3):
        rows.append(again.rows(range(32)))
        again.tell(np.ones(32))
    assert np.array_equal(rows[0], rows[1])
    assert not np.array_equal(rows[1], rows[2])


@pytest.mark.parametrize("rank", [1, 4, 16])
def test_the_cosine_is_that_of_the_formula(rank: int) -> None:
    """(v) The mean of 40 draws (raw) within 5 %, 128 pairs, of a matrix, and of several tensors at once."""
    chance = np.random.default_rng(4)
    for tensors in ([Tensor("w", (16, 64))], [Tensor("w", (16, 40)), Tensor("b", (100,)), Tensor("v", (30, 10))]):
        parts = places(tensors, rank)
        size, cosines, exact = parts[-1].offset + parts[-1].size, [], []
        for seed in range(40):
            evolution = strategy(seed, tensors=tensors, population=256, rank=rank, chunk_pairs=128, **RAW)
            slope = chance.normal(size=size) * np.repeat(chance.uniform(0.2, 2, len(parts)), [p.size for p in parts])
            d = 2 * evolution.sigma * (perturbations(evolution) @ slope)
            cosines.append(cosine(evolution.tell(d), slope))
            of = [(p.shape, p.rank, float(np.sum(p.of(slope) ** 2) / np.sum(slope**2))) for p in parts]
            exact.append(exact_cosine(size, of, 128))
        assert np.mean(cosines) == pytest.approx(np.mean(exact), rel=0.05)


def cosine(one: Any, other: Any) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


# --- shaping, optimizers, thresholds --------------------------------------------------------------------------------

D = np.array([3.0, -1.0, 0.0, 2.0, np.nan, -1.0])


@pytest.mark.parametrize(
    ("shaping", "expected"),
    [
        ("raw", [7.5, -2.5, 0, 5, 0, -2.5]),  # over 2 sigma
        ("clt", np.array([3, -1, 0, 2, 0, -1]) / math.sqrt(15 / 5)),
        ("sign", [1, -1, 0, 1, 0, -1]),
        ("zscore", np.array([2.4, -1.6, -0.6, 1.4, 0, -1.6]) / math.sqrt((5.76 + 2.56 + 0.36 + 1.96 + 2.56) / 5)),
        ("centered_rank", np.array([5, -2.5, 0, 4, 0, -2.5]) / 10),
    ],
)
def test_shapings(shaping: str, expected: Any) -> None:
    """Of five differences, ties among them, and one that never came."""
    np.testing.assert_allclose(shaped(D, shaping, 0.2), expected, atol=1e-12)


@pytest.mark.parametrize("shaping", ["raw", "clt", "sign", "zscore", "centered_rank"])
def test_nothing_to_tell_moves_nothing(shaping: str) -> None:
    """All alike, or none that is a number."""
    assert (shaped(np.zeros(4), shaping, 0.1) == 0).all()
    assert (shaped(np.full(4, np.nan), shaping, 0.1) == 0).all()
    evolution = strategy(shaping=shaping)
    evolution.tell(np.full(32, np.inf))
    assert (evolution.mean == 0).all()
    assert evolution.generation == 1


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_optimizers_are_torch_s(optimizer: str) -> None:
    """Five generations, a rate that decays, maximised."""
    chance = np.random.default_rng(5)
    evolution = strategy(optimizer=optimizer, learning_rate=0.03, rate_decay=0.9)
    weights = torch.nn.Parameter(torch.zeros(SIZE))
    adam = torch.optim.Adam([weights], lr=0.03, betas=(0.9, 0.99), maximize=True)
    own: Any = adam if optimizer == "adam" else torch.optim.SGD([weights], lr=0.03, maximize=True)
    schedule = torch.optim.lr_scheduler.ExponentialLR(own, 0.9)
    for _ in range(5):
        weights.grad = torch.from_numpy(evolution.tell(chance.normal(size=32)).copy())
        own.step()
        schedule.step()
    np.testing.assert_allclose(evolution.mean, weights.detach().numpy(), atol=1e-6)


def test_a_pair_that_never_came_counts_as_if_it_had_not_been_there() -> None:
    """The mean divides by what arrived."""
    d = np.random.default_rng(6).normal(size=32)
    d[[3, 30]] = np.nan, np.inf
    evolution = strategy(**RAW)
    known = np.isfinite(d)
    expected = reference.gradient(
        torch.from_numpy(perturbations(evolution)[known]), torch.from_numpy(d[known] / 0.2)
    ).numpy()
    np.testing.assert_allclose(evolution.tell(d), expected, atol=1e-5)


def test_a_threshold_lets_through_what_chance_does_rarely() -> None:
    """Of differences that have nothing to do with the noise, z beyond 2 is that of 4.6 % of numbers."""
    moved = []
    for seed in range(20):
        evolution = strategy(seed, population=512, update_threshold=2.0, tensors=[Tensor("w", (16, 64))], **RAW)
        evolution.tell(np.random.default_rng(seed).normal(size=256))
        moved.append(np.mean(evolution.mean != 0))
    assert np.mean(moved) == pytest.approx(0.0455, abs=0.006)


def test_int8_moves_by_whole_multiples() -> None:
    """Weights are -127 to 127 times 2^-4, sigma 2^-4 sqrt(rank)."""
    given = {"fixed_point": 4, "sigma_shift": 4, "update_threshold": 1.0, "rank": 4}
    evolution = strategy(mean=np.linspace(-9, 9, SIZE).astype(np.float32), **given)
    assert evolution.sigma == 0.125
    before = evolution.mean * 16
    evolution.tell(np.random.default_rng(7).normal(size=32))
    after = evolution.mean * 16
    assert np.array_equal(after, np.rint(after))
    assert np.abs(after).max() == 127
    assert set(np.abs(after - before).tolist()) == {0.0, 1.0}


def test_weights_stay_within_their_clip() -> None:
    evolution = strategy(weight_clip=0.01, **RAW)
    evolution.tell(np.random.default_rng(8).normal(size=32))
    assert np.abs(evolution.mean).max() == np.float32(0.01)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"noise_reuse": 0}, "never searches outside"),
        ({"population": 7}, "even"),
        ({"fixed_point": 4}, "update_threshold"),
        ({"dtype": "float16"}, "Extra inputs"),
    ],
)
def test_what_is_refused(given: dict[str, Any], words: str) -> None:
    """One set of directions for ever, odd populations, int8 without a threshold, half precision."""
    with pytest.raises(ValueError, match=words):
        EvolutionConfig(**given)


def test_going_on_from_a_state_is_exact() -> None:
    chance = np.random.default_rng(9)
    d = chance.normal(size=(6, 32))
    whole, part = strategy(), strategy()
    for each in d[:3]:
        whole.tell(each)
        part.tell(each)
    other = strategy()
    other.load_state_dict(part.state_dict())
    for each in d[3:]:
        whole.tell(each)
        other.tell(each)
    assert np.array_equal(whole.mean, other.mean)
    with pytest.raises(ValueError, match="mean"):
        strategy(tensors=TENSORS[:2]).load_state_dict(part.state_dict())


# --- perturbed products ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 3, 16])
def test_products_with_a_population_are_those_with_its_members(rank: int) -> None:
    """Sums of squared errors of shared inputs, against members that are made."""
    chance = np.random.default_rng(10)
    tensors = [Tensor("w", (11, 20))]
    evolution = strategy(tensors=tensors, rank=rank, sigma=0.3, mean=chance.normal(size=220).astype(np.float32))
    (place,), rows, weights = evolution.places, evolution.rows(range(32)), evolution.mean.reshape(11, 20)
    x, target = chance.normal(size=(7, 20)).astype(np.float32), chance.normal(size=(7, 11)).astype(np.float32)
    made = (weights + 0.3 * np.array([1, -1])[:, None, None] * perturbations(evolution).reshape(32, 1, 11, 20)).astype(
        float
    )
    expected = np.einsum("si,pmoi->pmso", x.astype(float), made)
    np.testing.assert_allclose(
        squared_errors(x, weights, target, place, rows, 0.3), np.square(expected - target).sum((2, 3)), rtol=3e-5
    )
