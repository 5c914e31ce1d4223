"""A settling network in arrays, and its compiled phases: what a brain that learns while it acts is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from agentsim.compiled.cache import bound
from brains.brain import Float, State, load_arrays
from brains.kernels.program import settling as of
from brains.kernels.program.gate import CHOICES

LANE = 16  # numbers in a vector: rows are padded to whole ones, as the compiled kernels want them
KERNEL = "brains.kernels.cpu.eqprop:run"
POWER_ITERATIONS = 30  # at the start; afterwards one an update follows the weights


class Core:
    """sizes n_0 .. n_L, `units` of layers 1 .. L, at most B = `rows` samples at once.

    `weights`[l] (n_l, n_(l+1)), `biases`[l] (n_(l+1),), `states`[l] (B, n_l) of the free phase, `target` (B, n_L) and
    `gradients`, (weights, biases, gate), are views of what the kernels work on; write into them in place; so are
    `vectors`, (n_l and padding,), by which homeostasis follows singular values. `gated`: the first layer is driven by
    (x W_0 + b_1)(x G + g), whose `gate` is [G (n_0, n_1), g (n_1,)], else []. `rule`: eqprop,
    or backprop, which neither settles nor nudges. `memory` (capacity, n_0 + 1) holds what `rehearse` draws from, rows
    of an input and its label; a quarter of a batch is from its `recent` last. `gate`: the fields of `GateConfig`, which
    `heed` lives by; its mean starts at what a sample costs of which nothing is known. `stride`: the fields of
    `StrideConfig`, which `step` and `walk` live by.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        units: Sequence[str],
        *,
        rows: int = 1,
        cost: str = "cross_entropy",
        temperature: float = 3.0,
        beta: float = 0.2,
        free_sweeps: int = 2,
        nudged_sweeps: int = 1,
        gain: float = 1.0,
        homeostasis: float | None = 0.5,
        learning_rate: float = 6e-3,
        beta2: float = 0.99,
        weight_decay: float = 0.0,
        residual_limit: float | None = None,
        gated: bool = False,
        rule: str = "eqprop",
        memory: Float | None = None,
        recent: int = 60,
        gate: dict[str, Any] | None = None,
        stride: dict[str, Any] | None = None,
        seed: int | np.random.SeedSequence = 0,
    ) -> None:
        self.sizes, depth = tuple(sizes), len(sizes) - 1
        widths = [size + -size % LANE for size in sizes]
        flipped = [False, False, *(a * v > b * w for (a, b), (w, v) in zip(*map(_pairs, (sizes, widths)), strict=True))]
        spans = [*widths]  # numbers in a row of what drives a layer
        spans[1] *= 1 + gated
        offsets, end = [], 0
        for index in range(1, depth + 1):
            below = sizes[index] * widths[index - 1] if flipped[index] else sizes[index - 1] * spans[index]
            offsets.append((end, end + below))
            end += below + spans[index]
        self._blocks = {name: np.zeros(end, np.float32) for name in ("value", "gradient", "moment1", "moment2")}
        self._rows = {
            name: [np.zeros((rows, width), np.float32) for width in widths]
            for name in ("state", "plus", "minus", "before")
        }
        drive, target = np.zeros((rows, widths[1]), np.float32), np.zeros((rows, widths[-1]), np.float32)
        force, each = np.zeros_like(target), np.zeros(rows, np.float32)
        self._batch: int = gate["batch"] if gate else 0
        self._spike: float = gate["spike"] if gate else 0.0
        self._buffer = np.zeros((self._batch + rows, sizes[0] + 2), np.float32)
        factors = np.zeros((rows, spans[1]), np.float32) if gated else drive
        self.memory = np.zeros((1, sizes[0] + 1), np.float32) if memory is None else memory
        scratch = np.zeros(2 * rows * max(widths), np.float32)
        vectors = [np.zeros(width, np.float32) for width in widths]
        images = [np.zeros(width, np.float32) for width in [0, *widths[:-1]]]
        self.numbers = np.zeros(of.GAINS + depth + 1, np.float32)
        self.layers = np.zeros((depth + 1, of.COLUMNS), np.int64)
        self.program = np.zeros(of.ENTRIES, np.int64)
        self.vectors, self._sizes = vectors, np.array(sizes)

        numbers = {of.BETA: beta, of.TEMPERATURE: temperature, of.GAIN: gain, of.BOUND: homeostasis or 0.0}
        numbers |= {of.RATE: learning_rate, of.BETA2: beta2, of.DECAY: weight_decay, of.LIMIT: residual_limit or 0.0}
        self._chance = math.log(sizes[-1]) if cost == "cross_entropy" else (1 - 1 / sizes[-1]) / 2
        if gate:
            ceiling = math.inf if gate["ceiling"] is None else gate["ceiling"] * self._chance
            numbers |= {of.KAPPA: gate["kappa"], of.CEILING: ceiling, of.FOLLOW: gate["rate"], of.SHARE: gate["share"]}
        numbers |= {of.MEAN: self._chance}
        for entry, number in numbers.items():
            self.numbers[entry] = number
        self.numbers[of.GAINS :] = gain
        for index, (size, width) in enumerate(zip(sizes, widths, strict=True)):
            own = self.layers[index]
            own[of.UNITS], own[of.WIDTH] = size, width
            for column, rows_of in zip((of.STATE, of.PLUS, of.MINUS, of.BEFORE), self._rows.values(), strict=True):
                own[column] = _at(rows_of[index])
            own[of.VECTOR], own[of.IMAGE] = _at(vectors[index]), _at(images[index])
            if index:
                own[of.FLIPPED] = flipped[index]
                own[of.KIND], (own[of.WEIGHT], own[of.BIAS]) = of.KINDS.index(units[index - 1]), offsets[index - 1]
        free = free_sweeps if rule == "eqprop" else 0
        self._ages = np.zeros(0, np.int64)
        if stride:
            free, lanes, ticks = stride["sweeps"], stride["lanes"], -(-stride["hold"] // stride["sweeps"])
            self._ages = -free * (np.arange(lanes) * ticks // lanes)  # until a lane's first sample
        entries = {of.DEPTH: depth, of.ROWS: rows, of.FREE: free, of.NUDGED: nudged_sweeps, of.SIZE: end}
        entries |= {of.RULE: of.RULES.index(rule), of.FACTORS: _at(factors), of.SPAN: spans[1]}
        entries |= {of.PULL: _at(force), of.EACH: _at(each), of.BUFFER: _at(self._buffer)}
        if stride:
            entries |= {of.PARALLEL: 1, of.LANES: lanes, of.HOLD: stride["hold"], of.RIPE: stride["ripe"]}
            entries |= {of.AGES: _at(self._ages)}
        entries |= {of.CHOICE: CHOICES.index(gate["choose"]) if gate else 0}
        entries |= {of.MEMORY: _at(self.memory), of.CAPACITY: len(self.memory), of.RECENT: recent}
        entries |= {of.COST: of.COSTS.index(cost), of.LAYERS: _at(self.layers), of.NUMBERS: _at(self.numbers)}
        entries |= {of.DRIVE: _at(drive), of.TARGET: _at(target), of.SCRATCH: _at(scratch)}
        places = (of.PARAMETERS, of.GRADIENT, of.MOMENT1, of.MOMENT2)
        entries |= {place: _at(block) for place, block in zip(places, self._blocks.values(), strict=True)}
        for entry, value in entries.items():
            self.program[entry] = value

        self.weights, self.biases, self.gate = self._views("value", offsets, flipped)
        self.gradients = self._views("gradient", offsets, flipped)
        self.states = [row[:, :size] for row, size in zip(self._rows["state"], sizes, strict=True)]
        self.target = target[:, : sizes[-1]]
        kept = (self._rows, self._blocks, drive, factors, target, force, each, self._buffer, scratch, vectors, images)
        self._run = bound(KERNEL, self.program, kept, self.memory, self.numbers, self.layers)
        self._start(np.random.default_rng(seed), homeostasis)

    def _views(
        self, block: str, offsets: Sequence[tuple[int, int]], flipped: Sequence[bool]
    ) -> tuple[list[Float], list[Float], list[Float]]:
        """(weights, biases, gate) in a block of parameters, without their padding."""
        whole, weights, biases = self._blocks[block], [], []
        gate: list[Float] = []
        for index, (weight, bias) in enumerate(offsets, start=1):
            below, size = self.sizes[index - 1 : index + 1]
            if flipped[index]:
                weights.append(whole[weight:bias].reshape(size, -1)[:, :below].T)
            else:
                weights.append(whole[weight:bias].reshape(below, -1)[:, :size])
            biases.append(whole[bias : bias + size])
            width = size + -size % LANE
            if index == 1 and self.program[of.SPAN] > width:
                gate = [whole[weight:bias].reshape(below, -1)[:, width : width + size], whole[bias + width :][:size]]
        return weights, biases, gate

    def _start(self, chance: np.random.Generator, homeostasis: float | None) -> None:
        """U(+-1 / sqrt(inputs)), the outputs' biases zero, a gate's about a half; gains for those weights."""
        weights, biases = [*self.weights, *self.gate[:1]], [*self.biases, *self.gate[1:]]
        for weight, bias in zip(weights, biases, strict=True):
            limit = 1 / math.sqrt(len(weight))
            weight[...] = chance.uniform(-limit, limit, weight.shape)
            bias[...] = chance.uniform(-limit, limit, bias.shape)
        self.biases[-1][...] = 0
        if self.gate:
            self.gate[1][...] += 0.5
        for vector, size in zip(self.vectors, self.sizes, strict=True):
            vector[:size] = 1 / math.sqrt(size)
        for _ in range(POWER_ITERATIONS if homeostasis else 0):
            self._ask(of.FOLLOWING)

    def _ask(self, what: int) -> None:
        self.program[of.ASKED] = what
        self._run()

    @property
    def gains(self) -> Float:
        """gamma_1 .. gamma_(L - 1)."""
        return self.numbers[of.GAINS + 1 : -1]

    @property
    def size(self) -> int:
        """Numbers in a block of parameters, padding included."""
        return int(self.program[of.SIZE])

    @property
    def loss(self) -> float:
        """The mean cost of what was judged or learned last."""
        return float(self.numbers[of.LOSS])

    @property
    def residual(self) -> float:
        """max |s(t) - s(t - 1)| of the last free sweep."""
        return float(self.numbers[of.RESIDUAL])

    @property
    def withheld(self) -> int:
        """Updates that were not made."""
        return int(self.program[of.WITHHELD])

    def settle(self, x: Any) -> Float:
        """The free phase of x (b, n_0), b <= B, from a pass upwards; returns a view of the outputs (b, n_L)."""
        rows = self._take(x)
        self._ask(of.SETTLING)
        return self.states[-1][:rows]

    def step(self, x: Any, states: Sequence[Float]) -> Float:
        """The free sweeps on x (b, n_0) from `states` (b, n_1) .. (b, n_L); returns a view of the outputs (b, n_L)."""
        rows = self._take(x)
        for state, given in zip(self.states[1:], states, strict=True):
            state[:rows] = given
        self._ask(of.STEPPING)
        return self.states[-1][:rows]

    def walk(self) -> int:
        """A tick of the lanes in stride, of samples from memory, which must hold one, and an update where any is ripe.
        Returns how many were."""
        self._ask(of.STRIDING)
        return int(self.program[of.ROWS])

    def go_on(self) -> Float:
        """As many free sweeps more, from where the states are."""
        self._ask(of.GOING_ON)
        return self.states[-1][: self.program[of.ROWS]]

    def heed(self, rows: int, *batch: Any) -> int:
        """Judge so many inputs, x and target, or drawn from memory, let some through the gate, and learn what waits
        behind it while that is a batch. `loss` is then the mean cost of all. Returns how many updates it tried."""
        if batch:
            self.target[: self._take(batch[0])] = batch[1]
        self.program[of.ROWS] = rows
        self._ask(of.JUDGING if batch else of.RECALLING)
        loss, rate, tried = self.numbers[of.LOSS], self.numbers[of.RATE], 0
        while self.program[of.HELD] >= self._batch:
            usual = float(self._buffer[: self._batch, -1].mean()) / self._chance
            self.numbers[of.RATE] = rate * (1 + self._spike * min(1.0, usual))
            self.program[of.ROWS] = self._batch
            self._ask(of.RELEASING)
            tried += 1
        self.numbers[of.LOSS], self.numbers[of.RATE] = loss, rate
        return tried

    def gradient(self, x: Any, target: Any) -> float:
        """Free and nudged phases; `gradients` are then those of the mean cost, which is returned."""
        self.target[: self._take(x)] = target
        self._ask(of.ESTIMATING)
        return self.loss

    def learn(self, x: Any, target: Any) -> float:
        """`gradient`, an update of Adam, homeostasis. Returns the mean cost."""
        self.target[: self._take(x)] = target
        self._ask(of.LEARNING)
        return self.loss

    def remember(self, x: Any, label: int) -> None:
        """Put an input (n_0,) and its label into memory, in the place of the oldest if that is full."""
        place = self.program[of.REMEMBERED] % len(self.memory)
        self.memory[place, :-1], self.memory[place, -1] = x, label
        self.program[of.REMEMBERED] += 1

    def rehearse(self, rows: int) -> float:
        """`learn` of so many inputs drawn from memory, which must hold one. Returns the mean cost."""
        self.program[of.ROWS] = rows
        self._ask(of.REHEARSING)
        return self.loss

    def _take(self, x: Any) -> int:
        """x as the input; returns how many rows it has."""
        rows = self.program[of.ROWS] = len(x)
        self.states[0][:rows] = x
        return rows

    def arrays(self) -> State:
        """The live arrays that going on exactly needs, but for `memory`."""
        vectors = {f"vector.{index}": vector for index, vector in enumerate(self.vectors)}
        own: State = {name: self._blocks[name] for name in ("value", "moment1", "moment2")}
        counts = self.program[of.STEPS : of.ENTRIES]
        if self._batch:
            own["gate.buffer"] = self._buffer[: self._batch]
            own["gate.counts"] = self.program[of.JUDGED : of.HELD + 1]
            own["gate.mean"] = self.numbers[of.MEAN : of.MEAN + 1]
        if lanes := len(self._ages):
            for side in ("plus", "minus"):  # the first of plus are the samples
                own |= {f"stride.{side}.{index}": row[:lanes] for index, row in enumerate(self._rows[side])}
            own |= {"stride.target": self.target[:lanes], "stride.ages": self._ages}
        return {**own, **vectors, "gains": self.numbers[of.GAINS :], "counts": counts, "sizes": self._sizes}

    def state_dict(self) -> State:
        """Copies of what going on exactly needs, but for `memory`."""
        return {name: array.copy() for name, array in self.arrays().items()}

    def load_state_dict(self, state: State) -> None:
        """Raises ValueError for a state of another network."""
        if "sizes" in state and not np.array_equal(state["sizes"], self._sizes):
            raise ValueError(f"brain state 'sizes' is of another network: {state['sizes']}, not {self._sizes}")
        load_arrays(self.arrays(), state)


def _pairs(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Of neighbours above the input."""
    return [*pairwise(sizes)][1:]


def _at(array: Any) -> int:
    return int(array.ctypes.data)
