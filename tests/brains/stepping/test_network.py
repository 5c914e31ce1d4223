"""A network in memory: depth scales, initialisation, and a layout whose padding never matters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from brains.kernels import BACKENDS
from brains.kernels.program import block, op, rate
from brains.layers import Dense
from brains.layers.plan import padded
from brains.stepping.network import Network
from brains.stepping.options import depth_scale


def test_depth_scale_closed_form() -> None:
    """min(100, 1.2^d), an exponent over 10 damped to 10 + ln(d - 9)."""
    for distance in range(11):
        assert depth_scale(distance) == pytest.approx(1.2**distance)
    for distance in (11, 12, 20, 63, 255):
        assert depth_scale(distance) == pytest.approx(1.2 ** (10 + math.log(distance - 9)))
    assert depth_scale(20) == pytest.approx(6.1917364224 * 1.2 ** math.log(11))
    assert depth_scale(10**9) == 100.0
    assert depth_scale(3, 1.5) == pytest.approx(3.375) and depth_scale(7, 1.0) == 1.0


def test_the_depth_scale_is_a_key(make_brain: Any) -> None:
    """Three layers: base^2, base, 1 from the input on; and the configs of before are written as they were."""
    for base in (1.0, 1.2, 2.0):
        brain = make_brain((3, 3), rule="tween_chain", depth_scale=base)
        assert brain.numbers[rate.NUMBERS :: 2].tolist() == pytest.approx([base**2, base, 1.0])
        assert ("depth_scale" in brain.config.model_dump()) == (base != 1.2)


def test_the_numbers_a_kernel_reads(make_brain: Any) -> None:
    """Layer i of L has the scale of distance L - 1 - i, and dense layers the type rate 1."""
    numbers = make_brain((4, 4, 4), learning_rate=0.5).numbers
    np.testing.assert_allclose(numbers[rate.NUMBERS :: 2], [1.2**3, 1.2**2, 1.2, 1.0], rtol=1e-6)
    np.testing.assert_array_equal(numbers[rate.NUMBERS + 1 :: 2], 1.0)
    assert numbers[rate.RATE] == 0.5


def drawn_weight(init: Any, inputs: int, units: int) -> np.ndarray:
    """The first weight of a dense layer."""
    (weight,) = Dense(init=init, units=units).plan((inputs,)).weights
    return np.asarray(weight.draw(np.random.default_rng(0)))


@pytest.mark.parametrize(("init", "variance"), [("he", 2 / 300), ("xavier", 2 / 500), ("sparse", 1 / 300 / 3)])
def test_initial_weights(init: str, variance: float) -> None:
    """he N(0, 2/in), xavier N(0, 2/(in+out)), sparse U(+-1/sqrt(in)) with exactly 90 % of a unit's inputs zero."""
    weight = drawn_weight(init, 300, 200)
    assert weight.shape == (300, 200)
    drawn = weight[weight != 0].astype(np.float64)
    assert drawn.size == (30 * 200 if init == "sparse" else weight.size)
    error = 4 * np.sqrt(2 / drawn.size)  # four standard errors of a variance, in units of it, if normal
    assert drawn.var() == pytest.approx(variance, rel=error)
    assert abs(drawn.mean()) < 4 * np.sqrt(variance / drawn.size)
    kurtosis = (drawn**4).mean() / drawn.var() ** 2
    assert kurtosis == pytest.approx(1.8 if init == "sparse" else 3.0, abs=0.15)  # of a uniform, of a Gaussian
    if init == "sparse":
        assert ((weight == 0).sum(0) == 270).all()
        assert np.abs(weight).max() <= 1 / np.sqrt(300)
        assert len({tuple(np.flatnonzero(column)) for column in weight.T}) == 200


def test_sparse_rounds_its_zeros_up() -> None:
    """Elsayed et al. 2024: ceil(0.9 n) zeros; a unit of one or two inputs sees nothing at first."""
    for inputs, kept in ((1, 0), (5, 0), (11, 1), (20, 2), (64, 6)):
        weight = drawn_weight("sparse", inputs, 3)
        assert ((weight != 0).sum(0) == kept).all()


def test_lanes_and_seeds_draw_their_own_weights_and_biases_start_at_zero() -> None:
    def network(seed: int) -> Network:
        made = Network([Dense(units=7), Dense()], 5, 3, "softmax", 2, lanes=2)
        made.initialize(np.random.SeedSequence(seed))
        return made

    one, again, other = network(0), network(0), network(1)
    np.testing.assert_array_equal(one.parameters, again.parameters)
    for i in range(2):
        assert (one.weight(i, 0) != one.weight(i, 1)).all() and (one.weight(i, 0) != other.weight(i, 0)).all()
        assert not one.bias(i, 0).any() and not one.bias(i, 1).any()
    np.testing.assert_array_equal(one.parameters[:, block.GOOD_VALUE], one.parameters[:, block.VALUE])


@pytest.mark.parametrize("units", [1, 7, 64, 100, 255])
def test_no_two_blocks_begin_at_the_same_place_of_a_page(units: int) -> None:
    """Of every two of a lane's seven blocks the starts are 512 bytes apart or more, modulo 4 KiB."""
    made = Network([Dense(units=units), Dense()], 5, 3, "softmax", 2, blocks=block.MANY)
    starts = [part.__array_interface__["data"][0] % 4096 for part in made.parameters[0]]
    gaps = np.diff(np.sort([*starts, min(starts) + 4096]))
    assert len(starts) == 7 and gaps.min() >= 512


def test_no_two_things_share_a_place() -> None:
    """Weights, biases, outputs and normalised values, each marked with a number of its own, all keep it; every row
    starts on a multiple of PAD."""
    layers = [Dense(units=7, normalize=True), Dense(units=17), Dense(units=16, normalize=True), Dense()]
    network = Network(layers, 5, 3, "softmax", 4, lanes=2)
    for column in (op.WIDTH, op.WEIGHT, op.BIAS, op.X, op.Y, op.CACHE):
        assert not (network.table[:, column] % op.PAD).any()
    views = [view(i) for i in range(4) for view in (network.weight, network.bias)]
    for mark, view in enumerate(views, 1):
        view[:] = mark
    assert all((view == mark).all() for mark, view in enumerate(views, 1))
    assert np.count_nonzero(network.parameters) == 5 * 7 + 7 + 7 * 17 + 17 + 17 * 16 + 16 + 16 * 3 + 3
    row = network.activity[0, 0]
    spans = [(0, 5)]
    for layer in network.table:
        spans.append((layer[op.Y], layer[op.WIDTH]))
        spans += [(layer[op.CACHE], layer[op.WIDTH] + op.PAD)] if layer[op.NORMALIZE] else []
    for start, size in spans:
        row[start : start + size] += 1
    assert row.max() == 1
    assert [padded(n) for n in (1, 16, 17)] == [16, 16, 32]


@pytest.mark.parametrize("rule", ["backprop", "tween", "tween_chain"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_padding_stays_zero(rule: str, backend: str, make_brain: Any, teach: Any) -> None:
    """Through learning, no weight, moment, gradient or snapshot appears behind a row's units."""
    settings = {"optimizer": "adam"} if rule == "backprop" else {}
    brain = make_brain(
        (7, 17), normalize=True, rule=rule, backend=backend, snapshot_every=3, lanes=2, learning_rate=0.05, **settings
    )
    generator = np.random.default_rng(0)
    for tick in range(10):
        teach(brain, generator.normal(size=(2, 5)).astype(np.float32), tick % 3)
    inside = np.zeros(brain.network.parameters.shape[2], bool)
    for layer in brain.network.table:
        rows = inside[layer[op.WEIGHT] : layer[op.BIAS] + layer[op.WIDTH]].reshape(-1, layer[op.WIDTH])
        rows[:, : layer[op.UNITS]] = True
    assert not brain.network.parameters[:, :, ~inside].any()
    assert brain.network.parameters[:, block.VALUE][:, inside].any()
