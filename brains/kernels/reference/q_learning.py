"""Double Q-learning from replay."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from brains.kernels import layout as at
from brains.kernels.reference.backprop import backprop
from brains.kernels.reference.lane import Lane, tick_path
from brains.kernels.reference.reward import RewardedLane


class QLearningLane(RewardedLane):
    """One lane: the network, its slow copy (P,) and the ring of memories (capacity, 2 obs + 3)."""

    def __init__(
        self, actor: Lane, settings: NDArray[Any], statistics: NDArray[Any], slow: NDArray[Any], replay: NDArray[Any]
    ) -> None:
        super().__init__(actor, settings, statistics)
        self.slow, self.replay = torch.from_numpy(slow), replay

    def act(self, observation: NDArray[Any]) -> tuple[int, int]:
        """The action, and 1 if something was not finite and was rolled back."""
        if np.isfinite(observation).all():
            self.seen.add(observation.astype(np.float64))
        values, failed = self.actor.act(self.normalized(observation))
        if failed:
            self.slow.copy_(self.actor.own[at.VALUE])
        action = int(torch.argmax(values))
        if self.uniform() < self.settings[at.EXPLORATION]:
            action = int(self.uniform() * len(values))
        return action, failed

    def values(self, observation: NDArray[Any]) -> Tensor:
        """The value of every action, by an ordinary forward pass; a view of the working row."""
        wave = self.actor.wave(at.WAVE)
        self.actor.look(self.normalized(observation), wave)
        self.actor.forward(wave, wave)
        return wave.output

    def slow_values(self, observation: NDArray[Any]) -> Tensor:
        """The same by the slow copy's weights."""
        value = self.actor.own[at.VALUE]
        newest = value.clone()
        value.copy_(self.slow)
        values = self.values(observation).clone()
        value.copy_(newest)
        return values

    def add_transition(self, memory: NDArray[Any]) -> float:
        """Add the gradient of one remembered transition's Huber loss. Returns the squared error."""
        size = (len(memory) - 3) // 2
        observation, (action, reward, goes_on), following = memory[:size], memory[size : size + 3], memory[size + 3 :]
        goal = self.scaled(float(reward))
        if goes_on:
            best = int(torch.argmax(self.values(following)))
            goal += self.settings[at.DISCOUNT] * float(self.slow_values(following)[best])
        values = self.values(observation)
        off = goal - values[int(action)]
        error = torch.zeros_like(values)
        error[int(action)] = off.clamp(-1.0, 1.0) if torch.isfinite(off) else off  # so that it is noticed
        self.actor.gather(backprop(self.actor.layers, self.actor.wave(at.WAVE), self.actor.errors, error))
        return float(off) ** 2

    def learn(self, memory: NDArray[Any], done: bool, fresh: bool) -> tuple[float, int, int, int]:
        """One learning step: (summed squared error, samples, updates, roll-backs)."""
        actor, state, count = self.actor, self.actor.state, self.actor.options[at.PER_STEP]
        if fresh and state[at.AGE] > 0 and np.isfinite(memory).all():
            self.count_reward(float(memory[(len(memory) - 3) // 2 + 1]), done)
            self.replay[state[at.POSITION]] = memory
            state[at.POSITION] = (state[at.POSITION] + 1) % len(self.replay)
            state[at.SIZE] = min(state[at.SIZE] + 1, len(self.replay))
        if state[at.SIZE] == 0:
            return 0.0, 0, 0, 0
        loss = sum(self.add_transition(self.replay[actor.pick(index)]) for index in range(count))
        rollbacks = actor.apply(count)
        if rollbacks:
            self.slow.copy_(actor.own[at.VALUE])
        self.slow.lerp_(actor.own[at.VALUE], float(self.settings[at.TRACKING]))
        return loss, count, 1, rollbacks


class QLearningReference:
    """The torch backend of a brain that learns from reward by replay, bound as `kernels.bind_q_learning` says."""

    def __init__(
        self,
        layers: NDArray[Any],
        options: NDArray[Any],
        numbers: NDArray[Any],
        state: NDArray[Any],
        parameters: NDArray[Any],
        activity: NDArray[Any],
        replay: NDArray[Any],
        slow: NDArray[Any],
        settings: NDArray[Any],
        statistics: NDArray[Any],
    ) -> None:
        plain = [int(option) for option in options]
        self.lanes = [
            QLearningLane(
                Lane(layers, plain, numbers, state[lane], parameters[lane], activity[lane]),
                settings,
                statistics[lane],
                slow[lane],
                replay[lane],
            )
            for lane in range(len(state))
        ]

    @tick_path()
    def act(self, observation: NDArray[Any], action: NDArray[Any]) -> int:
        """One tick of every lane; writes `action`, returns the number of roll-backs."""
        rollbacks = 0
        for index, lane in enumerate(self.lanes):
            action[index, 0], failed = lane.act(observation[index])
            rollbacks += failed
        return rollbacks

    @tick_path()
    def learn(self, memory: NDArray[Any], done: NDArray[Any], fresh: bool) -> tuple[float, int, int]:
        """One learning step of every lane: (mean squared error, updates, roll-backs)."""
        results = [lane.learn(memory[index], bool(done[index]), fresh) for index, lane in enumerate(self.lanes)]
        loss, samples, updates, rollbacks = (sum(column) for column in zip(*results, strict=True))
        return float(loss) / max(1, int(samples)), int(updates), int(rollbacks)
