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
from brains.kernels.reference import (
    Update,
    Wave,
    average_gap,
    backprop,
    chain_targets,
    clip,
    fire,
    sideways,
    tween,
    tween_chain,
    watch_explosion,
)
from brains.kernels.reference_layers import operations, parameter_views

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
            Lane(table, self.options, numbers, state[lane], parameters[min(lane, len(parameters) - 1)], activity[lane])
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
        self.own = torch.from_numpy(parameters)
        self.layers = operations(table, self.own[at.VALUE])
        self.gathered = parameter_views(table, self.own[at.GRADIENT])
        self.freshness = torch.full_like(self.own[at.VALUE], 0.1)  # the share of a new gradient in the velocity
        for operation in table:
            self.freshness[operation[at.BIAS] : operation[at.END]] = 1.0
        self.rows = torch.from_numpy(activity)
        self.waves = [Wave(table, row) for row in self.rows]
        self.errors, self.side, self.health = self.wave(at.ERROR), self.wave(at.SIDE), self.wave(at.HEALTH).row
        self.stages = int(table[-1, at.STAGE]) + 1
        self.goals = torch.eye(int(table[-1, at.UNITS]), dtype=self.own.dtype)
        self.readout, self.state_total = int(table[-1, at.ACTIVATION]), int(table[:, at.STATE_SIZE].sum())
        self.rate = float(numbers[at.RATE])
        depth = range(len(table))
        self.scales = [torch.tensor(numbers[at.NUMBERS + 2 * k]) for k in depth]
        self.rates = [self.rate * float(numbers[at.NUMBERS + 2 * k + 1]) for k in depth]
        self.chain_rates = [rate * float(scale) for rate, scale in zip(self.rates, self.scales, strict=True)]
        self.clip = float(numbers[at.CLIP])
        self.optimizer = self.make_optimizer(table, numbers)

    def make_optimizer(self, table: NDArray[Any], numbers: NDArray[Any]) -> torch.optim.Optimizer:
        """torch's SGD or Adam with its moments in our arrays, so that they are saved with everything else."""
        parameters = [p for layer in self.layers for p in layer.parameters()]
        gradients, first, second = (
            [view for parts in parameter_views(table, self.own[block]) for part in parts for view in part.values()]
            for block in (at.GRADIENT, at.MOMENT1, at.MOMENT2)
        )
        for parameter, gradient in zip(parameters, gradients, strict=True):
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
        """Fire every operation into `target`: each reads what its own stage wrote there, the rest in `source`."""
        for k, layer in enumerate(self.layers):
            fire(layer, k, source, target)

    def look(self, observation: Tensor, wave: Wave) -> None:
        """The observation as the network's input, over and over until that is full."""
        size, inputs = len(observation), len(wave.world)
        wave.world.copy_(observation if size == inputs else observation.repeat(-(-inputs // size))[:inputs])

    def fire(self, observation: Tensor) -> tuple[Tensor, bool]:
        """Fire every operation once, into the row of this brain tick: (the output, whether everything was finite).

        A stepping operation's state stays zero until the first observation has reached its stage.
        """
        tick, slots, stepping = int(self.state[at.TICK]), self.options[at.RING], self.options[at.EXECUTION]
        now, last = self.waves[tick % slots], self.waves[(tick - 1) % slots]
        self.look(observation, now)
        for k, before in now.before.items():
            before.copy_(last.after[k])
        self.forward(last if stepping == at.STEPPING else now, now)
        for k, after in now.after.items():
            if stepping == at.STEPPING and self.state[at.AGE] < self.layers[k].stage:
                after.zero_()
        return now.output, math.isfinite(float(now.row.sum()))

    def act(self, observation: Tensor) -> tuple[Tensor, int]:
        """One world tick, of BRAIN_TICKS brain ticks: (the output, roll-backs)."""
        rollbacks = 0
        for _ in range(max(1, self.options[at.BRAIN_TICKS])):
            output, good = self.fire(observation)
            if not good:
                self.roll_back()
                self.rows.zero_()
                self.state[at.AGE] = -1  # this tick teaches nothing
            rollbacks += not good
            self.state[at.TICK] += 1
            self.state[at.AGE] += 1
        return output, rollbacks

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

    def align(self) -> Wave | None:
        """The activations that answer for now's label; None while no wave has come through since the reset."""
        slots, tick, wave = self.options[at.RING], int(self.state[at.TICK]), self.wave(at.WAVE)
        now = self.waves[(tick - 1) % slots]
        if self.options[at.EXECUTION] == at.SEQUENTIAL or self.options[at.ALIGN] in (at.SIDEWAYS, at.NOW):
            return now
        if self.options[at.ALIGN] == at.INSTANT:
            wave.world.copy_(now.world)
            for k, before in wave.before.items():
                before.copy_(now.before[k])
            self.forward(wave, wave)
            return wave
        if self.state[at.AGE] < self.stages:
            return None
        start = tick - self.stages
        wave.world.copy_(self.waves[start % slots].world)
        for k, layer in enumerate(self.layers):
            wave.spans[k].copy_(self.waves[(start + layer.stage) % slots].spans[k])
        return wave

    def add_sample(self, wave: Wave, target: NDArray[Any], now: bool = False) -> float:
        """Add one sample's raw update to the gathered gradient. Returns its loss before the update."""
        output, rule = wave.output, self.options[at.RULE]
        goal = self.goals[int(target[0])] if self.options[at.DISCRETE] else torch.from_numpy(target)
        error = goal - output
        loss = float(error @ error)
        if rule == at.TWEEN_CHAIN:
            update = self.tween_chain(wave, goal, error)
        elif rule == at.TWEEN:
            update = tween(self.layers, wave, self.errors, goal, self.rates)
        else:
            softmax = self.readout == at.SOFTMAX
            loss = -math.log(max(float(output[int(target[0])]), 1e-30)) if softmax else 0.5 * loss
            if now and self.options[at.ALIGN] == at.SIDEWAYS and self.options[at.EXECUTION] == at.STEPPING:
                update = sideways(self.layers, wave, self.errors, error, self.side)
            else:
                update = backprop(self.layers, wave, self.errors, error)
        self.gather(update)
        return loss

    def tween_chain(self, wave: Wave, goal: Tensor, error: Tensor) -> Update:
        """The chain's update, slowed while its gaps explode if that is to be detected."""
        rates, explosion = self.chain_rates, bool(self.options[at.EXPLOSION])
        if explosion and self.health[at.MULTIPLIER] > 0:
            rates = [rate * float(self.health[at.MULTIPLIER]) for rate in rates]
        update = tween_chain(self.layers, wave, self.errors, error, self.scales, rates, to_world=explosion)
        if explosion:
            watch_explosion(self.health, average_gap(chain_targets(self.layers, wave, self.errors, goal)))
        return update

    def gather(self, update: Update) -> None:
        """Add an update to the gathered gradient."""
        for k, gradients, rate, bias_rate in update:
            weights, biases = self.gathered[k]
            for name, view in weights.items():
                gradient = gradients[name]
                if isinstance(gradient, tuple):
                    view.addr_(*gradient, alpha=rate)
                else:
                    view.add_(gradient, alpha=rate)
            for name, view in biases.items():
                view.add_(gradients[name], alpha=bias_rate)

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
        if count > 1:
            self.own[at.GRADIENT].div_(count)
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
