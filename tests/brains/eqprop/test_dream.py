"""The net that recognises and dreams, against sums over all of its states, autograd and closed forms."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from brains.eqprop import dream
from brains.eqprop.dream import Dreamer, Pools

K, D, H = 3, 4, 3
Array = NDArray[np.float64]


def pools(seed: int = 0, scale: float = 1.0) -> Pools:
    """A net of any parameters, in float64."""
    chance = np.random.default_rng(seed)
    return Pools(*(scale * chance.normal(size=shape) for shape in ((K, D, H), (K, D), (K, H), (K,))))  # type: ignore[arg-type]


def states(size: int) -> Array:
    return np.array([*product([0.0, 1.0], repeat=size)])


def energy(net: Pools, x: Array, h: Array, k: int) -> float:
    """As the module's formula says, for the label k, number by number."""
    total = sum(x[i] * net.W[k, i, j] * h[j] for i in range(D) for j in range(H)) + net.c[k]
    total += sum(net.a[k, i] * x[i] for i in range(D)) + sum(net.b[k, j] * h[j] for j in range(H))
    return -float(total)


def weights(net: Pools, k: int) -> Array:
    """exp(-E) of all pixels and units with the label k, (2^D, 2^H)."""
    return np.array([[np.exp(-energy(net, x, h, k)) for h in states(H)] for x in states(D)])


def test_free_energies_are_sums_over_all_units() -> None:
    net, x = pools(), states(D)
    exact = np.stack([np.log(weights(net, k).sum(1)) for k in range(K)], 1)
    np.testing.assert_allclose(dream.log_weights(net, x)[0], exact, rtol=1e-12)


def test_recognition_is_the_exact_posterior() -> None:
    net, x = pools(1), states(D)
    joint = np.stack([weights(net, k).sum(1) for k in range(K)], 1)
    np.testing.assert_allclose(dream.recognise(net, x), joint / joint.sum(1, keepdims=True), rtol=1e-12)


def test_units_and_pixels_have_the_conditional_probabilities_of_the_energy() -> None:
    """Also at another temperature T, where exp(-E / T) is the weight."""
    net, cold = pools(2), 1 / 1.3
    for k in range(K):
        weight = weights(net, k) ** cold
        of_units = np.stack([weight[:, states(H)[:, j] == 1].sum(1) / weight.sum(1) for j in range(H)], 1)
        of_pixels = np.stack([weight[states(D)[:, i] == 1].sum(0) / weight.sum(0) for i in range(D)], 1)
        own = net.of([k])
        np.testing.assert_allclose(dream.units(own, states(D)[None], cold)[0], of_units, rtol=1e-12)
        np.testing.assert_allclose(dream.pixels(own, states(H)[None], cold)[0], of_pixels, rtol=1e-12)


def test_dreams_come_as_often_as_the_energy_says() -> None:
    """40,000 chains a label, 100 steps from pixels all black: each of the 16 images within 5 sigma of its share."""
    net, chance, count = pools(3), np.random.Generator(np.random.SFC64(3)), 40_000
    x = np.zeros((K, count, D), np.float32)
    for _ in range(100):
        x = dream.bernoulli(dream.gibbs(net, x, chance), chance)
    for k in range(K):
        exact = weights(net, k).sum(1) / weights(net, k).sum()
        found = np.bincount((x[k] @ [8, 4, 2, 1]).astype(int), minlength=16) / count
        assert np.all(np.abs(found - exact) < 5 * np.sqrt(exact * (1 - exact) / count))


# --- gradients -------------------------------------------------------------------------------------------------------


def free_energies(parameters: list[Any], x: Any) -> Any:
    """F (N, K), in torch, from the module's formula."""
    W, a, b, c = parameters
    return torch.stack([c[k] + x @ a[k] + torch.log1p(torch.exp(x @ W[k] + b[k])).sum(1) for k in range(K)], 1)


def test_awake_minus_asleep_is_the_centred_gradient_of_the_log_likelihood() -> None:
    """Autograd on E with x - m and h - l in the place of x and h, whose biases are then put back: a step of W moves
    a by -W l and b by -m W."""
    net, chance = pools(4), np.random.default_rng(4)
    awake, asleep = (chance.integers(0, 2, (K, 5, D)).astype(float) for _ in range(2))
    means, centres = chance.random((K, D)), chance.random((K, H))
    W, a, b, c = (torch.tensor(each, requires_grad=True) for each in net)
    shift_a = a.detach() + torch.einsum("kdh,kh->kd", W.detach(), torch.tensor(centres))
    shift_b = b.detach() + torch.einsum("kdh,kd->kh", W.detach(), torch.tensor(means))
    shift_a.requires_grad_()
    shift_b.requires_grad_()
    plain_a = shift_a - torch.einsum("kdh,kh->kd", W, torch.tensor(centres))
    plain_b = shift_b - torch.einsum("kdh,kd->kh", W, torch.tensor(means))
    gain = torch.zeros(())
    for k in range(K):
        own = [W, plain_a, plain_b, c]
        gain = gain + free_energies(own, torch.tensor(awake[k]))[:, k].mean()
        gain = gain - free_energies(own, torch.tensor(asleep[k]))[:, k].mean()
    dW, da, db = (each.numpy() for each in torch.autograd.grad(gain, [W, shift_a, shift_b]))
    found, mean_up = dream.wake_sleep(net, awake, asleep, means, centres)  # type: ignore[arg-type]
    np.testing.assert_allclose(found.W, dW, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.a, da - np.einsum("kdh,kh->kd", dW, centres), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.b, db - np.einsum("kdh,kd->kh", dW, means), rtol=1e-9, atol=1e-12)
    assert not found.c.any()
    np.testing.assert_allclose(mean_up, dream.units(net, awake).mean(1))  # type: ignore[arg-type]


def test_label_held_minus_label_free_is_the_gradient_of_the_log_posterior() -> None:
    net, chance = pools(5), np.random.default_rng(5)
    x, labels = chance.random((7, D)), chance.integers(0, K, 7)
    parameters = [torch.tensor(each, requires_grad=True) for each in net]
    posterior = torch.log_softmax(free_energies(parameters, torch.tensor(x)), 1)[range(7), labels]
    found, loss = dream.naming(net, x, labels, 0.3)  # type: ignore[arg-type]
    for own, exact in zip(found, torch.autograd.grad(0.3 * posterior.sum(), parameters), strict=True):
        np.testing.assert_allclose(own, exact.numpy(), rtol=1e-9, atol=1e-12)
    assert loss == pytest.approx(-float(posterior.detach().mean()))


# --- the sampler -----------------------------------------------------------------------------------------------------


def test_temperatures_fall_linearly_and_end_at_1() -> None:
    found = dream.temperatures(200, 1.3)
    assert found[[0, 80, 120, 160, 199]] == pytest.approx([1.3, 1.15, 1.075, 1, 1])
    assert len(found) == 200


def test_a_dream_cools() -> None:
    """Without weights a pixel's mean is the logistic function of a / T, step by step."""
    net = pools(6)._replace(W=np.zeros((K, D, H)))
    steps = [*dream.dreaming(net, np.full((K, D), 0.5), 2, 10, 2.0, np.random.default_rng(0))]  # type: ignore[arg-type]
    for p, temperature in zip(steps, [2, 1.875, 1.75, 1.625, 1.5, 1.375, 1.25, 1.125, 1, 1], strict=True):
        np.testing.assert_allclose(p[:, 1], 1 / (1 + np.exp(-net.a / temperature)), rtol=1e-12)


# --- learning --------------------------------------------------------------------------------------------------------

PAIRS = np.array([[[0, 0, 1, 1], [1, 1, 0, 0]], [[0, 1, 0, 1], [1, 0, 1, 0]]], np.float32)  # of each label, two images


def dreamer(seed: int = 0, images: NDArray[np.float32] = PAIRS) -> Dreamer:
    return Dreamer(images.mean(1), hidden=8, chains=20, chance=np.random.Generator(np.random.SFC64(seed)))


def learn(net: Dreamer, updates: int, rate: float = 0.1) -> None:
    images = np.repeat(PAIRS, 10, axis=1)
    for _ in range(updates):
        net.update(images, images[:, :10], rate, 0.2)


def test_it_learns_what_independent_pixels_cannot() -> None:
    """Every pixel of either label is on as often as not: of independent pixels a label's two images have 1/8, of the
    data all; and of what was learned, summed over all states, nearly all. Either label is recognised."""
    net = dreamer()
    learn(net, 1_000)
    learn(net, 500, rate=0.02)
    own = Pools(*(each.astype(np.float64) for each in net.average))  # type: ignore[arg-type]
    log_weight = dream.log_weights(own, states(D))[0]  # type: ignore[arg-type]
    shares = np.exp(log_weight - log_weight.max(0)) / np.exp(log_weight - log_weight.max(0)).sum(0)
    for k in range(2):
        assert shares[(PAIRS[k] @ [8, 4, 2, 1]).astype(int), k].sum() > 0.9
    assert np.array_equal(net.recognise(PAIRS.reshape(4, D)).argmax(1), [0, 0, 1, 1])
    dreams = net.dream([1], 500, 50, 1.3, np.random.default_rng(0)) > 0.5
    assert np.mean([np.any([np.array_equal(each, image) for image in PAIRS[1]]) for each in dreams[0]]) > 0.8


def test_dreams_go_on_from_batch_to_batch_and_do_not_begin_at_the_images() -> None:
    """Of pools whose units copy the pixels and whose pixels copy the units, a chain stays where it is, whatever is
    shown: here the opposite of it."""
    net = Dreamer(np.full((2, D), 0.5, np.float32), D, 6, np.random.Generator(np.random.SFC64(1)))
    net.live.W[...], net.live.a[...], net.live.b[...] = 80 * np.eye(D, dtype=np.float32), -40, -40
    before = net.chains.copy()
    for _ in range(3):
        shown = 1 - before
        net.update(shown, shown[:, :2], 0.0, 0.2)
        np.testing.assert_array_equal(net.chains, before)


def test_centres_follow_the_mean_units_of_images() -> None:
    """Closed form: units that are on with p = sigmoid(2) whatever comes; the distance to p falls by 5 % an update."""
    net = Dreamer(np.full((2, D), 0.5, np.float32), 3, 6, np.random.Generator(np.random.SFC64(1)))
    net.live.W[...], net.live.b[...] = 0, 2
    p = 1 / (1 + np.exp(-2))
    for _ in range(7):
        net.update(np.zeros((2, 6, D), np.float32), np.zeros((2, 2, D), np.float32), 0.0, 0.2)
    np.testing.assert_allclose(net.centres, p + (0.5 - p) * 0.95**7, rtol=1e-5)


def test_the_average_is_the_mean_of_what_was_passed() -> None:
    """While it is younger than 500 updates."""
    net, passed = dreamer(), []
    for _ in range(6):
        learn(net, 1)
        passed.append(net.live.W.copy())
    np.testing.assert_allclose(net.average.W, np.mean(passed, axis=0), atol=1e-6)


def test_it_goes_on_from_its_state_to_the_same_bits() -> None:
    one, other = dreamer(), dreamer(seed=9)
    learn(one, 7)
    one.chance.random(3, np.float32)  # half of a word of its random bits is left over
    state = one.state_dict()
    learn(one, 5)
    other.load_state_dict(state)
    learn(other, 5)
    for name, array in one.state_dict().items():
        assert np.array_equal(array, other.state_dict()[name]), name
    with pytest.raises(ValueError, match="other sizes"):
        Dreamer(PAIRS.mean(1), 9, 20, np.random.Generator(np.random.SFC64(0))).load_state_dict(state)


@pytest.mark.parametrize("how", ["small weights", "large c"])
def test_a_pool_that_collapsed_begins_anew_at_half_the_rate(how: str) -> None:
    """And learns what it should after all."""
    net = dreamer(images=np.repeat(PAIRS, 2, axis=0))
    images = np.repeat(np.repeat(PAIRS, 2, axis=0), 10, axis=1)

    def go_on(updates: int, rate: float = 0.1) -> None:
        for _ in range(updates):
            net.update(images, images[:, :2], rate, 0.0)

    go_on(dream.TRIAL - 1)
    assert not net.restarts.any()
    if how == "small weights":
        net.live.W[2] *= 0.1
    else:
        net.live.c[2] = 2 * dream.HIGHEST
    go_on(1)
    assert net.restarts.tolist() == [0, 0, 1, 0]
    assert net.ages.tolist() == [dream.TRIAL, dream.TRIAL, 0, dream.TRIAL]
    assert net.spread[2] == pytest.approx(dream.START, rel=0.5)
    assert net.live.c[2] == pytest.approx(np.delete(net.live.c, 2).mean())
    assert np.array_equal(net.average.W[2], net.live.W[2]) and not net.velocity.W[2].any()

    before = [each.copy() for each in net.live]
    go_on(1)
    decayed = before[0] * np.array([1 - 1e-5, 1 - 1e-5, 1 - 0.5e-5, 1 - 1e-5])[:, None, None]
    rates = [0.1, 0.1, 0.05, 0.1]
    np.testing.assert_allclose(net.live.W - decayed, np.array(rates)[:, None, None] * net.velocity.W, atol=1e-6)
    go_on(2 * dream.TRIAL)
    assert net.restarts.tolist() == [0, 0, 1, 0]
    dreams = net.dream([2], 300, 50, 1.0, np.random.default_rng(0)) > 0.5
    assert np.mean([np.any([np.array_equal(each, image) for image in PAIRS[1]]) for each in dreams[0]]) > 0.8


def test_young_pools_are_judged_among_themselves() -> None:
    """Beside two whose weights are wide, two young ones are sound, if one is not half as wide as the other."""
    images = np.repeat(np.repeat(PAIRS, 2, axis=0), 10, axis=1)
    for narrow, expected in ((0.02, [0, 0, 0, 0]), (0.002, [0, 0, 0, 1])):
        net = dreamer(images=np.repeat(PAIRS, 2, axis=0))
        wide = np.array([0.5, 0.5, 0.03, narrow], np.float32)
        net.live.W[:] = wide[:, None, None] * np.random.default_rng(0).standard_normal(net.live.W.shape)
        net.ages[:] = dream.TRIAL - 1
        net.update(images, images[:, :2], 1e-6, 0.0, young=2)
        assert net.restarts.tolist() == expected


def test_pools_that_do_not_learn_change_only_their_c() -> None:
    """The first of two; whose c moves as the gradient says, 20 times the rate. Alone named, the second label too."""
    net, images = dreamer(), np.repeat(PAIRS, 10, axis=1)
    learn(net, 20)
    before = net.state_dict()
    velocity, x = net.velocity.c[0].copy(), images[:, :5].reshape(-1, D)
    told, _ = dream.naming(net.live, x, np.repeat([0, 1], 5), 0.2 / 5)
    net.update(images[1:], images[:, :5], 0.1, 0.2)
    after = net.state_dict()
    for name in ("W", "a", "b"):
        assert np.array_equal(after[f"live.{name}"][0], before[f"live.{name}"][0])
        assert not np.array_equal(after[f"live.{name}"][1], before[f"live.{name}"][1])
    assert np.array_equal(after["chains"][0], before["chains"][0])
    moved = after["live.c"][0] - before["live.c"][0]
    assert moved == pytest.approx(0.1 * (0.5 * velocity + 20 * told.c[0]), abs=1e-6)
    net.update(images[1:], images[1:, :5], 0.1, 0.2)


def test_a_grown_net_has_what_was_averaged_and_young_pools() -> None:
    net = dreamer()
    learn(net, 20)
    old, more = net.state_dict(), np.array([[0.0, 1, 1, 0.5]], np.float32)
    found = dream.grown(net, more)
    for kind in ("live", "average"):
        for name in Pools._fields:
            assert np.array_equal(found.state_dict()[f"{kind}.{name}"][:2], old[f"average.{name}"])
    assert np.array_equal(found.state_dict()["chains"][:2], old["chains"])
    assert found.live.c[2] == pytest.approx(old["average.c"].mean())
    assert found.live.a[2] == pytest.approx(np.log([0.002 / 0.998, 0.998 / 0.002, 0.998 / 0.002, 1]), rel=1e-3)
    assert found.spread[2] == pytest.approx(dream.START, rel=0.5)
    assert not found.ages.any()


def test_a_pool_is_looked_at_when_it_has_had_its_time_and_learns() -> None:
    """After 500 updates; after 1,000 where it has half the rate; never while it is left as it is."""
    images = np.repeat(PAIRS, 10, axis=1)

    def collapsed(age: int, restarts: int, learning: int) -> bool:
        net = dreamer()
        learn(net, 30)
        net.live.W[0] *= 0.01
        net.ages[:], net.restarts[:] = age - 1, restarts
        net.update(images[-learning:], images, 0.1, 0.2)
        return bool(net.restarts[0] > restarts)

    assert collapsed(dream.TRIAL, 0, 2) and collapsed(2 * dream.TRIAL, 1, 2)
    assert (
        not collapsed(dream.TRIAL, 1, 2) and not collapsed(dream.TRIAL, 0, 1) and not collapsed(dream.TRIAL - 1, 0, 2)
    )
