"""Schedules, optimisers and rules against torch.optim on autograd's gradients of an independent network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from brains.kernels import BACKENDS
from brains.kernels.program import block

RULES = ("backprop", "tween", "tween_chain")
READOUTS = ("softmax", "sigmoid", "linear")


def samples(count: int, seed: int = 0) -> list[tuple[np.ndarray, int]]:
    """(observation (1, 5), target) pairs."""
    generator = np.random.default_rng(seed)
    return [(generator.normal(size=(1, 5)).astype(np.float32), int(generator.integers(3))) for _ in range(count)]


def check(brain: Any, parts: Any, expected: list[np.ndarray], tolerance: float = 1e-5) -> None:
    for mine, theirs in zip(parts(brain.network), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=tolerance)


def follow(net: Any, optimizer: torch.optim.Optimizer, clip: float, observation: Any, target: int) -> float:
    """One step of torch's own optimiser on one sample; the loss before it."""
    optimizer.zero_grad()
    loss = net.loss(observation[0], target)
    loss.backward()
    if clip:
        torch.nn.utils.clip_grad_norm_(net.parameters, clip)
    optimizer.step()
    return loss.item()


OPTIMIZERS = {
    "sgd": ({"optimizer": "sgd"}, lambda p: torch.optim.SGD(p, 0.05)),
    "momentum": ({"optimizer": "sgd", "momentum": 0.9}, lambda p: torch.optim.SGD(p, 0.05, momentum=0.9)),
    "adam": ({"optimizer": "adam"}, lambda p: torch.optim.Adam(p, 0.05, betas=(0.9, 0.99), eps=1e-8)),
}


@pytest.mark.parametrize("clip", [0.0, 0.3])
@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_twenty_steps_are_torch_optims(
    backend: str, optimizer: str, readout: str, clip: float, make_brain: Any, teach: Any, parts: Any, torch_net: Any
) -> None:
    """Every tick: SGD, momentum and Adam, with torch's clipping of the gradient's norm; the loss is the one before.

    Fails if one parameter of one layer is not trained, or a LayerNorm is left out of the gradient.
    """
    ours, theirs = OPTIMIZERS[optimizer]
    for normalize in (False, True):
        brain = make_brain(
            execution="sequential",
            backend=backend,
            readout=readout,
            normalize=normalize,
            learning_rate=0.05,
            gradient_clip=clip,
            **ours,
        )
        net = torch_net(brain)
        torch_optimizer = theirs(net.parameters)
        before = parts(brain.network)
        for observation, target in samples(20):
            learning = teach(brain, observation, target)
            assert learning.loss == pytest.approx(
                follow(net, torch_optimizer, clip, observation, target), rel=1e-4, abs=1e-5
            )
            assert (learning.updates, learning.rollbacks) == (1, 0)
        check(brain, parts, net.arrays(), 1e-4)
        assert all((now != old).all() for now, old in zip(parts(brain.network), before, strict=True))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("execution", ["stepping", "sequential"])
def test_accumulate_is_the_mean_of_each_error_with_its_own_input(
    execution: str, backend: str, make_brain: Any, teach: Any, parts: Any, torch_net: Any
) -> None:
    """Nothing changes for B-1 samples; then W -= rate mean(x_b outer d_b), which mean(d) outer x_B would miss."""
    brain = make_brain(
        (), schedule={"accumulate": 4}, execution=execution, backend=backend, learning_rate=0.5, gradient_clip=0
    )
    net, lived, before = torch_net(brain), samples(4), parts(brain.network)
    gradients = [net.gradient(observation[0], target) for observation, target in lived]
    for observation, target in lived:
        check(brain, parts, before, 0.0)
        updates = teach(brain, observation, target).updates
    assert updates == 1
    weight, bias = (torch.stack(column).mean(0).numpy() for column in zip(*gradients, strict=True))
    check(brain, parts, [before[0] - 0.5 * weight, before[1] - 0.5 * bias])
    upstream = np.outer(lived[-1][0][0], bias)
    assert np.abs(upstream - weight).max() > 0.1


@pytest.mark.parametrize("rule", ["tween", "tween_chain"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_accumulate_of_tween(backend: str, rule: str, make_brain: Any, teach: Any, parts: Any, torch_net: Any) -> None:
    """One linear layer: the same mean of each error with its own input, by the rule's closed form.

    chain: v = 0.1 mean(R x l), b += mean(R l), l = t - y; tween: v = 0.1 mean(0.01 r x g), b += 0.1 mean(r g),
    g = t - y, r = rate (0.5 + 0.5 budget), nothing below a budget of 0.2.
    """
    own_rate = {"tween": 10.0, "tween_chain": 0.02}[rule]
    brain = make_brain(
        (), schedule={"accumulate": 3}, rule=rule, backend=backend, readout="linear", learning_rate=own_rate
    )
    net, before, lived = torch_net(brain), parts(brain.network), samples(3)
    weight, bias = np.zeros_like(before[0], np.float64), np.zeros(3)
    for observation, target in lived:
        output, goal = net(observation[0]).detach().numpy(), np.eye(3)[target]
        cosine = output @ goal / np.linalg.norm(output)
        budget = (cosine + 1) / 2
        rate = own_rate * (1.0 if rule == "tween_chain" else (0.5 + 0.5 * budget) * (budget >= 0.2))
        share, bias_share = (1.0, 1.0) if rule == "tween_chain" else (0.01, 0.1)
        weight += 0.1 * share * rate * np.outer(observation[0], goal - output) / 3
        bias += bias_share * rate * (goal - output) / 3
        teach(brain, observation, target)
    check(brain, parts, [before[0] + weight, before[1] + bias], 1e-6)
    assert np.abs(weight).max() > 1e-4


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("execution", ["stepping", "sequential"])
def test_a_block_is_its_ticks_in_time_order(
    execution: str, backend: str, make_brain: Any, teach: Any, parts: Any, torch_net: Any
) -> None:
    """K-1 ticks of an unchanged policy, then K single-sample updates; and a second block after it."""
    brain = make_brain(
        schedule={"block": 5},
        execution=execution,
        backend=backend,
        learning_rate=0.1,
        momentum=0.5,
        gradient_clip=0,
    )
    net = torch_net(brain)
    optimizer = torch.optim.SGD(net.parameters, 0.1, momentum=0.5)
    for stretch in (samples(5, seed=1), samples(5, seed=2)):
        before = parts(brain.network)
        for observation, target in stretch:
            check(brain, parts, before, 0.0)
            learning = teach(brain, observation, target)
        losses = [follow(net, optimizer, 0.0, observation, target) for observation, target in stretch]
        assert (learning.updates, learning.loss) == (5, pytest.approx(np.mean(losses), rel=1e-4))
        check(brain, parts, net.arrays())


def test_a_silent_teacher_teaches_nothing(make_brain: Any, teach: Any, parts: Any) -> None:
    """NO_LABEL is -1: no sample, no place in a block or a mean, and lanes do not share labels."""
    for schedule in ("every_tick", {"accumulate": 2}, {"block": 2}):
        brain = make_brain(schedule=schedule, lanes=2)
        before = [parts(brain.network, lane) for lane in (0, 1)]
        observation = np.ones((2, 5), np.float32)
        updates = sum(teach(brain, observation, np.array([-1, 1])).updates for _ in range(4))
        assert updates == (2 if schedule == {"accumulate": 2} else 4)
        for lane, moved in ((0, False), (1, True)):
            for now, old in zip(parts(brain.network, lane), before[lane], strict=True):
                assert (now != old).all() == moved and (moved or (now == old).all())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("rule", RULES)
def test_every_parameter_moves_under_every_rule(
    rule: str, backend: str, make_brain: Any, teach: Any, parts: Any
) -> None:
    """Upstream's backprop left all but dense layers untrained; here no number stays where it was."""
    for execution in ("stepping", "sequential"):
        for align in ("instant", "pipeline", "sideways"):
            brain = make_brain((7, 17, 9), rule=rule, execution=execution, align=align, backend=backend)
            before = parts(brain.network)
            for observation, target in samples(40):
                teach(brain, observation, target)
            for now, old in zip(parts(brain.network), before, strict=True):
                assert (now != old).all()


def test_tween_is_not_tween_chain(make_brain: Any, teach: Any, parts: Any) -> None:
    """Upstream its flag had no effect."""
    ends = []
    for rule in RULES:
        brain = make_brain(rule=rule)
        for observation, target in samples(10):
            teach(brain, observation, target)
        ends.append(np.concatenate([part.ravel() for part in parts(brain.network)]))
    for i in range(3):
        assert np.abs(ends[i] - ends[i - 1]).max() > 1e-4


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("normalize", [False, True])
def test_every_input_reaches_the_output(normalize: bool, backend: str, make_brain: Any) -> None:
    """Change one number of the input, and the output changes (upstream, normalised nets could not see)."""
    for k in range(5):
        outputs = []
        for value in (0.3, 0.8):
            brain = make_brain(normalize=normalize, backend=backend)
            observation = np.full((1, 5), 0.3, np.float32)
            observation[0, k] = value
            for _ in range(3):
                brain.act(observation)
            outputs.append(brain.network.newest()[-1].copy())
        assert np.abs(outputs[0] - outputs[1]).max() > 1e-3


@pytest.mark.parametrize("backend", BACKENDS)
def test_continuous_targets(backend: str, make_brain: Any, teach: Any, parts: Any, torch_net: Any) -> None:
    """A linear read-out follows a teacher's vector; the action is the output within the body's bounds."""
    brain = make_brain(
        continuous=True, readout="linear", execution="sequential", backend=backend, learning_rate=0.1, gradient_clip=0
    )
    net = torch_net(brain)
    optimizer = torch.optim.SGD(net.parameters, 0.1)
    generator = np.random.default_rng(0)
    for _ in range(10):
        observation, target = (generator.normal(size=(1, n)).astype(np.float32) for n in (5, 3))
        output = net(observation[0]).detach().numpy()
        np.testing.assert_allclose(brain.act(observation)[0], output.clip(-2.0, 2.0), atol=1e-5)
        teach(brain, observation, target)
        follow(net, optimizer, 0.0, observation, target[0])
    check(brain, parts, net.arrays())
    assert not brain.network.parameters[:, block.GRADIENT].any()
