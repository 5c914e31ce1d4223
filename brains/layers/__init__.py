"""The layer types by name. A new one is a file here and a line in LAYERS."""

from brains.layers.dense import Dense

__all__ = ["LAYERS", "Dense", "Layer"]

LAYERS = {"dense": Dense}
Layer = Dense
