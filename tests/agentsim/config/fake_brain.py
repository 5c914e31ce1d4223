"""A brain with every sort of key, a config of it, and what is wrong with others."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from agentsim.config.load import load_config
from agentsim.errors import UserError


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Dense(Model):
    type: Literal["dense"] = "dense"
    units: int = Field(ge=1)


class Memory(Model):
    type: Literal["memory"]
    window: int = 4


class Block(Model):
    block: int


class Accumulate(Model):
    accumulate: int


class FakeBrain:
    class Config(Model):
        learning_rate: float = Field(default=0.1, gt=0)
        rule: Literal["backprop", "tween"] = "backprop"
        layers: list[Annotated[Dense | Memory, Field(discriminator="type")]] = []
        schedule: Literal["every_tick"] | Block | Accumulate = "every_tick"


GOOD = """\
world:
  id: agentsim/ChaseAvoid-v0
  options: {shaping: 0.25}
brain:
  kind: fake
  learning_rate: 0.5
clock: {tick_hz: 120}
"""


def write(text: str, name: str = "mine.yaml") -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return name


def wrong(text: str, *overrides: str, **options: Any) -> list[str]:
    with pytest.raises(UserError) as caught:
        load_config(write(text), overrides=overrides, **options)
    return str(caught.value).splitlines()
