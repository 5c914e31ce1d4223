"""A row of activity by operation, firing into it, and handing errors back through it."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from brains.kernels.program import op
from brains.kernels.reference.operation import Gradients, Operation


class Wave:
    """Views of one row of activity, or of errors or targets in the same places.

    For operation k: x[k] and y[k], its input and output, and kept[k] as `operation` has it. For those that
    carry a state: before[k] and after[k]. spans[k] is all that it owns. `world` is the network's input A[0], and
    `output` its output A[L].
    """

    def __init__(self, table: NDArray[Any], row: Tensor) -> None:
        places = [[int(place) for place in operation] for operation in table]
        self.row = row
        self.x = [row[own[op.X] : own[op.X] + own[op.IN]] for own in places]
        self.y = [row[own[op.Y] : own[op.Y] + own[op.UNITS]] for own in places]
        self.spans = [row[own[op.Y] : own[op.Y] + own[op.SPAN]] for own in places]
        self.before, self.after = (
            {k: row[own[start] : own[start] + own[op.STATE_SIZE]] for k, own in enumerate(places) if own[op.STATE_SIZE]}
            for start in (op.BEFORE, op.AFTER)
        )
        self.kept: list[Any] = [self.before.get(k) for k in range(len(places))]
        for k, own in enumerate(places):
            hat = own[op.CACHE]
            if own[op.NORMALIZE]:
                self.kept[k] = (row[hat : hat + own[op.UNITS]], row[hat + own[op.WIDTH] + op.PAD - 1])
            elif own[op.TYPE] == op.MOVE and own[op.GATE] >= 0:
                self.kept[k] = row[own[op.GATE] : own[op.GATE] + 1]
        self.world, self.output = self.x[0], self.y[-1]


def fire(layer: Operation, k: int, source: Wave, wave: Wave) -> None:
    """Operation k computes from its input in `source`, or in `wave` if it was written there, and writes into `wave`."""
    z, left = layer.forward((wave if layer.within else source).x[k], wave.kept[k])
    if layer.normalize:
        wave.kept[k][0].copy_(z)
        wave.kept[k][1].copy_(left)
    elif left is not None:
        wave.after[k].copy_(left)
    y = layer.activate(z)
    if layer.onto:
        wave.y[k].add_(y)
    else:
        wave.y[k].copy_(y)


# One sample's update, in the direction of ascent: (k, gradients, rate, bias rate) stands for rate x gradient of the
# weights of operation k and bias rate x gradient of its biases.
Update = list[tuple[int, Gradients, float, float]]


def hand_on(layer: Operation, k: int, errors: Wave, dx: Tensor) -> None:
    """Add dx to the error of what operation k read; without a copy, where it is all there is to that error."""
    if layer.feeder >= 0:
        errors.x[k] = errors.y[layer.feeder] = dx
    elif layer.adds:
        errors.x[k].add_(dx)
    else:
        errors.x[k].copy_(dx)


def hand_on_move(move: Operation, k: int, wave: Wave, errors: Wave, error: Tensor) -> None:
    """A move's error, back to what it moved and to its gate."""
    dx, gate = move.vjp(wave.x[k], wave.kept[k], error)
    hand_on(move, k, errors, dx)
    if gate:
        errors.kept[k].copy_(gate["gate"])
