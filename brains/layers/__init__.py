"""The layer types by name. A new one is a file here, a line in LAYERS, and its maths in a file of each of `kernels`."""

from __future__ import annotations

from functools import cache, reduce
from operator import or_
from typing import Annotated, Any

from pydantic import BaseModel, Discriminator, GetCoreSchemaHandler, GetJsonSchemaHandler, Tag, TypeAdapter
from pydantic_core import CoreSchema, core_schema

from brains.layers.attention import Attention
from brains.layers.conv2d import Conv2D
from brains.layers.dense import Dense
from brains.layers.layer_norm import LayerNorm
from brains.layers.lstm import LSTM
from brains.layers.parallel import Parallel
from brains.layers.plan import LayerConfig
from brains.layers.rnn import RNN
from brains.layers.swiglu import SwiGLU

__all__ = ["LAYERS", "Dense", "Layer", "LayerConfig", "Parallel"]

LAYERS: dict[str, type[LayerConfig]] = {
    "dense": Dense,
    "conv2d": Conv2D,
    "rnn": RNN,
    "lstm": LSTM,
    "attention": Attention,
    "layer_norm": LayerNorm,
    "swiglu": SwiGLU,
}


def _type(layer: Any) -> Any:
    """The tag of a layer's YAML: a layer that does not say its type is dense."""
    return layer.get("type", "dense") if isinstance(layer, dict) else getattr(layer, "type", "dense")


@cache
def _union(*layers: tuple[str, type[BaseModel]]) -> TypeAdapter[Any]:
    """Any of these types, told apart by their tag."""
    union: Any = reduce(or_, (Annotated[cls, Tag(name)] for name, cls in layers))
    return TypeAdapter(Annotated[union, Discriminator(_type)])


class AnyLayer:
    """How a config reads a layer: by the types that there are when it does so, those from outside among them."""

    within = False  # a schema

    @staticmethod
    def models_of(layer: Any) -> list[type[BaseModel]]:
        """The types of today, whichever the layer is."""
        return [*LAYERS.values(), Parallel]

    @classmethod
    def validate(cls, layer: Any) -> Any:
        """A layer's config from its mapping. Raises ValidationError."""
        return _union(*LAYERS.items(), ("parallel", Parallel)).validate_python(layer)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.validate)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Any type of today; a `parallel` layer's schema says no more of those within it than of any mapping."""
        if self.within:
            return {"type": "object"}
        self.within = True
        try:
            return {"anyOf": [handler(model.__pydantic_core_schema__) for model in self.models_of(None)]}
        finally:
            self.within = False


Layer = Annotated[Any, AnyLayer()]
Parallel.model_rebuild(_types_namespace={"Layer": Layer})
