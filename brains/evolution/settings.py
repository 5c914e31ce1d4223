"""What an evolution strategy is determined by. Nothing heavy is imported."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, field_validator, model_validator

Decay = Annotated[float, Field(gt=0, le=1)]


class EvolutionConfig(BaseModel):
    """EGGROLL (Sarkar et al., "Evolution Strategies at the Hyperscale"): a population in antithetic pairs, perturbed by
    matrices of low rank that are made of a counter and never kept."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    population: Annotated[int, Field(ge=2, le=2**24)] = 256
    """Members, two of each pair."""
    rank: Annotated[int, Field(ge=1, le=1024)] = 1
    """Of a matrix's perturbation, A B' / sqrt(rank)."""
    sigma: PositiveFloat = 0.1
    """Standard deviation of the perturbation of every number."""
    sigma_decay: Decay = 1.0
    """By which sigma is multiplied each generation."""
    shaping: Literal["raw", "clt", "sign", "zscore", "centered_rank"] = "clt"
    """What becomes of a pair's difference of fitness: over 2 sigma; over the root mean square; its sign; its z-score;
    its rank among all differences, -1/2 to 1/2. All but raw need a rate that decays to converge."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """What takes the estimated gradient."""
    learning_rate: PositiveFloat = 0.05
    """Of the optimizer."""
    rate_decay: Decay = 1.0
    """By which the rate is multiplied each generation."""
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.9, 0.99)
    """Of Adam."""
    noise_reuse: Annotated[int, Field(le=2**31)] = 1
    """Generations in a row that share their directions."""
    update_threshold: Annotated[float, Field(ge=0)] = 0.0
    """In units of what chance alone would do: a number moves where the sum over its pairs is beyond it."""
    weight_clip: PositiveFloat | None = None
    """The largest size of a number, which must exceed the largest that is wanted; null: none."""
    share_group: Annotated[int, Field(ge=1)] | None = None
    """Pairs that are judged on the same data; null: all of them."""
    chunk_pairs: Annotated[int, Field(ge=1, le=2**20)] = 64
    """Pairs whose noise is in memory at once."""
    fixed_point: Annotated[int, Field(ge=0, le=6)] | None = None
    """int8: weights are whole multiples of 2^-fixed_point, sigma is 2^-sigma_shift sqrt(rank), and a number moves by
    one multiple; null: float32."""
    sigma_shift: Annotated[int, Field(ge=0, le=16)] = 4
    """Of int8."""

    @field_validator("population")
    @classmethod
    def _even(cls, population: int) -> int:
        if population % 2:
            raise ValueError("a population is one of pairs: give an even number")
        return population

    @field_validator("noise_reuse")
    @classmethod
    def _not_for_ever(cls, reuse: int) -> int:
        if reuse < 1:
            raise ValueError("one set of directions for ever never searches outside of their span: give 1 or more")
        return reuse

    @model_validator(mode="after")
    def _int8(self) -> EvolutionConfig:
        if self.fixed_point is not None and self.update_threshold == 0:
            raise ValueError("fixed_point needs an update_threshold: else every number moves in every generation")
        return self

    @property
    def pairs(self) -> int:
        """Half the population."""
        return self.population // 2

    @property
    def group(self) -> int:
        """Pairs that are judged on the same data."""
        return self.share_group or self.pairs
