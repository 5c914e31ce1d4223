"""my_brain: a brain of one linear layer that learns the teacher's action on every tick.

agentsim run my_brain.yaml --import my_brain
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

import agentsim
from agentsim import NO_LABEL, Body, Experience, Learning


class MyBrain:
    """Softmax regression from the observation to the action, one gradient step a tick; it acts greedily."""

    latency = 0  # ticks from an observation to the action that answers it
    settling_ticks = 1  # ticks of one held observation until the answer is final

    class Config(BaseModel):
        """What YAML may say about this brain; unknown keys are errors."""

        model_config = ConfigDict(extra="forbid")

        learning_rate: float = Field(default=0.1, gt=0)

    def __init__(self, config: Config, body: Body, seed: np.random.SeedSequence) -> None:
        if not body.discrete:
            raise ValueError("my_brain chooses between actions; this world's body is continuous")
        self.config, self.body, self.frozen = config, body, False
        first_weights = np.random.default_rng(seed).normal(0, 0.01, (body.observation_size + 1, body.actions))
        self.weights = np.repeat(first_weights[None].astype(np.float32), body.lanes, axis=0)  # (N, inputs, actions)
        self.scores = np.zeros((body.lanes, body.actions), np.float32)  # (N, actions), of the last tick

    def warm_up(self) -> None:
        """Nothing to compile."""

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
        if self.frozen or label is None or (label == NO_LABEL).all():
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

    def rehearse(self) -> Learning:
        """No memory, no rehearsal."""
        return Learning()

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """Copies of everything that the future depends on; a brain that uses chance adds its generator's state."""
        return {"weights": self.weights.copy(), "scores": self.scores.copy()}

    def load_state_dict(self, state: dict[str, np.ndarray[Any, Any]]) -> None:
        """Inverse of state_dict."""
        mine = self.state_dict()
        if state.keys() != mine.keys():
            raise ValueError(f"expected the entries {', '.join(mine)}, found {', '.join(state)}")
        for name, value in state.items():
            if value.shape != mine[name].shape or value.dtype != mine[name].dtype:
                raise ValueError(f"{name}: expected {mine[name].dtype} {mine[name].shape}")
        self.weights, self.scores = state["weights"].copy(), state["scores"].copy()

    def activity(self) -> dict[str, np.ndarray[Any, Any]]:
        """What the window draws."""
        return {"scores": self.scores}

    def frozen_copy(self, lanes: int | None = None) -> MyBrain:
        """The same knowledge with fresh activity; with `lanes`, lane 0's knowledge in that many lanes."""
        copy = MyBrain(self.config, replace(self.body, lanes=lanes or self.body.lanes), np.random.SeedSequence(0))
        copy.weights = self.weights.copy() if lanes is None else np.repeat(self.weights[:1], lanes, axis=0)
        copy.frozen = True
        return copy


def _with_bias(observation: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.concatenate([observation, np.ones((len(observation), 1), np.float32)], axis=1)


agentsim.register_brain("my_brain", MyBrain)
