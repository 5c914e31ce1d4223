"""What anybody would write in PyTorch for a brain that replays: one batch a learning step, and fused Adam.

An ordinary forward pass answers what is sensed (a stepping brain's waves are ours alone); a learning step draws random
experiences and, the first of a tick, adds the fresh one, takes their mean cross-entropy, and clips the gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agentsim.studies.timing import Job
from brains.layers import Dense
from brains.layers.swiglu import SwiGLU
from brains.stepping.settings import SteppingConfig

FILLED = 4096  # experiences in the ring that batches are drawn from


def module_of(config: SteppingConfig, inputs: int, actions: int) -> Any:
    """The network as a torch.nn.Module, (rows, inputs) -> logits (rows, actions). Raises ValueError for other layers
    than dense and swiglu."""
    import torch
    from torch import nn

    class Gated(nn.Module):
        def __init__(self, inputs: int, hidden: int, units: int) -> None:
            super().__init__()
            self.gate, self.up = nn.Linear(inputs, hidden), nn.Linear(inputs, hidden)
            self.down, self.residual = nn.Linear(hidden, units), inputs == units

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.down(nn.functional.silu(self.gate(x)) * self.up(x))
            return x + y if self.residual else y

    activations = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "softplus": nn.Softplus, "linear": nn.Identity}
    found: list[nn.Module] = []
    for layer in config.layers[:-1]:
        match layer:
            case Dense(activation=str() as name, units=int() as units) if name in activations:
                found.append(nn.Linear(inputs, units))
                if layer.normalize:
                    found.append(nn.LayerNorm(units, elementwise_affine=False))
                found.append(activations[name]())
            case SwiGLU():
                units = layer.units or inputs
                found.append(Gated(inputs, layer.hidden, units))
            case _:
                raise ValueError(f"no ordinary module for a layer {layer}")
        inputs = units
    return nn.Sequential(*found, nn.Linear(inputs, actions))


def ticking(
    config: SteppingConfig, observations: NDArray[np.float32], labels: NDArray[np.int64], actions: int, steps: int
) -> Job:
    """Ticks of acting and so many learning steps, on observations (draws, inputs) with labels (draws,)."""
    import torch

    assert config.replay is not None
    module = module_of(config, observations.shape[1], actions)
    optimizer = torch.optim.Adam(module.parameters(), config.learning_rate, (config.beta1, config.beta2), fused=True)
    sensed, named, batch = torch.from_numpy(observations), torch.from_numpy(labels), config.replay.per_tick
    replay = torch.from_numpy(np.resize(observations, (FILLED, observations.shape[1])))
    answers = torch.from_numpy(np.resize(labels, FILLED))

    def learn(rows: torch.Tensor, answer: torch.Tensor) -> None:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(module(rows), answer)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(module.parameters(), config.gradient_clip)
        optimizer.step()

    def tick(count: int) -> None:
        for now in range(count):
            draw = now % len(sensed)
            with torch.no_grad():
                module(sensed[draw : draw + 1]).argmax()
            for step in range(steps):
                chosen = torch.randint(FILLED, (batch,))
                rows, answer = replay[chosen], answers[chosen]
                if step == 0:
                    rows = torch.cat([rows, sensed[draw : draw + 1]])
                    answer = torch.cat([answer, named[draw : draw + 1]])
                learn(rows, answer)

    return tick
