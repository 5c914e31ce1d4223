"""What a tick must do, counted by hand, and by PyTorch's own counter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agentsim.bench import batched, ticks
from agentsim.bench.cost import Cost, cost_of
from brains.brain import Body
from brains.stepping.settings import SteppingConfig
from brains.stepping.taught import TaughtBrain


def brain_of(layers: list[dict[str, Any]], **settings: Any) -> TaughtBrain:
    """8 senses and 4 actions."""
    config = SteppingConfig.model_validate({"layers": [*layers, {}], "backend": "torch", **settings})
    return TaughtBrain(config, Body(8, 4, teacher=True, lanes=1), np.random.SeedSequence(0))


def test_the_published_net() -> None:
    """12,672 weights and 260 biases of 4 bytes: read to act, read on the way back, written; so are their velocities.

    The forward pass of align: instant goes with acting. Every product is two operations a weight; the first layer's 256
    hand no error to the world.
    """
    size = 4 * (12_672 + 260)
    for rule in ticks.RULES:
        for align in ("instant", "pipeline"):
            moments = 0 if rule == "backprop" else 2
            cost = cost_of(ticks.stepping_brain(rule, align, "torch"), 1)
            assert cost.bytes_moved == size * (3 + moments) and cost.working_set == size * (1 + moments // 2)
            assert cost.operations == 2 * (12_672 * (3 + (align == "instant")) - 256)
    still = cost_of(ticks.stepping_brain("tween", "instant", "torch"), 0)
    assert (still.bytes_moved, still.operations, still.working_set) == (size, 2 * 12_672, size)


def test_dense() -> None:
    """8 x 5 + 5 and 5 x 4 + 4 parameters; SGD with momentum."""
    brain = brain_of([{"units": 5}], momentum=0.9, align="pipeline")
    assert cost_of(brain, 1) == Cost(4 * 69 * 5, 2 * (60 + 60 + 20), 4 * 69 * 2, ((1, 8, 5), (1, 5, 4)))


def test_swiglu_replayed() -> None:
    """3 x 8 x 6 weights, 6 + 6 + 8 biases and a read-out of 8 x 4 + 4: 200 parameters, of which Adam keeps 400 moments.

    Two brain ticks are two passes; each of two batches of three reads forward and back and writes, its moments too:
    2 x (3 + 4). Rows forward: two brain ticks, the fresh pass, and six replayed; back: the fresh one and six.
    """
    replay = {"capacity": 9, "per_tick": 3, "recent": 3}
    brain = brain_of([{"type": "swiglu", "hidden": 6}], optimizer="adam", replay=replay, brain_ticks_per_world_tick=2)
    shapes = ((3, 8, 6), (3, 8, 6), (3, 6, 8), (3, 8, 4))
    assert cost_of(brain, 2) == Cost(4 * 200 * 16, 2 * (176 * 9 + (176 + 32) * 7), 4 * 200 * 3, shapes)


def test_convolution() -> None:
    """Five filters of 3 x 2 x 2 taps at 2 x 2 places, read out by 20 x 4: a filter's weights are used four times."""
    brain = brain_of([{"type": "conv2d", "filters": 5, "kernel": 2, "shape": [3, 3, 3]}], tile=27)
    numbers = 60 + 5 + 80 + 4
    assert cost_of(brain, 0) == Cost(4 * numbers, 2 * (4 * 60 + 80), 4 * numbers, ((4, 5, 12), (1, 20, 4)))


@pytest.mark.parametrize(
    ("layer", "multiplications"),
    [
        ({"type": "rnn", "units": 3, "steps": 2}, 2 * (4 * 3 + 3 * 3)),
        ({"type": "lstm", "units": 3, "steps": 2}, 2 * 4 * (4 * 3 + 3 * 3)),
        ({"type": "attention", "heads": 2, "window": 5}, 4 * 8 * 8 + 5 * (8 + 8)),  # window: scores and values
        ({"type": "layer_norm"}, 8),
    ],
)
def test_multiplications(layer: dict[str, Any], multiplications: int) -> None:
    """Those of one row going forward: an inner sequence uses its weights once a step."""
    assert brain_of([layer]).network.multiplications[0] == multiplications


def test_pytorch_counts_the_same() -> None:
    """The matrix products of the shipped brain, forward and back, are as many as FlopCounterMode sees."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    case = next(ticks.shipped_cases())
    module = batched.module_of(case.brain.config, 8, 4)
    with FlopCounterMode(display=False) as forward:
        logits = module(torch.ones(32, 8))
    with FlopCounterMode(display=False) as back:
        logits.sum().backward()
    more, less = cost_of(case.brain, 4), cost_of(case.brain, 3)  # one more batch of 32
    assert forward.get_total_flops() + back.get_total_flops() == more.operations - less.operations
    assert cost_of(case.brain, 0).operations == 3 * forward.get_total_flops() // 32  # three brain ticks of one row
