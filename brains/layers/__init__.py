"""The layer types by name. A new one is a file here, a line in LAYERS, and its maths in each of `kernels`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from brains.layers.attention import Attention
from brains.layers.conv2d import Conv2D
from brains.layers.dense import Dense
from brains.layers.layer_norm import LayerNorm
from brains.layers.parallel import Parallel
from brains.layers.plan import LayerConfig
from brains.layers.recurrent import LSTM, RNN
from brains.layers.swiglu import SwiGLU

__all__ = ["LAYERS", "TYPE_RATES", "Dense", "Layer", "LayerConfig", "Parallel"]

LAYERS: dict[str, type[LayerConfig]] = {
    "dense": Dense,
    "conv2d": Conv2D,
    "rnn": RNN,
    "lstm": LSTM,
    "attention": Attention,
    "layer_norm": LayerNorm,
    "swiglu": SwiGLU,
}
# Neural Tween's learning rates by type
TYPE_RATES = {"dense": 1.0, "conv2d": 0.1, "rnn": 0.5, "lstm": 0.5, "attention": 0.2, "layer_norm": 0.1, "swiglu": 0.2}


def _type(layer: Any) -> Any:
    """The tag of a layer's YAML: a layer that does not say its type is dense."""
    return layer.get("type", "dense") if isinstance(layer, dict) else getattr(layer, "type", "dense")


Layer = Annotated[
    Annotated[Dense, Tag("dense")]
    | Annotated[Conv2D, Tag("conv2d")]
    | Annotated[RNN, Tag("rnn")]
    | Annotated[LSTM, Tag("lstm")]
    | Annotated[Attention, Tag("attention")]
    | Annotated[LayerNorm, Tag("layer_norm")]
    | Annotated[SwiGLU, Tag("swiglu")]
    | Annotated[Parallel, Tag("parallel")],
    Discriminator(_type),
]
Parallel.model_rebuild(_types_namespace={"Layer": Layer})
