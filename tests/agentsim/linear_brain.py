"""A small brain for tests of the loop: linear, with momentum, a memory of one sample, noise and activity of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from brains.brain import NO_LABEL, Body, Experience, Float, Learning, State


class LinearConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rate: float = 0.1
    fail_at: int = -1  # raise on this act
    nan_at: int = -1  # return something that is no action on this act


class LinearBrain:
    """Softmax regression on the teacher's labels; where there is none, on its own action, weighted by the reward."""

    Config = LinearConfig
    latency, settling_ticks = 0, 2
    backend = "numpy"

    def __init__(self, config: LinearConfig, body: Body, seed: np.random.SeedSequence) -> None:
        self.config, self.body = config, body
        self.rng = np.random.default_rng(seed)
        self.weights = self.rng.normal(0, 0.1, (body.observation_size, body.actions))
        self.momentum = np.zeros_like(self.weights)
        self.trace = np.zeros((body.lanes, body.actions))
        self.memory = np.zeros(body.observation_size + 1)
        self.acts = 0
        self.greedy = False

    def warm_up(self) -> None:
        pass

    def reset(self, lanes: Any) -> None:
        self.trace[lanes] = 0

    def act(self, observation: Float) -> Any:
        self.acts += 1
        if self.acts == self.config.fail_at:
            raise ArithmeticError("the brain lost its mind")
        self.trace = 0.5 * self.trace + observation @ self.weights
        if self.acts == self.config.nan_at:
            return np.full((1, self.body.actions), np.nan, np.float32)
        noise = 0 if self.greedy else self.rng.normal(0, 0.1, self.trace.shape)
        drive = self.trace + noise
        if self.body.discrete:
            return drive.argmax(1)
        low, high = np.array(self.body.low), np.array(self.body.high)
        return ((low + high) / 2 + (high - low) / 2 * np.tanh(drive)).astype(np.float32)

    def learn(self, experience: Experience) -> Learning:
        label, weight = int(np.argmax(self.trace[0])), float(experience.reward[0])
        if experience.teacher_action is not None:
            if experience.teacher_action[0] == NO_LABEL:
                return Learning()
            label, weight = int(experience.teacher_action[0]), 1.0
        self.memory[:-1], self.memory[-1] = experience.observation[0], label
        return self._descend(weight)

    def rehearse(self) -> Learning:
        return self._descend(0.1)

    def _descend(self, weight: float) -> Learning:
        x, label = self.memory[:-1], int(self.memory[-1])
        z = x @ self.weights
        p = np.exp(z - z.max())
        p /= p.sum()
        loss = -float(np.log(p[label] + 1e-9))
        p[label] -= 1
        self.momentum = 0.5 * self.momentum - self.config.rate * weight * np.outer(x, p)
        self.weights = self.weights + self.momentum
        return Learning(loss, 1)

    def state_dict(self) -> State:
        random = self.rng.bit_generator.state["state"]
        words = [random[name] >> shift & (2**64 - 1) for name in ("state", "inc") for shift in (0, 64)]
        return {
            "weights": self.weights.copy(),
            "momentum": self.momentum.copy(),
            "trace": self.trace.copy(),
            "memory": self.memory.copy(),
            "rng": np.array(words, np.uint64),
            "acts": np.array(self.acts),
        }

    def load_state_dict(self, state: State) -> None:
        for name, now in self.state_dict().items():
            if name not in state or state[name].shape != now.shape:
                raise ValueError(f"{name}: does not fit")
        for name in ("weights", "momentum", "trace", "memory"):
            setattr(self, name, np.array(state[name]))
        words = [int(word) for word in state["rng"]]
        self.rng.bit_generator.state = {
            **self.rng.bit_generator.state,
            "state": {"state": words[0] | words[1] << 64, "inc": words[2] | words[3] << 64},
        }
        self.acts = int(state["acts"])

    def activity(self) -> dict[str, Any]:
        return {"drive": self.trace}

    def frozen_copy(self, lanes: int | None = None) -> LinearBrain:
        copy = LinearBrain(LinearConfig(), self.body, np.random.SeedSequence(0))
        copy.weights, copy.greedy = self.weights.copy(), True
        copy.trace = np.zeros((lanes or self.body.lanes, self.body.actions))
        return copy
