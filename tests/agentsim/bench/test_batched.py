"""The ordinary PyTorch program is the same network, and learns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from agentsim.bench import batched
from agentsim.config.load import load_config
from agentsim.system.process import one_compute_thread
from brains.brain import Body
from brains.stepping.settings import SteppingConfig
from brains.stepping.taught import TaughtBrain

NAMES = [(0, ""), (1, "gate_"), (1, "up_"), (1, "down_"), (2, "")]


def arena(**settings: Any) -> SteppingConfig:
    return SteppingConfig.model_validate(load_config("arena").brain | settings)


def linear(module: Any) -> list[Any]:
    return [part for part in module.modules() if isinstance(part, torch.nn.Linear)]


def test_it_is_the_shipped_network() -> None:
    """With the brain's weights it answers as the brain's own reference does in one ordinary forward pass."""
    config = arena(backend="torch", execution="sequential", brain_ticks_per_world_tick=1)
    brain = TaughtBrain(config, Body(8, 4, teacher=True), np.random.SeedSequence(1))
    module = batched.module_of(config, 8, 4)
    parts = linear(module)
    assert sum(number.numel() for number in module.parameters()) == sum(
        brain.network.parameter(i, prefix + kind).size for i, prefix in NAMES for kind in ("weight", "bias")
    )
    with torch.no_grad():
        for part, (i, prefix) in zip(parts, NAMES, strict=True):
            part.weight.copy_(torch.from_numpy(brain.network.parameter(i, f"{prefix}weight").T.copy()))
            part.bias.copy_(torch.from_numpy(brain.network.parameter(i, f"{prefix}bias").copy()))
        for observation in np.random.default_rng(0).normal(size=(5, 1, 8)).astype(np.float32):
            brain.act(observation)
            shares = module(torch.from_numpy(observation)).softmax(1).numpy()
            np.testing.assert_allclose(shares, brain.network.newest()[-1], rtol=1e-5, atol=1e-6)


def test_it_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of four numbers is the largest: at first no better than chance, then nearly always right."""
    torch.manual_seed(0)
    observations = np.random.default_rng(0).normal(size=(512, 8)).astype(np.float32)
    labels = observations[:, :4].argmax(1)
    config, made = arena(), batched.module_of(arena(), 8, 4)
    monkeypatch.setattr(batched, "module_of", lambda *_: made)
    job = batched.ticking(config, observations, labels, 4, 4)

    def right() -> float:
        with torch.no_grad():
            return float((made(torch.from_numpy(observations)).argmax(1).numpy() == labels).mean())

    before = right()
    with one_compute_thread():
        job(100)
    assert before < 0.5 and right() > 0.9


def test_other_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="no ordinary module"):
        batched.module_of(arena(layers=[{"type": "layer_norm"}, {}]), 8, 4)
