"""Learning from a teacher's labels, and the torch backend of a brain that does."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from brains.kernels import layout as at
from brains.kernels.reference.lane import Lane, tick_path
from brains.kernels.reference.wave import Wave


class TaughtLane(Lane):
    """One lane that learns from labels: at once, in blocks, or by replay."""

    def learn(self, target: NDArray[Any], fresh: bool, replay: NDArray[Any]) -> tuple[float, int, int, int]:
        """One learning step: (summed loss, samples, updates, roll-backs)."""
        options, state = self.options, self.state
        loss, samples = 0.0, 0
        if fresh and state[at.AGE] > 0 and math.isfinite(target[0]):
            if len(replay):
                self.remember(replay, target)
            if options[at.SCHEDULE] != at.BLOCK and (wave := self.align()) is not None:
                loss += self.add_sample(wave, target, now=True)
                samples += 1
        if options[at.SCHEDULE] == at.BLOCK:
            return self.learn_block(replay, target.size)
        if state[at.SIZE] > 0:
            for index in range(options[at.PER_STEP]):
                loss += self.add_remembered(replay[self.pick(index)], target.size)
                samples += 1
        state[at.PENDING] += samples
        if state[at.PENDING] < max(1, options[at.PERIOD]):
            return loss, samples, 0, 0
        rollbacks = self.apply(int(state[at.PENDING]))
        state[at.PENDING] = 0
        return loss, samples, 1, rollbacks

    def learn_block(self, replay: NDArray[Any], targets: int) -> tuple[float, int, int, int]:
        """When a block is full: an update for each of its ticks, in time order, EPOCHS times over."""
        period, epochs = self.options[at.PERIOD], max(1, self.options[at.EPOCHS])
        if self.state[at.SIZE] < period:
            return 0.0, 0, 0, 0
        loss, rollbacks = 0.0, 0
        for _ in range(epochs):
            for memory in replay:
                loss += self.add_remembered(memory, targets)
                rollbacks += self.apply(1)
        self.state[at.SIZE] = self.state[at.POSITION] = 0
        return loss, epochs * period, epochs * period, rollbacks

    def add_sample(self, wave: Wave, target: NDArray[Any], now: bool = False) -> float:
        """Add one sample's raw update to the gathered gradient. Returns its loss before the update."""
        goal = self.goals[int(target[0])] if self.options[at.DISCRETE] else torch.from_numpy(target)
        loss, update = self.rule.sample(self, wave, goal, now)
        self.gather(update)
        return float(loss)

    def add_remembered(self, memory: NDArray[Any], targets: int) -> float:
        """Add one remembered experience's raw update, by an ordinary forward pass. Returns its loss."""
        wave, remembered = self.wave(at.WAVE), torch.from_numpy(memory[:-targets])
        start = len(remembered) - self.state_total
        self.look(remembered[:start], wave)
        for before in wave.before.values():
            before.copy_(remembered[start : start + len(before)])
            start += len(before)
        self.forward(wave, wave)
        return self.add_sample(wave, memory[-targets:])

    def remember(self, replay: NDArray[Any], target: NDArray[Any]) -> None:
        """Write one labelled experience into the replay ring: observation, the states it was met in, target."""
        now = self.waves[(int(self.state[at.TICK]) - 1) % self.options[at.RING]]
        observation = now.world[: replay.shape[1] - self.state_total - len(target)]
        replay[int(self.state[at.POSITION])] = np.concatenate([observation, *now.before.values(), target])
        self.state[at.POSITION] = (self.state[at.POSITION] + 1) % len(replay)
        self.state[at.SIZE] = min(self.state[at.SIZE] + 1, len(replay))


class TaughtReference:
    """The torch backend of one brain bound to its arrays as `kernels.bind` says."""

    def __init__(
        self,
        table: NDArray[Any],
        options: NDArray[Any],
        numbers: NDArray[Any],
        state: NDArray[Any],
        parameters: NDArray[Any],
        activity: NDArray[Any],
        replay: NDArray[Any],
    ) -> None:
        self.options = [int(option) for option in options]
        self.replay = replay
        self.lanes = [
            TaughtLane(
                table, self.options, numbers, state[lane], parameters[min(lane, len(parameters) - 1)], activity[lane]
            )
            for lane in range(len(state))
        ]

    @tick_path()
    def act(self, observation: NDArray[Any], action: NDArray[Any]) -> int:
        """One world tick of every lane; writes `action`, returns the number of roll-backs."""
        rollbacks = 0
        for index, lane in enumerate(self.lanes):
            output, failures = lane.act(torch.from_numpy(observation[index]))
            rollbacks += failures
            action[index] = int(torch.argmax(output)) if self.options[at.DISCRETE] else output.numpy()
        return rollbacks

    @tick_path()
    def learn(self, target: NDArray[Any], fresh: bool) -> tuple[float, int, int]:
        """One learning step of every lane: (mean loss, updates, roll-backs)."""
        results = [lane.learn(target[index], fresh, self.replay[index]) for index, lane in enumerate(self.lanes)]
        loss, samples, updates, rollbacks = (sum(column) for column in zip(*results, strict=True))
        return float(loss) / max(1, int(samples)), int(updates), int(rollbacks)
