"""Every layer type, as a network in float64 and as torch's own modules compute it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor, nn
from torch.nn import functional

from brains.kernels.program import block, op
from brains.kernels.reference.operation import Operation, operations
from brains.layers import Layer
from brains.stepping.network import Network

CLOSE = {"rtol": 1e-9, "atol": 1e-11}
WINDOW = 3
# (inputs, config): each type, and what a config can make of it
CASES: tuple[tuple[int, dict[str, Any]], ...] = (
    (6, {"type": "dense", "units": 5}),
    (6, {"type": "dense", "units": 5, "normalize": True}),
    (24, {"type": "conv2d", "filters": 3, "kernel": 2, "shape": [2, 4, 3]}),
    (70, {"type": "conv2d", "filters": 2, "kernel": 3, "stride": 2, "shape": [2, 5, 7]}),
    (6, {"type": "rnn", "units": 17}),
    (6, {"type": "rnn", "units": 3, "steps": 2}),
    (6, {"type": "lstm", "units": 17}),
    (6, {"type": "lstm", "units": 3, "steps": 2}),
    (6, {"type": "attention", "heads": 2, "window": WINDOW}),
    (5, {"type": "attention", "heads": 2, "window": WINDOW, "units": 18}),
    (6, {"type": "layer_norm"}),
    (6, {"type": "swiglu", "hidden": 17}),
    (6, {"type": "swiglu", "hidden": 5, "units": 4}),
)
every_layer = pytest.mark.parametrize(("inputs", "config"), CASES, ids=str)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def network_of(layers: list[dict[str, Any]], inputs: int, skip: bool = False, outputs: int = 3) -> Network:
    """A network whose parameters are all random, so that no bias sits at 0."""
    configs = TypeAdapter(list[Layer]).validate_python(layers)
    network = Network(configs, inputs, outputs, "softmax", len(layers) + 1, skip_to_output=skip)
    generator = np.random.default_rng(0)
    for views in network.views:
        for view in views.values():
            view.of(network.parameters[0, block.VALUE])[:] = generator.normal(0.0, 0.5, view.shape)
    return network


def layer_of(inputs: int, config: dict[str, Any]) -> tuple[Operation, dict[str, Tensor], Tensor | None]:
    """The module, its parameters by name, and a state to fire from: for attention, two entries valid of three."""
    network = network_of([config, {}], inputs)
    layer = operations(network.table, torch.tensor(network.parameters[0, block.VALUE]).double().requires_grad_())[0]
    size = int(network.table[0, op.STATE_SIZE])
    state = normal(size, seed=1) if size else None
    if state is not None and config["type"] == "attention":
        state[-1] = WINDOW - 1
    return layer, dict(layer.named_parameters()), state


def oracle(config: dict[str, Any], own: dict[str, Tensor], inputs: Tensor) -> Tensor:
    """z of a layer (T, units) over T ticks (T, inputs) from fresh zeros, by torch's own modules."""
    ticks, kind = len(inputs), config["type"]
    if kind == "dense":
        z = functional.linear(inputs, own["weight"].T, own["bias"])
        return functional.layer_norm(z, z.shape[1:]) if config.get("normalize") else z
    if kind == "conv2d":
        channels, kernel = config["shape"][0], config["kernel"]
        conv = nn.Conv2d(channels, config["filters"], kernel, config.get("stride", 1), dtype=torch.float64)
        weights = {"weight": own["weight"].reshape(-1, channels, kernel, kernel), "bias": own["bias"]}
        return torch.func.functional_call(conv, weights, (inputs.view(ticks, *config["shape"]),)).flatten(1)
    if kind in ("rnn", "lstm"):
        units, steps = config["units"], config.get("steps", 1)
        sequence, gates = inputs.view(ticks * steps, -1), own["bias"].numel()
        module = (nn.RNN if kind == "rnn" else nn.LSTM)(sequence.shape[1], units, dtype=torch.float64)
        weights = {
            "weight_ih_l0": own["input_weight"].reshape(-1, gates).T,
            "weight_hh_l0": own["hidden_weight"].reshape(units, gates).T,
            "bias_ih_l0": own["bias"].flatten(),
            "bias_hh_l0": torch.zeros(gates, dtype=torch.float64),
        }
        return torch.func.functional_call(module, weights, (sequence,))[0].view(ticks, steps * units)
    if kind == "layer_norm":
        return functional.layer_norm(inputs, inputs.shape[1:], own["gain"], own["bias"])
    if kind == "swiglu":
        gate, up = (inputs @ own[f"{name}_weight"] + own[f"{name}_bias"] for name in ("gate", "up"))
        z = functional.linear(functional.silu(gate) * up, own["down_weight"].T, own["down_bias"])
        return z + inputs if z.shape == inputs.shape else z
    assert kind == "attention"
    age = torch.arange(ticks)[:, None] - torch.arange(ticks)
    mask, heads = (age >= 0) & (age < config["window"]), config["heads"]
    q, k, v = (inputs @ own[f"{name}_weight"] + own[f"{name}_bias"] for name in ("query", "key", "value"))
    split = [part.view(ticks, heads, -1).transpose(0, 1) for part in (q, k, v)]
    heard = functional.scaled_dot_product_attention(*split, attn_mask=mask).transpose(0, 1).reshape(ticks, -1)
    z = functional.linear(heard, own["output_weight"].T, own["output_bias"])
    return z + inputs if z.shape == inputs.shape else z
