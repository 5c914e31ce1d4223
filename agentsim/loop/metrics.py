"""The metrics of a stretch of ticks: a row of metrics.jsonl, and what every table, curve and panel reads."""

from __future__ import annotations

from pydantic import Field, NonNegativeInt

from agentsim.config.sections import Section


class AgentMetrics(Section):
    """How one of several agents did; fields as in Metrics."""

    accuracy: float | None
    score: float | None
    reward: float
    events: dict[str, int]


class Metrics(Section):
    """A simulated second, or what of it came before a switch of the task; None where there is nothing to say."""

    tick: NonNegativeInt  # ticks done
    ticks: NonNegativeInt  # of them in this row
    task: str | None
    accuracy: float | None  # share of the labelled ticks on which the brain took the teacher's action
    score: float | None  # of the last ten seconds of the task: 0 baseline, 1 oracle
    reward: float  # the sum
    loss: float | None  # the mean of the ticks that learned
    events: dict[str, int]
    learning_steps: NonNegativeInt
    rollbacks: NonNegativeInt  # after a value that was not finite
    returns: list[float]  # of the episodes that ended
    extra: dict[str, float]  # what else the brain says: of its learning, means; of itself, at the end
    agents: dict[str, AgentMetrics] = Field(default={})


# The metrics that are a number a row, which TensorBoard draws as they are.
CURVES = ("accuracy", "score", "reward", "loss", "learning_steps", "rollbacks")
