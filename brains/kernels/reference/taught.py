"""Learning from a teacher's labels, and the torch backend of a brain that does."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from brains.kernels.program import counter, gate, op, option, rate, row
from brains.kernels.program.arrays import LARGEST_BATCH, Net
from brains.kernels.reference.lane import Lane, tick_path
from brains.kernels.reference.wave import Wave

FINELY = 1 << 30  # parts of a unit interval


class TaughtLane(Lane):
    """One lane that learns from labels: at once, in blocks, or by replay. `sampled`: the activations of the last
    sample, `places` where every operation's output lies in them."""

    def __init__(self, net: Net, lane: int) -> None:
        super().__init__(net, lane)
        self.judge, self.bounds = net.arrays.gate[lane], net.arrays.rates[rate.KAPPA : rate.NUMBERS].tolist()
        self.sampled, self.places = self.wave(row.WAVE), net.arrays.table[:, op.Y].tolist()

    def learn(self, target: NDArray[Any], fresh: bool, replay: NDArray[Any]) -> tuple[float, int, int, int]:
        """One learning step: (summed loss, samples, updates, roll-backs)."""
        options, state = self.options, self.state
        loss, samples, learned = 0.0, 0, 0
        if fresh and state[counter.AGE] > 0 and math.isfinite(target[0]):
            if len(replay):
                self.remember(replay, target)
            if options[option.SCHEDULE] != option.BLOCK and (wave := self.align()) is not None:
                loss, learned = self.add_sample(wave, target, now=True)
                samples = 1
        if options[option.SCHEDULE] == option.BLOCK:
            return self.learn_block(replay, target.size)
        if state[counter.SIZE] > 0:
            several = options[option.PER_STEP]
            for first in range(0, several, LARGEST_BATCH):  # drawn before any of them is judged
                for place in [self.pick(index) for index in range(first, min(first + LARGEST_BATCH, several))]:
                    cost, taken = self.add_remembered(replay[place], target.size)
                    loss, learned = loss + cost, learned + taken
            samples += several
        state[counter.PENDING] += learned
        if state[counter.PENDING] < max(1, options[option.PERIOD]):
            return loss, samples, 0, 0
        rollbacks = self.apply(int(state[counter.PENDING]))
        state[counter.PENDING] = 0
        return loss, samples, 1, rollbacks

    def learn_block(self, replay: NDArray[Any], targets: int) -> tuple[float, int, int, int]:
        """When a block is full: an update for each of its ticks, in time order, EPOCHS times over."""
        period, epochs = self.options[option.PERIOD], max(1, self.options[option.EPOCHS])
        if self.state[counter.SIZE] < period:
            return 0.0, 0, 0, 0
        loss, rollbacks = 0.0, 0
        for _ in range(epochs):
            for memory in replay:
                loss += self.add_remembered(memory, targets)[0]
                rollbacks += self.apply(1)
        self.state[counter.SIZE] = self.state[counter.POSITION] = 0
        return loss, epochs * period, epochs * period, rollbacks

    def add_sample(self, wave: Wave, target: NDArray[Any], now: bool = False) -> tuple[float, int]:
        """Add one sample's raw update to the gathered gradient, if the gate lets it. Returns (its loss before the
        update, whether it is learned)."""
        goal = self.goals[int(target[0])] if self.options[option.DISCRETE] else torch.from_numpy(target)
        loss, update = self.rule.sample(self, wave, goal, now)
        self.sampled = wave
        learned = not self.options[option.GATED] or self.heed(float(loss))
        if learned:
            self.gather(update)
        return float(loss), int(learned)

    def heed(self, cost: float) -> bool:
        """Whether the gate lets a sample of this cost through; its mean follows (`brains.gate`)."""
        if not math.isfinite(cost):
            return False
        kappa, ceiling, rate_, share = self.bounds
        usual, choice = float(self.judge[gate.MEAN]), gate.CHOICES[self.options[option.GATED] - 1]
        through = choice == "all" or cost >= min(kappa * usual, ceiling)
        if choice in ("random", "loss_proportional"):
            part = self.chance(FINELY)
            through = part < share * (cost / usual if choice == "loss_proportional" else 1.0) * FINELY
        self.judge[:] += [rate_ * (cost - usual), 1.0, through]
        return through

    def add_remembered(self, memory: NDArray[Any], targets: int) -> tuple[float, int]:
        """Add one remembered experience's raw update, by an ordinary forward pass. Returns (its loss, whether it is
        learned)."""
        wave, remembered = self.wave(row.WAVE), torch.from_numpy(memory[:-targets])
        start = len(remembered) - self.state_total
        self.look(remembered[:start], wave)
        for before in wave.before.values():
            before.copy_(remembered[start : start + len(before)])
            start += len(before)
        self.forward(wave, wave)
        return self.add_sample(wave, memory[-targets:])

    def remember(self, replay: NDArray[Any], target: NDArray[Any]) -> None:
        """Write one labelled experience into the replay ring: observation, the states it was met in, target."""
        now = self.waves[(int(self.state[counter.TICK]) - 1) % self.options[option.RING]]
        observation = now.world[: replay.shape[1] - self.state_total - len(target)]
        replay[int(self.state[counter.POSITION])] = np.concatenate([observation, *now.before.values(), target])
        self.state[counter.POSITION] = (self.state[counter.POSITION] + 1) % len(replay)
        self.state[counter.SIZE] = min(self.state[counter.SIZE] + 1, len(replay))


class TaughtReference:
    """The torch backend of a brain with a teacher, bound to its network (see `kernels.taught`)."""

    def __init__(self, net: Net) -> None:
        self.buffers, self.discrete = net.buffers, bool(net.settings[option.DISCRETE])
        self.replay = net.arrays.replay
        self.lanes = [TaughtLane(net, lane) for lane in range(len(net.arrays.counters))]

    def functions(self) -> tuple[Any, Any, Any]:
        """act(observation), learn(fresh) and sample()."""
        return self.act, self.learn, self.sample

    def sample(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """The rows of activations and of errors that the last lane's last sample has left behind."""
        lane = self.lanes[-1]
        left = torch.zeros_like(lane.sampled.row)
        for own, error in zip(lane.places, lane.errors.y, strict=True):
            left[own : own + len(error)] = error
        return lane.sampled.row.numpy(), left.numpy()

    @tick_path()
    def act(self, observation: NDArray[Any]) -> int:
        """One world tick of every lane; writes the buffer's action, returns the number of roll-backs."""
        rollbacks = 0
        for index, lane in enumerate(self.lanes):
            output, failures = lane.act(torch.from_numpy(observation[index]))
            rollbacks += failures
            self.buffers.action[index] = int(torch.argmax(output)) if self.discrete else output.numpy()
        return rollbacks

    @tick_path()
    def learn(self, fresh: bool) -> tuple[float, int, int]:
        """One learning step of every lane: (mean loss, updates, roll-backs)."""
        results = [
            lane.learn(self.buffers.target[index], fresh, self.replay[index]) for index, lane in enumerate(self.lanes)
        ]
        loss, samples, updates, rollbacks = (sum(column) for column in zip(*results, strict=True))
        return float(loss) / max(1, int(samples)), int(updates), int(rollbacks)
