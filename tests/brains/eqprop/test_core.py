"""The compiled phases against the torch reference, torch's own Adam, and exact singular values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from brains.eqprop.core import Core
from brains.kernels.program import settling as of
from brains.kernels.program.settling import COSTS, KINDS
from brains.kernels.reference import eqprop, settling
from brains.kernels.reference.units import UNITS


def reference_of(core: Core, units: list[str]) -> settling.Net:
    """The same network in float64."""
    weights = [torch.tensor(np.array(weight), dtype=torch.float64) for weight in core.weights]
    biases = [torch.tensor(np.array(bias), dtype=torch.float64) for bias in core.biases]
    gate = tuple(torch.tensor(np.array(each), dtype=torch.float64) for each in core.gate) or None
    return settling.Net(weights, biases, [UNITS[name] for name in units], [1.0, *core.gains.tolist()], gate=gate)


def flat(core: Core) -> list[Any]:
    """The gradients of weights, biases and gate."""
    return [each for group in core.gradients for each in group]


def data_of(core: Core, cost: str, seed: int) -> tuple[Any, Any]:
    rows, inputs, outputs = len(core.target), core.sizes[0], core.sizes[-1]
    chance = np.random.default_rng(seed)
    x = chance.normal(size=(rows, inputs)).astype(np.float32)
    if cost == "force":
        return x, chance.normal(size=(rows, outputs)).astype(np.float32)
    return x, np.eye(outputs, dtype=np.float32)[chance.integers(0, outputs, rows)]


def cost_of(cost: str, target: Any, temperature: float) -> settling.Cost:
    wide = torch.tensor(target, dtype=torch.float64)
    if cost == "cross_entropy":
        return settling.cross_entropy(wide, temperature)
    return settling.force(wide) if cost == "force" else settling.squared_error(wide)


@given(
    sizes=st.lists(st.integers(1, 37), min_size=3, max_size=5),
    hidden=st.sampled_from(KINDS),
    output=st.sampled_from(KINDS),
    cost=st.sampled_from(COSTS),
    rows=st.integers(1, 9),
    free=st.integers(0, 5),
    nudged=st.integers(1, 4),
    gain=st.floats(0.1, 1),
    gated=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_phases_and_gradient_are_the_references(
    sizes: list[int],
    hidden: str,
    output: str,
    cost: str,
    rows: int,
    free: int,
    nudged: int,
    gain: float,
    gated: bool,
    seed: int,
) -> None:
    """Every kind of unit, cost, shape and number of rows, in one call: states to 1e-5, gradients to 1e-4 of their
    size (float32 differences over 2 beta and over the gains)."""
    units, beta, temperature = [hidden] * (len(sizes) - 2) + [output], 0.3, 2.0
    given_ = {"cost": cost, "beta": beta, "temperature": temperature, "gain": gain, "homeostasis": 0.5}
    core = Core(sizes, units, rows=rows, free_sweeps=free, nudged_sweeps=nudged, gated=gated, seed=seed, **given_)
    poison = np.float32(np.nan)
    for name in ("state", "plus", "minus"):
        for row in core._rows[name][1:]:
            row[...] = poison
    core._blocks["gradient"][...] = poison
    x, target = data_of(core, cost, seed)
    loss = core.gradient(x, target)
    net, aim = reference_of(core, units), cost_of(cost, target, temperature)
    wide = torch.tensor(x, dtype=torch.float64)
    settled = settling.settle(net, net.forward(wide), free)
    for mine, right in zip(core.states, settled.states, strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-5, atol=2e-5)
    assert core.residual == pytest.approx(settled.residual if free else 0.0, abs=3e-5)
    assert loss == pytest.approx(float(aim.value(settled.states[-1]).mean()), rel=1e-4, abs=1e-4)
    plus, minus = (settling.settle(net, settled.states, nudged, beta=b, cost=aim).states for b in (beta, -beta))
    found = eqprop.contrast(net, plus, minus, 2 * beta)
    size = max(1.0, float(max(each.abs().max() for each in found)))
    for mine, right in zip(flat(core), found, strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-4, atol=1e-4 * size / np.prod(core.gains))


@given(
    sizes=st.lists(st.integers(1, 37), min_size=2, max_size=5),
    hidden=st.sampled_from(KINDS),
    output=st.sampled_from(KINDS),
    cost=st.sampled_from(COSTS),
    rows=st.integers(1, 9),
    gated=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_backprop_is_autograd_through_the_pass_upwards(
    sizes: list[int], hidden: str, output: str, cost: str, rows: int, gated: bool, seed: int
) -> None:
    """Outputs, cost and gradients to 1e-5 of autograd in float64, whatever the gain that is not there."""
    units = [hidden] * (len(sizes) - 2) + [output]
    core = Core(sizes, units, rows=rows, cost=cost, temperature=2.0, gain=0.3, rule="backprop", gated=gated, seed=seed)
    x, target = data_of(core, cost, seed)
    net = reference_of(core, units)
    parameters = [each.requires_grad_() for each in (*net.weights, *net.biases, *(net.gate or ()))]
    output_ = net.forward(torch.tensor(x, dtype=torch.float64))[-1]
    wanted = cost_of(cost, target, 2.0).value(output_).mean()
    loss = core.gradient(x, target)
    np.testing.assert_allclose(core.settle(x), output_.detach(), rtol=1e-5, atol=1e-5)
    assert loss == pytest.approx(wanted.item(), rel=1e-5, abs=1e-5)
    for mine, right in zip(flat(core), torch.autograd.grad(wanted, parameters), strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-5, atol=1e-5)


def test_a_batch_from_memory_is_as_written() -> None:
    """Rows drawn by an independent splitmix64: the first quarter of the batch counts back from the last experience by
    less than `recent`, the others by what there is; a full memory forgets the oldest."""
    core = Core((3, 8, 2), ["tanh", "linear"], rows=12, memory=np.zeros((20, 4), np.float32), recent=5)
    other = Core((3, 8, 2), ["tanh", "linear"], rows=12)
    chance, seen = np.random.default_rng(0), []
    core.program[of.STREAM] = state = 12345
    for tick in range(50):
        seen.append((chance.normal(size=3).astype(np.float32), tick % 2))
        core.remember(*seen[-1])
        batch = []
        for row in range(8):
            held = min(tick + 1, 20)
            state, back = drawn(state, min(held, 5) if row < 2 else held)
            batch.append(seen[-1 - back])
        x, label = np.array([x for x, _ in batch]), np.array([label for _, label in batch])
        assert core.rehearse(8) == other.learn(x, np.eye(2)[label])
    assert np.array_equal(core.state_dict()["value"], other.state_dict()["value"])


def drawn(state: int, bound: int) -> tuple[int, int]:
    """splitmix64 as Steele et al. (2014) write it, in Python's integers; its upper 31 bits modulo the bound."""
    word = (1 << 64) - 1
    state = (state + 0x9E3779B97F4A7C15) & word
    z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & word
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & word
    return state, ((z ^ (z >> 31)) >> 33) % bound


def test_an_update_is_adams_and_gains_follow_the_singular_values() -> None:
    """torch.optim.AdamW on the kernel's own gradients, 60 updates; then an exact singular value decomposition."""
    core = Core(
        (5, 20, 20, 3), ["rational_tanh", "rational_tanh", "linear"], rows=8, weight_decay=0.1, homeostasis=0.25
    )
    x, target = data_of(core, "cross_entropy", 0)
    parameters = [torch.nn.Parameter(torch.tensor(np.array(each))) for each in (*core.weights, *core.biases)]
    optimizer = torch.optim.AdamW(parameters, lr=6e-3, betas=(0.9, 0.99), weight_decay=0.1)
    losses = []
    for _ in range(60):
        losses.append(core.learn(x, target))
        for parameter, gradient in zip(parameters, [*core.gradients[0], *core.gradients[1]], strict=True):
            parameter.grad = torch.tensor(np.array(gradient))
        optimizer.step()
    for mine, right in zip([*core.weights, *core.biases], parameters, strict=True):
        np.testing.assert_allclose(mine, right.detach(), rtol=2e-4, atol=2e-5)
    assert losses[-1] < losses[0] / 10
    for gain, weight in zip(core.gains, core.weights[1:], strict=True):
        assert gain == pytest.approx(min(1, 0.25 / np.linalg.svd(weight)[1][0] ** 2), rel=0.02)


def test_what_is_not_finite_teaches_nothing_and_is_counted() -> None:
    core = Core((5, 20, 3), ["rational_tanh", "linear"], rows=4)
    x, target = data_of(core, "cross_entropy", 0)
    core.learn(x, target)
    before = core.state_dict()
    for poison in (np.nan, np.inf, -np.inf):
        core.learn(np.where(x == x[0, 0], np.float32(poison), x), target)
        core.learn(x, np.where(target > 0, np.float32(poison), target))
    after = core.state_dict()
    assert core.withheld == 6
    for name in before.keys() - {"counts"}:
        assert np.array_equal(before[name], after[name]), name
    assert np.isfinite(core.settle(x)).all(), "the next sample settles as if nothing had been"


def test_a_residual_above_its_limit_teaches_nothing() -> None:
    core = Core((5, 20, 3), ["rational_tanh", "linear"], free_sweeps=1, homeostasis=None, residual_limit=1e-9)
    x, target = data_of(core, "cross_entropy", 0)
    before = core.state_dict()
    core.learn(x, target)
    assert core.withheld == 1
    assert np.array_equal(before["value"], core.state_dict()["value"])


def test_moments_are_flushed() -> None:
    """Where nothing pulls any more, moments decay to zero and not to denormal numbers."""
    core = Core((3, 4, 2), ["clip", "linear"], cost="force")
    core._blocks["moment1"][...] = 1e-29
    core._blocks["moment2"][...] = 1e-29
    for _ in range(2000):
        core.learn(np.zeros((1, 3)), np.zeros((1, 2)))
    for name in ("moment1", "moment2"):
        assert not core._blocks[name].any()


def test_settling_on_is_more_sweeps() -> None:
    """3 sweeps and 3 more are 6 of the reference."""
    units = ["clip", "clip", "linear"]
    core = Core((5, 20, 20, 3), units, rows=2, free_sweeps=3)
    x, _ = data_of(core, "force", 1)
    core.settle(x)
    core.go_on()
    net = reference_of(core, units)
    right = settling.settle(net, net.forward(torch.tensor(x, dtype=torch.float64)), 6).states
    for mine, expected in zip(core.states, right, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-5, atol=1e-5)


def test_a_state_comes_back_to_the_same_bits() -> None:
    one, other = (Core((5, 20, 3), ["tanh", "linear"], seed=seed) for seed in (1, 2))
    x, target = data_of(one, "cross_entropy", 0)
    for _ in range(5):
        one.learn(x, target)
    other.load_state_dict(one.state_dict())
    for core in (one, other):
        core.learn(x, target)
    for name, array in one.state_dict().items():
        assert np.array_equal(array, other.state_dict()[name])
    with pytest.raises(ValueError, match="another network"):
        Core((5, 21, 3), ["tanh", "linear"]).load_state_dict(one.state_dict())
