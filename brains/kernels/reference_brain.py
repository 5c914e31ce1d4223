"""The torch backend of a stepping brain, by the maths of `reference`.

The tensors share the memory of the arrays in `layout`, so that a brain can change backends without noticing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from brains.kernels import layout as at
from brains.kernels.reference import Dense, Wave, backprop, clip, fire, sideways, tween, tween_chain

MASK = (1 << 64) - 1


@contextmanager
def tick_path() -> Iterator[None]:
    """No autograd, and denormals flushed to zero: decaying velocities end as such, which are many times slower."""
    torch.set_flush_denormal(True)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_flush_denormal(False)


def draw(stream: int, bound: int) -> tuple[int, int]:
    """The next value of a splitmix64 stream (Steele et al. 2014): (new stream, integer in [0, bound))."""
    stream = (stream + 0x9E3779B97F4A7C15) & MASK
    z = ((stream ^ (stream >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return stream, ((z ^ (z >> 31)) >> 33) % bound


class Reference:
    """The torch backend of one brain bound to its arrays as `kernels.bind` says."""

    def __init__(
        self,
        layers: NDArray[Any],
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
            Lane(layers, self.options, numbers, state[lane], parameters[min(lane, len(parameters) - 1)], activity[lane])
            for lane in range(len(state))
        ]

    @tick_path()
    def act(self, observation: NDArray[Any], action: NDArray[Any]) -> int:
        """One tick of every lane; writes `action`, returns the number of roll-backs."""
        rollbacks = 0
        for index, lane in enumerate(self.lanes):
            output, good = lane.act(torch.from_numpy(observation[index]))
            rollbacks += not good
            action[index] = int(torch.argmax(output)) if self.options[at.DISCRETE] else output.numpy()
        return rollbacks

    @tick_path()
    def learn(self, target: NDArray[Any], fresh: bool) -> tuple[float, int, int]:
        """One learning step of every lane: (mean loss, updates, roll-backs)."""
        results = [lane.learn(target[index], fresh, self.replay[index]) for index, lane in enumerate(self.lanes)]
        loss, samples, updates, rollbacks = (sum(column) for column in zip(*results, strict=True))
        return float(loss) / max(1, int(samples)), int(updates), int(rollbacks)


class Lane:
    """One lane of the reference: its layers, activations and optimiser, as views of the brain's arrays."""

    def __init__(
        self,
        table: NDArray[Any],
        options: list[int],
        numbers: NDArray[Any],
        state: NDArray[Any],
        parameters: NDArray[Any],
        activity: NDArray[Any],
    ) -> None:
        self.options, self.state = options, state
        self.own, depth = torch.from_numpy(parameters), len(table)
        weights, biases = zip(*(self.views(table, block) for block in range(at.BLOCKS)), strict=True)
        self.layers = [
            Dense(weights[at.VALUE][i], biases[at.VALUE][i], int(table[i, at.ACTIVATION]), bool(table[i, at.NORMALIZE]))
            for i in range(depth)
        ]
        self.gathered = list(zip(weights[at.GRADIENT], biases[at.GRADIENT], strict=True))
        self.freshness = torch.full_like(self.own[at.VALUE], 0.1)  # the share of a new gradient in the velocity
        for layer in table:
            self.freshness[layer[at.BIAS] : layer[at.BIAS] + layer[at.WIDTH]] = 1.0
        self.rows = torch.from_numpy(activity)
        self.waves = [Wave(table, row) for row in self.rows]
        self.goals = torch.eye(int(table[-1, at.UNITS]))
        self.readout = int(table[-1, at.ACTIVATION])
        self.rate = float(numbers[at.RATE])
        self.scales = [torch.tensor(numbers[at.NUMBERS + 2 * i]) for i in range(depth)]
        self.rates = [self.rate * float(numbers[at.NUMBERS + 2 * i + 1]) for i in range(depth)]
        self.chain_rates = [rate * float(scale) for rate, scale in zip(self.rates, self.scales, strict=True)]
        self.clip = float(numbers[at.CLIP])
        self.optimizer = self.make_optimizer(numbers, weights, biases)

    def views(self, table: NDArray[Any], block: int) -> tuple[list[Tensor], list[Tensor]]:
        """Every layer's (inputs, units) weight and (units,) bias in one block of the parameters."""
        weights, biases = [], []
        for layer in table:
            inputs, units, width, start, bias = (int(layer[c]) for c in (at.IN, at.UNITS, at.WIDTH, at.WEIGHT, at.BIAS))
            flat = self.own[block]
            weights.append(flat[start : start + inputs * width].view(inputs, width)[:, :units])
            biases.append(flat[bias : bias + units])
        return weights, biases

    def make_optimizer(self, numbers: NDArray[Any], weights: Any, biases: Any) -> torch.optim.Optimizer:
        """torch's SGD or Adam with its moments in our arrays, so that they are saved with everything else."""
        parameters = [p for layer in self.layers for p in (layer.weight, layer.bias)]
        first = [m for pair in zip(weights[at.MOMENT1], biases[at.MOMENT1], strict=True) for m in pair]
        second = [m for pair in zip(weights[at.MOMENT2], biases[at.MOMENT2], strict=True) for m in pair]
        for parameter, gradient in zip(parameters, [g for pair in self.gathered for g in pair], strict=True):
            parameter.grad = gradient
        if self.options[at.OPTIMIZER] == at.ADAM:
            betas = (float(numbers[at.BETA1]), float(numbers[at.BETA2]))
            optimizer: torch.optim.Optimizer = torch.optim.Adam(
                parameters, self.rate, betas, float(numbers[at.EPSILON]), maximize=True
            )
            for p, m, v in zip(parameters, first, second, strict=True):
                optimizer.state[p] = {"step": torch.tensor(0.0), "exp_avg": m, "exp_avg_sq": v}
        else:
            optimizer = torch.optim.SGD(parameters, self.rate, float(numbers[at.MOMENTUM]), maximize=True)
            for p, m in zip(parameters, first, strict=True):
                optimizer.state[p] = {"momentum_buffer": m}
        return optimizer

    def wave(self, row: int) -> Wave:
        """The activations in one of the working rows."""
        return self.waves[self.options[at.RING] + row]

    def forward(self, source: Wave, target: Wave) -> None:
        """Layer i reads A[i] from `source` (layer 0 from `target`) and writes A[i+1] to `target`."""
        for i, layer in enumerate(self.layers):
            fire(layer, i, (target if i == 0 else source).outputs[i], target)

    def fire(self, observation: Tensor) -> tuple[Tensor, bool]:
        """Fire every layer once, into the row of this tick: (the output, whether everything was finite)."""
        tick, slots = int(self.state[at.TICK]), self.options[at.RING]
        now, before = self.waves[tick % slots], self.waves[(tick - 1) % slots]
        now.outputs[0].copy_(observation)
        self.forward(before if self.options[at.EXECUTION] == at.STEPPING else now, now)
        return now.outputs[-1], math.isfinite(float(self.rows[tick % slots].sum()))

    def act(self, observation: Tensor) -> tuple[Tensor, bool]:
        """One tick: (the output, whether everything was finite)."""
        output, good = self.fire(observation)
        if not good:
            self.roll_back()
            self.rows.zero_()
            self.state[at.AGE] = -1  # this tick teaches nothing
        self.state[at.TICK] += 1
        self.state[at.AGE] += 1
        return output, good

    def learn(self, target: NDArray[Any], fresh: bool, replay: NDArray[Any]) -> tuple[float, int, int, int]:
        """One learning step: (summed loss, samples, updates, roll-backs)."""
        options, state = self.options, self.state
        loss, samples = 0.0, 0
        if fresh and state[at.AGE] > 0 and math.isfinite(target[0]):
            if replay.shape[1]:
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
        """When a block is full: an update for each of its ticks, in time order."""
        period = self.options[at.PERIOD]
        if self.state[at.SIZE] < period:
            return 0.0, 0, 0, 0
        loss, rollbacks = 0.0, 0
        for memory in replay:
            loss += self.add_remembered(memory, targets)
            rollbacks += self.apply(1)
        self.state[at.SIZE] = self.state[at.POSITION] = 0
        return loss, period, period, rollbacks

    def align(self) -> Wave | None:
        """The activations that answer for now's label; None while no wave has come through since the reset."""
        depth, slots, tick = len(self.layers), self.options[at.RING], int(self.state[at.TICK])
        now, wave = self.waves[(tick - 1) % slots], self.wave(at.WAVE)
        if self.options[at.EXECUTION] == at.SEQUENTIAL or self.options[at.ALIGN] == at.SIDEWAYS:
            return now
        if self.options[at.ALIGN] == at.INSTANT:
            wave.outputs[0].copy_(now.outputs[0])
            self.forward(wave, wave)
            return wave
        if self.state[at.AGE] < depth:
            return None
        start = tick - depth
        wave.outputs[0].copy_(self.waves[start % slots].outputs[0])
        for i in range(depth):
            row = self.waves[(start + i) % slots]
            wave.outputs[i + 1].copy_(row.outputs[i + 1])
            for mine, theirs in zip(wave.norms.get(i, ()), row.norms.get(i, ()), strict=True):
                mine.copy_(theirs)
        return wave

    def add_sample(self, wave: Wave, target: NDArray[Any], now: bool = False) -> float:
        """Add one sample's raw update to the gathered gradient. Returns its loss before the update."""
        output, rule = wave.outputs[-1], self.options[at.RULE]
        goal = self.goals[int(target[0])] if self.options[at.DISCRETE] else torch.from_numpy(target)
        error = goal - output
        loss = float(error @ error)
        if rule == at.TWEEN_CHAIN:
            update, _ = tween_chain(self.layers, wave, error, self.scales, self.chain_rates)
        elif rule == at.TWEEN:
            update = tween(self.layers, wave, goal, self.rates)
        else:
            softmax = self.readout == at.SOFTMAX
            loss = -math.log(max(float(output[int(target[0])]), 1e-30)) if softmax else 0.5 * loss
            if now and self.options[at.ALIGN] == at.SIDEWAYS and self.options[at.EXECUTION] == at.STEPPING:
                update = sideways(self.layers, wave, error, self.wave(at.SIDE).outputs[1:])
            else:
                update = backprop(self.layers, wave, error)
        for (weight, bias), (x, delta, rate, bias_rate) in zip(self.gathered, update, strict=True):
            weight.addr_(x, delta, alpha=rate)
            bias.add_(delta, alpha=bias_rate)
        return loss

    def add_remembered(self, memory: NDArray[Any], targets: int) -> float:
        """Add one remembered experience's raw update, by an ordinary forward pass. Returns its loss."""
        wave = self.wave(at.WAVE)
        wave.outputs[0].copy_(torch.from_numpy(memory[:-targets]))
        self.forward(wave, wave)
        return self.add_sample(wave, memory[-targets:])

    def remember(self, replay: NDArray[Any], target: NDArray[Any]) -> None:
        """Write one labelled observation into the replay ring."""
        observation = self.waves[(int(self.state[at.TICK]) - 1) % self.options[at.RING]].outputs[0]
        replay[int(self.state[at.POSITION])] = np.concatenate([observation.numpy(), target])
        self.state[at.POSITION] = (self.state[at.POSITION] + 1) % len(replay)
        self.state[at.SIZE] = min(self.state[at.SIZE] + 1, len(replay))

    def pick(self, index: int) -> int:
        """A random place in the replay ring; the first quarter of every batch from the last RECENT experiences."""
        size = int(self.state[at.SIZE])
        reach = min(size, self.options[at.RECENT]) if 4 * index < self.options[at.PER_STEP] else size
        stream, back = draw(int(self.state[at.STREAM]) & MASK, reach)
        self.state[at.STREAM] = stream - (1 << 64) if stream >> 63 else stream
        return (int(self.state[at.POSITION]) - 1 - back) % size

    def apply(self, count: int) -> int:
        """One update from the gathered gradient of `count` samples. Returns 1 if it had to be rolled back."""
        good = True
        for pair in self.gathered if count > 1 else ():
            for gradient in pair:
                gradient.div_(count)
        if self.options[at.RULE] == at.BACKPROP:
            good = self.apply_gradient()
        else:
            self.apply_tween()
        self.own[at.GRADIENT].zero_()
        if not good:
            self.roll_back()
            return 1
        return self.guard()

    def apply_tween(self) -> None:
        """v = 0.9 v + 0.1 clip(g); W += v; and b += clip(g): biases are updated with no memory of v."""
        limit = 1.0 if self.options[at.RULE] == at.TWEEN_CHAIN else math.inf
        self.own[at.MOMENT1].lerp_(clip(self.own[at.GRADIENT], limit), self.freshness)
        self.own[at.VALUE].add_(self.own[at.MOMENT1])

    def apply_gradient(self) -> bool:
        """Clip the gradient's norm and let torch's optimiser step. Returns whether the gradient was finite."""
        norm = float(torch.linalg.vector_norm(self.own[at.GRADIENT]))
        if not math.isfinite(norm):
            return False
        if 0.0 < self.clip < norm:
            self.own[at.GRADIENT].mul_(self.clip / (norm + 1e-6))
        for moments in self.optimizer.state.values():
            if "step" in moments:
                moments["step"].fill_(float(self.state[at.ADAM_STEP]))
        self.state[at.ADAM_STEP] += 1
        self.optimizer.step()
        return True

    def guard(self) -> int:
        """Every SNAPSHOT_EVERY updates: a snapshot of what is finite, or back to the last. Returns 1 for the latter."""
        self.state[at.SINCE_SNAPSHOT] += 1
        if self.state[at.SINCE_SNAPSHOT] < self.options[at.SNAPSHOT_EVERY]:
            return 0
        self.state[at.SINCE_SNAPSHOT] = 0
        if not bool(torch.isfinite(self.own[: at.FIRST_GOOD]).all()):
            self.roll_back()
            return 1
        self.own[at.FIRST_GOOD : at.GRADIENT] = self.own[: at.FIRST_GOOD]
        return 0

    def roll_back(self) -> None:
        """Return to the last good snapshot."""
        self.own[: at.FIRST_GOOD] = self.own[at.FIRST_GOOD : at.GRADIENT]
