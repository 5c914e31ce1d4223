"""Double Q-learning from replay."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from brains.kernels.program import block, counter, option, reward, row
from brains.kernels.program.arrays import Net, Rewarded
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
            self.slow.copy_(self.actor.own[block.VALUE])
        action = int(torch.argmax(values))
        if self.uniform() < self.settings[reward.EXPLORATION]:
            action = int(self.uniform() * len(values))
        return action, failed

    def values(self, observation: NDArray[Any]) -> Tensor:
        """The value of every action, by an ordinary forward pass; a view of the working row."""
        wave = self.actor.wave(row.WAVE)
        self.actor.look(self.normalized(observation), wave)
        self.actor.forward(wave, wave)
        return wave.output

    def slow_values(self, observation: NDArray[Any]) -> Tensor:
        """The same by the slow copy's weights."""
        value = self.actor.own[block.VALUE]
        newest = value.clone()
        value.copy_(self.slow)
        values = self.values(observation).clone()
        value.copy_(newest)
        return values

    def add_transition(self, memory: NDArray[Any]) -> float:
        """Add the gradient of one remembered transition's Huber loss. Returns the squared error."""
        size = (len(memory) - 3) // 2
        observation, (action, earned, goes_on), following = memory[:size], memory[size : size + 3], memory[size + 3 :]
        goal = self.scaled(float(earned))
        if goes_on:
            best = int(torch.argmax(self.values(following)))
            goal += self.settings[reward.DISCOUNT] * float(self.slow_values(following)[best])
        values = self.values(observation)
        off = goal - values[int(action)]
        error = torch.zeros_like(values)
        error[int(action)] = off.clamp(-1.0, 1.0) if torch.isfinite(off) else off  # so that it is noticed
        self.actor.gather(backprop(self.actor.layers, self.actor.wave(row.WAVE), self.actor.errors, error))
        return float(off) ** 2

    def learn(self, memory: NDArray[Any], done: bool, fresh: bool) -> tuple[float, int, int, int]:
        """One learning step: (summed squared error, samples, updates, roll-backs)."""
        actor, state, count = self.actor, self.actor.state, self.actor.options[option.PER_STEP]
        if fresh and state[counter.AGE] > 0 and np.isfinite(memory).all():
            self.count_reward(float(memory[(len(memory) - 3) // 2 + 1]), done)
            self.replay[state[counter.POSITION]] = memory
            state[counter.POSITION] = (state[counter.POSITION] + 1) % len(self.replay)
            state[counter.SIZE] = min(state[counter.SIZE] + 1, len(self.replay))
        if state[counter.SIZE] == 0:
            return 0.0, 0, 0, 0
        loss = sum(self.add_transition(self.replay[actor.pick(index)]) for index in range(count))
        rollbacks = actor.apply(count)
        if rollbacks:
            self.slow.copy_(actor.own[block.VALUE])
        self.slow.lerp_(actor.own[block.VALUE], float(self.settings[reward.TRACKING]))
        return loss, count, 1, rollbacks


class QLearningReference:
    """The torch backend of a brain that learns from reward by replay, see `kernels.q_learning`."""

    def __init__(self, net: Net, rewarded: Rewarded) -> None:
        assert rewarded.slow is not None
        self.buffers = net.buffers
        self.lanes = [
            QLearningLane(
                Lane(net, lane),
                rewarded.settings,
                rewarded.statistics[lane],
                rewarded.slow[lane],
                net.arrays.replay[lane],
            )
            for lane in range(len(net.arrays.counters))
        ]

    def functions(self) -> tuple[Any, Any]:
        """act(observation) and learn(memory, done, fresh)."""
        return self.act, self.learn

    @tick_path()
    def act(self, observation: NDArray[Any]) -> int:
        """One tick of every lane; writes the buffer's action, returns the number of roll-backs."""
        rollbacks = 0
        for index, lane in enumerate(self.lanes):
            self.buffers.action[index, 0], failed = lane.act(observation[index])
            rollbacks += failed
        return rollbacks

    @tick_path()
    def learn(self, memory: NDArray[Any], done: NDArray[Any], fresh: bool) -> tuple[float, int, int]:
        """One learning step of every lane: (mean squared error, updates, roll-backs)."""
        results = [lane.learn(memory[index], bool(done[index]), fresh) for index, lane in enumerate(self.lanes)]
        loss, samples, updates, rollbacks = (sum(column) for column in zip(*results, strict=True))
        return float(loss) / max(1, int(samples)), int(updates), int(rollbacks)
