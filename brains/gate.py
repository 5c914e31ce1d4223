"""What a gate before learning may be told: a part of any brain that learns from labels, whatever its rule."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class GateConfig(BaseModel):
    """Which samples are learned, of those that a learning step would learn: the ones that cost much before it (at
    the end of their free phase, where a network settles); or, for comparison, others. An update waits until they are a
    batch."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    choose: Literal["surprise", "loss_proportional", "random", "all"] = "surprise"
    """surprise: what costs as much as the threshold, or more; loss_proportional: by chance, the more it costs; random:
    by chance; all."""
    kappa: float = Field(default=1.0, ge=0)
    """The threshold, over the running mean of the cost."""
    ceiling: float | None = Field(default=0.5, gt=0)
    """The threshold at most, over the cost of knowing nothing; null: none, and with kappa above 1 nothing may ever be
    learned."""
    rate: float = Field(default=0.00125, gt=0, le=1)
    """By which the running mean follows each sample."""
    share: float = Field(default=0.22, ge=0, le=1)
    """Of samples that are chosen by chance."""
    batch: int = Field(default=32, ge=1, le=65536)
    """Samples of an update, at least."""
    spike: float = Field(default=0.0, ge=0, le=100)
    """The learning rate is 1 + spike times as high for a batch that costs like knowing nothing, less for less."""
