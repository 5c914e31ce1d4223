"""One lane of a brain: the network that acts, and how a gathered gradient becomes an update.

The tensors share the memory of the arrays in `program`, so that a brain can change backends without noticing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from brains.kernels.program import block, counter, op, option, rate, row
from brains.kernels.program.arrays import Net
from brains.kernels.reference import names
from brains.kernels.reference.operation import operations, parameter_views
from brains.kernels.reference.splitmix import MASK, draw
from brains.kernels.reference.updates import optimizer_of
from brains.kernels.reference.wave import Update, Wave, fire


@contextmanager
def tick_path() -> Iterator[None]:
    """No autograd, and denormals flushed to zero: decaying velocities end as such, which are many times slower."""
    torch.set_flush_denormal(True)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_flush_denormal(False)


class Lane:
    """One lane of the reference: its layers, activations and optimiser, as views of the brain's arrays."""

    def __init__(self, net: Net, lane: int) -> None:
        arrays = net.arrays
        table, numbers, activity = arrays.table, arrays.rates, arrays.activity[lane]
        parameters = arrays.parameters[min(lane, len(arrays.parameters) - 1)]
        options = self.options = [int(number) for number in net.settings]
        self.state = arrays.counters[lane]
        self.own = torch.from_numpy(parameters)
        self.snapshots = [pair for pair in block.KEPT if max(pair) < len(parameters)]
        self.layers = operations(table, self.own[block.VALUE])
        self.gathered = parameter_views(table, self.own[block.GRADIENT])
        self.freshness = torch.full_like(self.own[block.VALUE], 0.1)  # the share of a new gradient in the velocity
        for operation in table:
            self.freshness[operation[op.BIAS] : operation[op.END]] = 1.0
        self.rows = torch.from_numpy(activity)
        self.waves = [Wave(table, numbers_of_row) for numbers_of_row in self.rows]
        self.errors = Wave(table, torch.zeros_like(self.rows[0]))
        # where backprop goes through skips: a row of activations and one of errors for every stage
        stages = int(table[-1, op.STAGE]) + 1 if options[option.SKIPS] else 0
        self.branches = [
            (Wave(table, torch.zeros_like(self.rows[0])), Wave(table, torch.zeros_like(self.rows[0])))
            for _ in range(stages)
        ]
        self.side, self.health = self.wave(row.SIDE), self.wave(row.HEALTH).row
        self.stages = int(table[-1, op.STAGE]) + 1
        self.goals = torch.eye(int(table[-1, op.UNITS]), dtype=self.own.dtype)
        self.readout, self.state_total = int(table[-1, op.ACTIVATION]), int(table[:, op.STATE_SIZE].sum())
        self.rate = float(numbers[rate.RATE])
        depth = range(len(table))
        self.scales = [torch.tensor(numbers[rate.NUMBERS + 2 * k]) for k in depth]
        self.rates = [self.rate * float(numbers[rate.NUMBERS + 2 * k + 1]) for k in depth]
        self.chain_rates = [own * float(scale) for own, scale in zip(self.rates, self.scales, strict=True)]
        self.clip = float(numbers[rate.CLIP])
        self.optimizer = optimizer_of(self.layers, table, self.own, options[option.OPTIMIZER], numbers)
        self.rule = names.thing(names.RULES[options[option.RULE]])

    def wave(self, which: int) -> Wave:
        """The activations in one of the working rows."""
        return self.waves[self.options[option.RING] + which]

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
        tick, slots, stepping = int(self.state[counter.TICK]), self.options[option.RING], self.options[option.EXECUTION]
        now, last = self.waves[tick % slots], self.waves[(tick - 1) % slots]
        self.look(observation, now)
        for k, before in now.before.items():
            before.copy_(last.after[k])
        self.forward(last if stepping == option.STEPPING else now, now)
        for k, after in now.after.items():
            if stepping == option.STEPPING and self.state[counter.AGE] < self.layers[k].stage:
                after.zero_()
        return now.output, math.isfinite(float(now.row.sum()))

    def act(self, observation: Tensor) -> tuple[Tensor, int]:
        """One world tick, of BRAIN_TICKS brain ticks: (the output, roll-backs)."""
        rollbacks = 0
        for _ in range(max(1, self.options[option.BRAIN_TICKS])):
            output, good = self.fire(observation)
            if not good:
                self.roll_back()
                self.rows.zero_()
                self.state[counter.AGE] = -1  # this tick teaches nothing
            rollbacks += not good
            self.state[counter.TICK] += 1
            self.state[counter.AGE] += 1
        return output, rollbacks

    def align(self) -> Wave | None:
        """The activations that answer for now's label; None while no wave has come through since the reset."""
        slots, tick, wave = self.options[option.RING], int(self.state[counter.TICK]), self.wave(row.WAVE)
        align, sequential = self.options[option.ALIGN], self.options[option.EXECUTION] == option.SEQUENTIAL
        now = self.waves[(tick - 1) % slots]
        if sequential or align in (option.SIDEWAYS, option.NOW):
            return now
        if align == option.INSTANT:
            wave.world.copy_(now.world)
            for k, before in wave.before.items():
                before.copy_(now.before[k])
            self.forward(wave, wave)
            return wave
        if self.state[counter.AGE] < self.stages:
            return None
        self.gather_wave(tick - self.stages, wave, self.stages)
        return wave

    def gather_wave(self, start: int, wave: Wave, stages: int) -> None:
        """Write the wave that entered at tick `start`, as far as the first stages have made it."""
        slots = self.options[option.RING]
        wave.world.copy_(self.waves[start % slots].world)
        for k, layer in enumerate(self.layers):
            if layer.stage < stages:
                wave.spans[k].copy_(self.waves[(start + layer.stage) % slots].spans[k])

    def gather(self, update: Update) -> None:
        """Add an update to the gathered gradient."""
        for k, gradients, share, bias_share in update:
            weights, biases = self.gathered[k]
            for name, view in weights.items():
                gradient = gradients[name]
                if isinstance(gradient, tuple):
                    view.addr_(*gradient, alpha=share)
                else:
                    view.add_(gradient, alpha=share)
            for name, view in biases.items():
                view.add_(gradients[name], alpha=bias_share)

    def pick(self, index: int) -> int:
        """A random place in the replay ring; the first quarter of every batch from the last RECENT experiences."""
        size = int(self.state[counter.SIZE])
        reach = min(size, self.options[option.RECENT]) if 4 * index < self.options[option.PER_STEP] else size
        return (int(self.state[counter.POSITION]) - 1 - self.chance(reach)) % size

    def chance(self, bound: int) -> int:
        """A random integer in [0, bound), of the lane's stream."""
        stream, found = draw(int(self.state[counter.STREAM]) & MASK, bound)
        self.state[counter.STREAM] = stream - (1 << 64) if stream >> 63 else stream
        return found

    def apply(self, count: int) -> int:
        """One update from the gathered gradient of `count` samples. Returns 1 if it had to be rolled back."""
        if count > 1:
            self.own[block.GRADIENT].div_(count)
        good = self.rule.update(self)
        self.own[block.GRADIENT].zero_()
        if not good:
            self.roll_back()
            return 1
        return self.guard()

    def guard(self) -> int:
        """Every SNAPSHOT_EVERY updates: a snapshot of what is finite, or back to the last. Returns 1 for the latter."""
        self.state[counter.SINCE_SNAPSHOT] += 1
        if self.state[counter.SINCE_SNAPSHOT] < self.options[option.SNAPSHOT_EVERY]:
            return 0
        self.state[counter.SINCE_SNAPSHOT] = 0
        if not all(bool(torch.isfinite(self.own[live]).all()) for live, _ in self.snapshots):
            self.roll_back()
            return 1
        for live, good in self.snapshots:
            self.own[good] = self.own[live]
        return 0

    def roll_back(self) -> None:
        """Return to the last good snapshot."""
        for live, good in self.snapshots:
            self.own[live] = self.own[good]
