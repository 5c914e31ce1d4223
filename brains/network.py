"""A network in memory: turns a list of layer configs into the flat arrays that every backend reads and writes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from brains.brain import Float, State
from brains.kernels import layout as at
from brains.layers import Layer


def padded(size: int) -> int:
    """The next multiple of layout.PAD."""
    return -(-size // at.PAD) * at.PAD


class Network:
    """The arrays of one network of L layers in N lanes (see kernels/layout), freshly initialised.

    Attributes: `table` (L, COLUMNS) int64, `parameters` (N, BLOCKS, P) float32, `activity` (N, ring + EXTRA_ROWS, S)
    float32, `state` (N, STATES) int64.
    """

    def __init__(
        self, layers: Sequence[Layer], inputs: int, outputs: int, readout: str, ring: int, lanes: int = 1
    ) -> None:
        self.configs = list(layers)
        self.inputs, self.outputs, self.ring, self.lanes = inputs, outputs, ring, lanes
        sizes = [inputs, *(layer.units or 0 for layer in layers[:-1]), outputs]
        activations = [*(layer.activation or "leaky_relu" for layer in layers[:-1]), readout]
        self.table = np.zeros((len(layers), at.COLUMNS), np.int64)
        weights, row = 0, padded(inputs)
        for i, layer in enumerate(layers):
            units, width = sizes[i + 1], padded(sizes[i + 1])
            self.table[i, [at.IN, at.UNITS, at.WIDTH]] = sizes[i], units, width
            self.table[i, at.ACTIVATION] = at.ACTIVATIONS.index(activations[i])
            self.table[i, [at.WEIGHT, at.BIAS]] = weights, weights + sizes[i] * width
            self.table[i, at.X] = self.table[i - 1, at.Y] if i else 0
            self.table[i, at.Y] = row
            weights, row = weights + (sizes[i] + 1) * width, row + width
            if layer.normalize:
                self.table[i, [at.NORMALIZE, at.HAT]] = 1, row
                row += width + at.PAD
        row = max(row, 2 * int(self.table[:, at.WIDTH].max()))  # the working rows hold two errors of the widest layer
        self.parameters = np.zeros((lanes, at.BLOCKS, weights), np.float32)
        self.activity = np.zeros((lanes, ring + at.EXTRA_ROWS, row), np.float32)
        self.state = np.zeros((lanes, at.STATES), np.int64)

    def initialize(self, generator: np.random.Generator) -> None:
        """Draw every lane's weights, and take them as the first good snapshot."""
        for lane in range(self.lanes):
            for i, layer in enumerate(self.configs):
                inputs, units = (int(n) for n in self.table[i, [at.IN, at.UNITS]])
                self.weight(i, lane)[:] = layer.initial_weight(inputs, units, generator)
        self.parameters[:, at.FIRST_GOOD] = self.parameters[:, at.VALUE]

    def weight(self, i: int, lane: int = 0, block: int = at.VALUE) -> Float:
        """A writable view of layer i's weight (inputs, units), or of what another block holds in its place."""
        inputs, units, width, start = (int(n) for n in self.table[i, [at.IN, at.UNITS, at.WIDTH, at.WEIGHT]])
        return self.parameters[lane, block, start : start + inputs * width].reshape(inputs, width)[:, :units]

    def bias(self, i: int, lane: int = 0, block: int = at.VALUE) -> Float:
        """A writable view of layer i's bias (units,), or of what another block holds in its place."""
        units, start = (int(n) for n in self.table[i, [at.UNITS, at.BIAS]])
        return self.parameters[lane, block, start : start + units]

    def output(self, i: int, row: int) -> Float:
        """A view of layer i's output in every lane (N, units), in one row of activity."""
        units, start = (int(n) for n in self.table[i, [at.UNITS, at.Y]])
        return self.activity[:, row, start : start + units]

    def newest(self) -> list[Float]:
        """The output of every layer on the last tick, each a read-only view (N, units)."""
        row = int(self.state[0, at.TICK] - 1) % self.ring
        views = [self.output(i, row) for i in range(len(self.table))]
        for view in views:
            view.flags.writeable = False
        return views

    def reset(self, lanes: NDArray[np.bool_]) -> None:
        """Forget the activity of the masked lanes."""
        self.activity[lanes] = 0.0
        self.state[lanes, at.AGE] = 0

    def twin(self, lanes: int | None = None) -> Network:
        """A copy with fresh activity; with `lanes`, that many lanes which share a copy of lane 0's parameters."""
        readout = at.ACTIVATIONS[self.table[-1, at.ACTIVATION]]
        twin = Network(self.configs, self.inputs, self.outputs, readout, self.ring, lanes or self.lanes)
        twin.parameters = self.parameters.copy() if lanes is None else self.parameters[:1].copy()
        return twin

    def arrays(self) -> State:
        """What resuming exactly needs, by name: the live arrays, not copies."""
        return {"parameters": self.parameters, "activity": self.activity, "state": self.state}

    def check_counters(self, capacity: int = 0) -> None:
        """Raise ValueError where a counter, as loaded, would point outside an array."""
        for name, column, limit in (
            ("tick", at.TICK, 1 << 62),
            ("age", at.AGE, 1 << 62),
            ("replay size", at.SIZE, capacity + 1),
            ("replay position", at.POSITION, max(1, capacity)),
        ):
            if not ((self.state[:, column] >= 0) & (self.state[:, column] < limit)).all():
                raise ValueError(f"brain state 'state': {name} {self.state[:, column]} is outside [0, {limit})")


def load_arrays(arrays: State, saved: State) -> None:
    """Copy `saved` into `arrays`, in place. Raises ValueError naming the first entry that does not fit."""
    for name in sorted(arrays.keys() ^ saved.keys()):
        raise ValueError(f"brain state {name!r} is {'missing' if name in arrays else 'unknown'}")
    for name, array in arrays.items():
        if (array.shape, array.dtype) != (saved[name].shape, saved[name].dtype):
            raise ValueError(
                f"brain state {name!r} is {saved[name].dtype}{list(saved[name].shape)}, "
                f"this brain needs {array.dtype}{list(array.shape)}"
            )
    for name, array in arrays.items():
        array[...] = saved[name]
