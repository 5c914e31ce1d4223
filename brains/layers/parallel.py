"""Parallel branches side by side in one layer: concatenated, added, averaged, or mixed by a learned gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

if TYPE_CHECKING:
    from brains.layers import Layer


class Parallel(BaseModel):
    """Every branch is a stack of layers that reads the layer's input and fires within one tick.

    `combine`: concat (outputs side by side), add, mean, or gate: y = sum_e p_e y_e with p = softmax(x W + b), a mixture
    of experts in which all experts fire (Jacobs et al. 1991). All but concat need branches of the same size.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    type: Literal["parallel"]
    """Branches side by side."""
    combine: Literal["concat", "add", "mean", "gate"]
    """How the branches' outputs become one."""
    branches: Annotated[list[Annotated[list[Layer], Field(min_length=1, max_length=64)]], Field(min_length=2)]
    """Stacks of layers, each reading the layer's input."""

    @field_validator("branches")
    @classmethod
    def _layers_have_units(cls, branches: list[list[Any]]) -> list[list[Any]]:
        for b, branch in enumerate(branches):
            for i, layer in enumerate(branch):
                if layer.type == "dense" and layer.units is None:
                    raise ValueError(f"layer {i} of branch {b} needs `units`")
        return branches
