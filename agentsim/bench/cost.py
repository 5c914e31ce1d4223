"""What a tick of a stepping brain must do, counted from each operation's own parameters: the bound of any program."""

from __future__ import annotations

import math
from typing import NamedTuple

from brains import rules
from brains.kernels.program import op
from brains.stepping.network import Network
from brains.stepping.taught import TaughtBrain

NUMBER = 4  # bytes


class Cost(NamedTuple):
    """Of a lane's tick: `bytes_moved`; `operations`, products and sums of numbers; `working_set`, the bytes of its
    parameters and moments; and `shapes`, the products of matrices (rows, inner) x (inner, outer) it is made of."""

    bytes_moved: int
    operations: int
    working_set: int
    shapes: tuple[tuple[int, int, int], ...]


def shapes_of(network: Network, rows: int) -> tuple[tuple[int, int, int], ...]:
    """The products of a forward pass of so many rows, one a matrix of weights: a convolution has more rows."""
    found = []
    for own, views, multiplications in zip(network.table, network.views, network.multiplications, strict=True):
        weights = [view.shape for view in views.values() if view.start < own[op.BIAS]]
        matrices = [shape for shape in weights if len(shape) > 1]
        uses = multiplications // max(1, sum(map(math.prod, matrices)))
        found += [(rows * uses, shape[0], math.prod(shape[1:])) for shape in matrices]
    return tuple(found)


def cost_of(brain: TaughtBrain, steps: int) -> Cost:
    """The cost of acting once, as often as the brain thinks, and of so many learning steps.

    A pass over the parameters reads each once, however many rows it is for: one to act (the forward pass of align:
    instant goes with it), and for a replayed batch one forward. What an update needs is read once, on the way back, and
    written once, with the optimiser's moments. Operations are those of the products: forward, of the errors (but none
    of the world's), and of the gradient.
    """
    network, config = brain.network, brain.config
    numbers, forward = network.parameter_count, sum(network.multiplications)
    hidden = sum(of for of, own in zip(network.multiplications, network.table, strict=True) if own[op.X] > 0)
    optimizer = 2 if config.optimizer == "adam" else int(config.momentum > 0)
    kept = (optimizer if rules.RULES[config.rule].optimizer else 1) if steps else 0
    fresh = int(config.align == "instant" and config.execution == "stepping" and steps > 0)
    thinks, replayed = config.brain_ticks_per_world_tick, config.replay.per_tick if config.replay else 0
    passes = thinks + steps * (bool(replayed) + 2 + 2 * kept)
    samples = int(steps > 0) + steps * replayed
    operations = 2 * (forward * (thinks + fresh + steps * replayed) + (hidden + forward) * samples)
    shapes = shapes_of(network, replayed if steps and replayed else 1)
    return Cost(NUMBER * numbers * passes, operations, NUMBER * numbers * (1 + kept), shapes)
