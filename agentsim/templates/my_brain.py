"""my_brain: a brain of one linear layer that learns the teacher's action on every tick.

agentsim run my_brain.yaml --import my_brain
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

import agentsim
from agentsim import NO_LABEL, Body, BrainBase, Experience, Learning


class MyBrain(BrainBase):
    """Softmax regression from the observation to the action, one gradient step a tick; it acts greedily."""

    class Config(BaseModel):
        """What YAML may say about this brain; unknown keys are errors."""

        model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

        learning_rate: float = Field(default=0.1, gt=0)
        """The size of an update."""

    def __init__(self, config: Config, body: Body, seed: np.random.SeedSequence) -> None:
        if not body.discrete:
            raise ValueError("my_brain chooses between actions; this world's body is continuous")
        super().__init__(config, body)
        first_weights = np.random.default_rng(seed).normal(0, 0.01, (body.observation_size + 1, body.actions))
        self.weights = np.repeat(first_weights[None].astype(np.float32), body.lanes, axis=0)  # (N, inputs, actions)
        self.scores = np.zeros((body.lanes, body.actions), np.float32)  # (N, actions), of the last tick

    def reset(self, lanes: np.ndarray[Any, Any]) -> None:
        """Forget the activity of the masked lanes (N,)."""
        self.scores[lanes] = 0

    def act(self, observation: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """(N, observation_size) -> (N,) int64."""
        self.scores = np.einsum("ni,nia->na", _with_bias(observation), self.weights)
        return self.scores.argmax(1)

    def learn(self, experience: Experience) -> Learning:
        """One step of cross-entropy toward the teacher's action, where there is one."""
        label = experience.teacher_action
        if label is None or (label == NO_LABEL).all():
            return Learning()
        labelled = label != NO_LABEL  # (N,)
        inputs = _with_bias(experience.observation)
        scores = np.einsum("ni,nia->na", inputs, self.weights)
        exponentials = np.exp(scores - scores.max(1, keepdims=True))
        probabilities = exponentials / exponentials.sum(1, keepdims=True)
        wanted = np.eye(self.body.actions, dtype=np.float32)[np.where(labelled, label, 0)]  # (N, actions)
        error = (wanted - probabilities) * labelled[:, None]
        self.weights += np.float32(self.config.learning_rate) * inputs[:, :, None] * error[:, None, :]
        loss = -np.log((wanted * probabilities).sum(1)[labelled] + 1e-9).mean()
        return Learning(loss=float(loss), updates=1)

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """Everything that the future depends on, each with a leading lane axis."""
        return {"weights": self.weights, "scores": self.scores}

    def activity(self) -> dict[str, np.ndarray[Any, Any]]:
        """What the window draws."""
        return {"scores": self.scores}


def _with_bias(observation: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.concatenate([observation, np.ones((len(observation), 1), np.float32)], axis=1)


agentsim.register_brain("my_brain", MyBrain)
