"""A network in memory: turns a list of layer configs into the flat arrays that every backend reads and writes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from brains.brain import Float, State
from brains.kernels.program import activation, block, counter, op, row
from brains.kernels.program.arrays import Operation, aligned
from brains.kernels.reference import names
from brains.layers import Dense, LayerConfig, Parallel
from brains.layers.plan import Draw, Plan, Shape, padded

# name -> (the entry of the state it is part of, its values, what they must be less than)
Indices = dict[str, tuple[str, NDArray[Any], int]]


class Place(NamedTuple):
    """Numbers in a row of activity: where they start, their shape, which operation writes them (-1: the world), and in
    which stage."""

    start: int
    shape: Shape
    writer: int = -1
    stage: int = -1

    @property
    def size(self) -> int:
        """How many numbers."""
        return math.prod(self.shape)


class View(NamedTuple):
    """One array of an operation's parameters: where it starts in a block, its shape, and how it begins."""

    start: int
    shape: Shape
    draw: Draw

    def of(self, numbers: Any) -> Any:
        """The array in a block (P,) of numbers, of NumPy or torch, without its padding columns."""
        rows, columns = math.prod(self.shape[:-1]), self.shape[-1]
        flat = numbers[self.start : self.start + rows * padded(columns)]
        return flat.reshape(*self.shape[:-1], padded(columns))[..., :columns]


class Network:
    """The arrays of one network of L layers in N lanes (see kernels/program), freshly initialised.

    Attributes: `table` (K, op.COLUMNS), one row an operation; `operations`, of which layer type each is, with which
    activation; `views`, for each operation its parameters by name, `type_rates`, its type's learning rate, and
    `multiplications`, how many products of two numbers firing it once takes;
    `window`, over how many ticks an input that stands still keeps changing an operation's output; `places`, each
    layer's output; `work_size`, the numbers that an operation's working space takes; `parameters` (N, blocks, P)
    float32, (1, blocks, P) where all lanes have theirs `shared`; `activity` (N, ring + row.EXTRA, S) float32; `state`
    (N, counter.COUNTERS) int64. Raises ValueError, starting with the key, where two layers do not fit.
    """

    def __init__(
        self,
        layers: Sequence[Any],
        inputs: int,
        outputs: int,
        readout: str,
        ring: int,
        lanes: int = 1,
        skip_to_output: bool = False,
        shared: bool = False,
        blocks: int = block.FEW,
    ) -> None:
        self._twin = partial(
            Network, layers, inputs, outputs, readout, ring, skip_to_output=skip_to_output, blocks=blocks
        )
        self.inputs, self.outputs, self.ring, self.lanes = inputs, outputs, ring, lanes
        self.views: list[dict[str, View]] = []
        self._rows: list[NDArray[np.int64]] = []
        self.type_rates: list[float] = []
        self.multiplications: list[int] = []
        self.operations: list[Operation] = []
        self.window = 1
        self._parameters, self._row, self._work = 0, padded(inputs), 0
        place = Place(0, (inputs,))
        places: list[Place] = []
        last = layers[-1].model_copy(update={"units": outputs})
        for stage, layer in enumerate([*layers[:-1], last]):
            if layer is last and skip_to_output and len(places) > 1:
                place = self._concatenated(places, stage)
            place = self._add_layer(layer, place, stage, f"layers.{stage}")
            places.append(place)
        self.places = places
        self.table = np.stack(self._rows)
        self.table[-1, op.ACTIVATION] = activation.NAMES.index(readout)
        self.operations[-1] = self.operations[-1]._replace(activation=readout)
        self._join()
        self.work_size = max(self._row, self._work)
        # an odd multiple of 512 bytes from block to block: of two at the same place of a 4 KiB page a CPU takes reading
        # the one for reading what was just written to the other, and waits
        self._parameters += (128 - self._parameters) % 256
        self.parameters = aligned((1 if shared else lanes, blocks, self._parameters))
        self.activity = aligned((lanes, ring + row.EXTRA, self._row))
        self.state = np.zeros((lanes, counter.COUNTERS), np.int64)

    # --- building ------------------------------------------------------------------------------------------------

    def _add_layer(self, layer: Any, source: Place, stage: int, key: str) -> Place:
        if isinstance(layer, Parallel):
            return self._add_parallel(layer, source, stage, key)
        try:
            plan = layer.plan(source.shape)
        except ValueError as error:
            raise ValueError(f"{key}.{error}") from error
        return self._add(type(layer), plan, source, stage)

    def _add_parallel(self, layer: Parallel, source: Place, stage: int, key: str) -> Place:
        """The operations of every branch, then those that bring their outputs together."""
        ends = []
        for b, branch in enumerate(layer.branches):
            end = source
            for i, inner in enumerate(branch):
                end = self._add_layer(inner, end, stage, f"{key}.branches.{b}.{i}")
            ends.append(end)
        if layer.combine == "concat":
            return self._concatenated(ends, stage)
        if len({end.size for end in ends}) > 1:
            sizes = ", ".join(str(end.size) for end in ends)
            raise ValueError(f"{key}.combine: {layer.combine} needs branches of one size, these have {sizes} units")
        gate = None
        if layer.combine == "gate":
            plan = Dense(units=len(ends), init="xavier").plan(source.shape)
            gate = self._add(Dense, plan._replace(activation="shares"), source, stage)
        whole = Place(self._row, ends[0].shape, -1, stage)
        self._row += padded(whole.size)
        for e, end in enumerate(ends):
            factor, divisor = gate.start + e if gate else -1, len(ends) if layer.combine == "mean" else 1
            move = Plan(end.shape, sizes=(factor, divisor, int(e > 0)))
            self._add(None, move, end, stage, at_start=whole.start)
        return whole._replace(writer=len(self._rows) - 1)

    def _concatenated(self, sources: list[Place], stage: int) -> Place:
        """Operations that copy the sources side by side."""
        start = self._row
        self._row += padded(sum(source.size for source in sources))
        offset = start
        for source in sources:
            self._add(None, Plan(source.shape, sizes=(-1, 1, 0)), source, stage, at_start=offset)
            offset += source.size
        return Place(start, (offset - start,), len(self._rows) - 1, stage)

    def _add(
        self, layer: type[LayerConfig] | None, plan: Plan, source: Place, stage: int, at_start: int | None = None
    ) -> Place:
        """Append the operation of a layer's type, or a move; `at_start`: its output's place, if that is not a new
        one."""
        own = np.zeros(op.COLUMNS, np.int64)
        number = op.MOVE if layer is None else names.number_of(names.OPERATIONS, layer.reference)
        own[[op.TYPE, op.STAGE, op.IN, op.UNITS]] = number, stage, source.size, plan.units
        self.type_rates.append(1.0 if layer is None else layer.type_rate)
        products = sum(math.prod(weight.shape) for weight in plan.weights)
        self.multiplications.append(products if plan.multiplications is None else plan.multiplications)
        passes = layer is not None and layer.passes_targets and source.size == plan.units
        self.operations.append(Operation(layer, plan.activation, passes))
        self.window = max(self.window, plan.window)
        own[op.WIDTH] = padded(plan.units) if at_start is None else plan.units
        own[[op.NORMALIZE, op.RESIDUAL]] = plan.normalize, plan.residual
        own[op.ACTIVATION] = activation.NAMES.index(plan.activation)
        own[op.X], own[op.WITHIN] = source.start, source.stage in (-1, stage)
        own[op.D1 : op.D1 + len(plan.sizes)] = plan.sizes
        own[op.Y] = self._row if at_start is None else at_start
        own[op.STATE_SIZE] = plan.states
        own[op.BEFORE] = own[op.Y] + own[op.WIDTH]
        own[op.AFTER] = own[op.BEFORE] + padded(plan.states)
        own[op.CACHE] = own[op.AFTER] + padded(plan.states)
        own[op.SPAN] = own[op.CACHE] + plan.cache - own[op.Y]
        if at_start is None:
            self._row += int(own[op.SPAN])
        views = {}
        own[op.WEIGHT] = self._parameters
        for part in (plan.weights, plan.biases):
            for parameter in part:
                views[parameter.name] = View(self._parameters, parameter.shape, parameter.draw)
                self._parameters += math.prod(parameter.shape[:-1]) * padded(parameter.shape[-1])
            own[op.BIAS if part is plan.weights else op.END] = self._parameters
        biases = int(own[op.END] - own[op.BIAS])
        self._work = max(self._work, padded(plan.units), padded(source.size), biases, plan.work)
        self.views.append(views)
        self._rows.append(own)
        return Place(int(own[op.Y]), plan.shape, len(self._rows) - 1, stage)

    def _join(self) -> None:
        """Say of every operation how many read its input, and whether a later one does."""
        seen: set[int] = set()
        for own in reversed(self.table):
            own[op.ADDS] = int(own[op.X]) in seen
            seen.add(int(own[op.X]))
            own[op.READERS] = (self.table[:, op.X] == own[op.X]).sum()

    # --- what is in it -------------------------------------------------------------------------------------------

    def initialize(self, seed: np.random.SeedSequence) -> None:
        """Draw every lane's weights, and take them as the first good snapshot."""
        generator = np.random.default_rng(seed)
        for lane in range(self.lanes):
            for views in self.views:
                for view in views.values():
                    view.of(self.parameters[lane, block.VALUE])[:] = view.draw(generator)
        self.parameters[:, block.GOOD_VALUE] = self.parameters[:, block.VALUE]

    def begin_stream(self, seed: np.random.SeedSequence) -> None:
        """Give every lane a random stream of its own."""
        self.state[:, counter.STREAM] = seed.generate_state(self.lanes, np.uint64).view(np.int64)

    @property
    def parameter_count(self) -> int:
        """Weights and biases of a lane, without padding."""
        return sum(math.prod(view.shape) for views in self.views for view in views.values())

    def parameter(self, i: int, name: str, lane: int = 0, which: int = block.VALUE) -> Float:
        """A writable view of a parameter of operation i, or of what another block (`which`) holds in its place."""
        found: Float = self.views[i][name].of(self.parameters[lane, which])
        return found

    def weight(self, i: int, lane: int = 0, which: int = block.VALUE) -> Float:
        """The weight of operation i, if it has but one."""
        return self.parameter(i, "weight", lane, which)

    def bias(self, i: int, lane: int = 0, which: int = block.VALUE) -> Float:
        """The bias of operation i, if it has but one."""
        return self.parameter(i, "bias", lane, which)

    def output(self, i: int, slot: int) -> Float:
        """A view of layer i's output in every lane (N, units), in one row of activity."""
        place = self.places[i]
        return self.activity[:, slot, place.start : place.start + place.size]

    def newest(self) -> list[Float]:
        """The output of every layer on the last tick, each a read-only view (N, units)."""
        slot = int(self.state[0, counter.TICK] - 1) % self.ring
        views = [self.output(i, slot) for i in range(len(self.places))]
        for view in views:
            view.flags.writeable = False
        return views

    @property
    def state_total(self) -> int:
        """How many numbers the network carries from tick to tick."""
        return int(self.table[:, op.STATE_SIZE].sum())

    def reset(self, lanes: NDArray[np.bool_]) -> None:
        """Forget the activity of the masked lanes."""
        self.activity[lanes, : self.ring + row.HEALTH] = 0.0
        self.state[lanes, counter.AGE] = 0

    def twin(self, lanes: int | None = None) -> Network:
        """A copy with fresh activity; with `lanes`, that many lanes which share a copy of lane 0's parameters."""
        twin = self._twin(lanes=lanes or self.lanes, shared=lanes is not None or len(self.parameters) < self.lanes)
        twin.parameters[:] = self.parameters[: len(twin.parameters)]
        return twin

    def arrays(self) -> State:
        """What resuming exactly needs, by name: the live arrays, not copies."""
        return {"parameters": self.parameters, "activity": self.activity, "state": self.state}

    def indices(self, capacity: int) -> Indices:
        """The counters that point into an array, or are the size of one; `capacity`: that of the replay ring."""
        limits = {
            "tick": (counter.TICK, 1 << 62),
            "age": (counter.AGE, 1 << 62),
            "replay size": (counter.SIZE, capacity + 1),
        }
        limits["replay position"] = counter.POSITION, max(1, capacity)
        return {name: ("state", self.state[:, column], limit) for name, (column, limit) in limits.items()}


def check_indices(indices: Indices) -> None:
    """Raise ValueError where a number, as loaded, would point outside an array."""
    for name, (entry, values, limit) in indices.items():
        outside = values[~((values >= 0) & (values < limit))]  # NaN is
        if outside.size:
            raise ValueError(f"brain state {entry!r}: {name} {outside[0]} is outside [0, {limit})")
