"""Skips to the read-out while stepping: hidden layers of several waves, and the gradient through all of them."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical

from brains.brain import Experience
from brains.kernels.program import block

BACKENDS = ["numba", "torch"]
SKIPPING = {"skip_to_output": True, "execution": "stepping", "align": "pipeline"}


class Unrolled:
    """A stepping network of dense layers with skips, as one graph from the beginning of its life on, in float64; what
    it is made of is a brain's, what it computes is its own."""

    def __init__(self, torch_net: Any, activation: Any, *arguments: Any, **keywords: Any) -> None:
        self.parameters = torch_net(*arguments, **keywords).parameters
        self.activation = activation
        self.hidden = [torch.zeros(len(bias), dtype=torch.float64) for bias in self.parameters[1:-2:2]]

    def tick(self, observation: Any) -> Tensor:
        """Every layer sees what was there on the last tick: the read-out's pre-activations."""
        seen = [torch.as_tensor(observation, dtype=torch.float64), *self.hidden]
        *own, weight, bias = self.parameters
        readout = torch.cat(self.hidden) @ weight + bias
        self.hidden = [
            self.activation(torch.nn.functional.layer_norm(x @ w + b, b.shape))
            for x, w, b in zip(seen, own[::2], own[1::2], strict=False)
        ]
        return readout


@pytest.fixture
def unrolled(torch_net: Any, activations: Any) -> Any:
    return partial(Unrolled, torch_net, activations["tanh"])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("hidden", [(7,), (7, 6), (7, 6, 5, 4)])
def test_the_gradient_is_that_of_the_unrolled_network(
    hidden: tuple[int, ...], backend: str, make_brain: Any, unrolled: Any, teach: Any, parts: Any
) -> None:
    """A new observation and label on every tick, weights held: once a whole wave has come through, what a tick adds to
    the gradient is autograd's through everything that the output depends on, back to the first tick."""
    brain = make_brain(
        hidden, activation="tanh", normalize=True, schedule={"accumulate": 10**6}, backend=backend, **SKIPPING
    )
    net, generator = unrolled(brain), np.random.default_rng(1)
    for tick in range(12):
        observation = generator.normal(size=(1, 5)).astype(np.float32)
        label = int(generator.integers(3))
        brain.network.parameters[:, block.GRADIENT] = 0.0
        learning = teach(brain, observation, label)
        loss = torch.nn.functional.cross_entropy(net.tick(observation[0]), torch.tensor(label))
        if tick < len(hidden):
            assert not brain.network.parameters[:, block.GRADIENT].any()
            continue
        assert learning.loss == pytest.approx(loss.item(), rel=1e-5)
        expected = torch.autograd.grad(loss, net.parameters, retain_graph=True)
        for mine, theirs in zip(parts(brain.network, 0, block.GRADIENT), expected, strict=True):
            np.testing.assert_allclose(mine, -theirs.numpy(), atol=2e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("thinks", [1, 3])
def test_learning_from_reward_through_skips(
    thinks: int, backend: str, make_brain: Any, unrolled: Any, parts: Any
) -> None:
    """On weights that (almost) stand still the traces are the decayed sums of autograd's gradients of log pi(a) and of
    V through the unrolled networks, however often they think."""
    reward = {"learning_rate": 1e-12, "entropy": 0.0, "normalize_observation": False}
    brain = make_brain(
        (7, 6, 4), activation="tanh", normalize=True, teacher=False, reward=reward, backend=backend,
        brain_ticks_per_world_tick=thinks, **SKIPPING,
    )  # fmt: skip
    policy, value = unrolled(brain), unrolled(brain, network=brain.critic)
    decay = brain.config.reward.discount * brain.config.reward.trace_decay
    traces = {net: [torch.zeros_like(p) for p in net.parameters] for net in (policy, value)}
    generator, learned, no = np.random.default_rng(2), 0, np.zeros(1, bool)
    for _ in range(10):
        observation, following = generator.normal(size=(2, 1, 5)).astype(np.float32)
        action = brain.act(observation)
        learning = brain.learn(Experience(observation, action, np.ones(1, np.float32), following, no, no))
        for _ in range(thinks):
            logits, worth = policy.tick(observation[0]), value.tick(observation[0])
        if not learning.updates:
            continue
        learned += 1
        log = Categorical(logits=logits).log_prob(torch.tensor(int(action[0])))
        for net, network, what in ((policy, brain.network, log), (value, brain.critic, worth[0])):
            gradients = torch.autograd.grad(what, net.parameters, retain_graph=True)
            traces[net] = [decay * z + g for z, g in zip(traces[net], gradients, strict=True)]
            for mine, expected in zip(parts(network, 0, block.MOMENT1), traces[net], strict=True):
                np.testing.assert_allclose(mine, expected.numpy(), atol=2e-5)
    assert learned == 10 - (3 if thinks == 1 else 1)
