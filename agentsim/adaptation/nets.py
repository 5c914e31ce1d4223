"""The nets of Test 18, and two more layer types by the same pattern, as a brain's YAML would write them."""

from __future__ import annotations

from itertools import cycle, islice
from typing import Any

LAYER_TYPES = ("dense", "conv2d", "rnn", "lstm", "attention", "layer_norm", "swiglu")
DEPTHS = (3, 5, 9)
SIX_LAYERS = (32, 64, 64, 64, 32)  # hidden units of the published six-layer net, 8-32-64-64-64-32-4
DENSE = (64, 48, 32, 24, 16)  # hidden units of a dense net, from the input on, round and round


def dense(units: int) -> dict[str, Any]:
    """A hidden dense layer: leaky ReLU 0.1, He normal."""
    return {"type": "dense", "units": units}


def net(layer_type: str, depth: int) -> dict[str, Any]:
    """The keys {tile, layers} of a net of `depth` >= 3 layers, read-out included. `tile` repeats the inputs.

    Dense nets: 64, 48, 32, 24, 16 units in turn. Conv2D: 8 filters 3x3 on 8x8, then dense 64. RNN and LSTM: dense 32
    and 8 units over 4 steps of 8 in turn. Attention (4 heads, 64) and dense 64 in turn. LayerNorm and SwiGLU: dense 64
    and the layer in turn.
    """
    hidden = depth - 1
    if layer_type == "dense":
        return {"layers": [*(dense(units) for units in islice(cycle(DENSE), hidden)), {"type": "dense"}]}
    if layer_type == "conv2d":
        convolution = {"type": "conv2d", "filters": 8, "kernel": 3, "shape": [1, 8, 8], "activation": "leaky_relu"}
        return {"tile": 64, "layers": [convolution, *(dense(64) for _ in range(hidden - 1)), {"type": "dense"}]}
    tile, pair = {
        "rnn": (32, [dense(32), {"type": "rnn", "units": 8, "steps": 4}]),
        "lstm": (32, [dense(32), {"type": "lstm", "units": 8, "steps": 4}]),
        "attention": (64, [{"type": "attention", "heads": 4, "window": 8}, dense(64)]),
        "layer_norm": (64, [dense(64), {"type": "layer_norm"}]),
        "swiglu": (64, [dense(64), {"type": "swiglu", "hidden": 64}]),
    }[layer_type]
    return {"tile": tile, "layers": [*islice(cycle(pair), hidden), {"type": "dense"}]}
