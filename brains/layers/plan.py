"""What a layer's config tells the network that is to hold it: sizes, parameters and how they begin."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from brains.kernels.program.op import PAD

Activation = Literal["linear", "tanh", "sigmoid", "leaky_relu", "scaled_relu", "softplus"]
Initialization = Literal["he", "xavier"]
Shape = tuple[int, ...]  # (units,) or (channels, height, width)
Draw = Callable[[np.random.Generator], NDArray[Any] | float]


class Parameter(NamedTuple):
    """One array of parameters, by the name and the shape of the field; `draw` gives its first values."""

    name: str
    shape: Shape
    draw: Draw


class Plan(NamedTuple):
    """A layer made to measure for an input of a certain shape.

    `weights` have momentum under the tween rules, `biases` have none. `sizes`: the columns D1, D2 ... of
    `kernels.program.op`, which mean what the layer's kernels say. `states`: numbers carried from tick to tick.
    `window`: over how many ticks an input that stands still keeps changing the output. `cache`: numbers kept for the
    gradient. `work`: numbers of working space that the gradient needs, besides one error for each unit and each
    input. `multiplications`: of two numbers that a row takes forward, where they are not one a weight.
    """

    shape: Shape
    weights: tuple[Parameter, ...] = ()
    biases: tuple[Parameter, ...] = ()
    sizes: tuple[int, ...] = ()
    states: int = 0
    window: int = 1
    cache: int = 0
    work: int = 0
    activation: str = "linear"
    normalize: bool = False
    residual: bool = False
    multiplications: int | None = None

    @property
    def units(self) -> int:
        """How many numbers the layer puts out."""
        return math.prod(self.shape)


class LayerConfig(BaseModel):
    """What every layer's config has in common; its own `type` is Literal["its name in LAYERS"].

    `type_rate`: Neural Tween's learning rate of the type. `reference`: its maths in torch, "module:class". `cpu`: the
    module of its compiled kernels, and `kernels` which there are of those that `kernels.cpu` lists. `passes_targets`:
    whether the legacy tween rule hands targets through it as they are, where it has as many outputs as inputs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)
    type_rate: ClassVar[float] = 1.0
    reference: ClassVar[str]
    cpu: ClassVar[str]
    kernels: ClassVar[tuple[str, ...]] = ("fire", "back")
    passes_targets: ClassVar[bool] = True

    def plan(self, shape: Shape) -> Plan:
        """The layer for an input of this shape. Raises ValueError where it does not fit, starting with the key."""
        raise NotImplementedError


def normal(shape: Shape, fan_in: int, fan_out: int, init: Initialization) -> Draw:
    """he: N(0, 2 / fan_in), He et al. 2015; xavier: N(0, 2 / (fan_in + fan_out)), Glorot & Bengio 2010."""
    fan = fan_in if init == "he" else fan_in + fan_out
    return lambda generator: generator.standard_normal(shape) * np.sqrt(2.0 / fan)


def constant(value: float) -> Draw:
    """The same number everywhere."""
    return lambda _: value


def padded(size: int) -> int:
    """The next multiple of `kernels.program.op.PAD`."""
    return -(-size // PAD) * PAD
