"""What a stepping brain's config says, as the numbers that the kernels read (see kernels/layout)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from brains.brain import Float
from brains.kernels import layout as at
from brains.kernels.reference import names
from brains.rules import RULES
from brains.stepping.network import Network
from brains.stepping.settings import Block, SteppingConfig


def depth_scale(distance: int) -> float:
    """min(100, 1.2^d) for a layer d below the output; an exponent over 10 becomes 10 + ln(d - 9)."""
    exponent = distance if distance <= 10 else 10.0 + np.log(distance - 9.0)
    return float(min(100.0, 1.2**exponent))


def options_of(config: SteppingConfig, discrete: bool, network: Network) -> NDArray[np.int64]:
    """What does not change while the brain lives, as the kernels read it."""
    options = np.zeros(at.OPTIONS, np.int64)
    options[at.EXECUTION] = ("sequential", "stepping").index(config.execution)
    options[at.RULE] = names.number_of(names.RULES, RULES[config.rule].reference)
    options[at.ALIGN] = ("instant", "pipeline", "sideways", "now").index(config.align)
    options[at.SCHEDULE] = (
        at.BLOCK if isinstance(config.schedule, Block) else at.EVERY_TICK if config.period == 1 else at.ACCUMULATE
    )
    options[at.PERIOD] = config.period
    options[at.EPOCHS] = config.schedule.epochs if isinstance(config.schedule, Block) else 1
    options[at.OPTIMIZER] = ("sgd", "adam").index(config.optimizer)
    if config.replay is not None:
        options[at.PER_STEP], options[at.RECENT] = config.replay.per_tick, config.replay.recent
    options[at.DISCRETE], options[at.RING], options[at.SNAPSHOT_EVERY] = discrete, network.ring, config.snapshot_every
    options[at.INPUTS], options[at.STATE_TOTAL] = network.inputs, network.state_total
    options[at.STAGES], options[at.BRAIN_TICKS] = len(config.layers), config.brain_ticks_per_world_tick
    options[at.EXPLOSION] = config.explosion_detection
    return options


def numbers_of(config: SteppingConfig, network: Network) -> Float:
    """Rates and the like, then every operation's depth scale and type rate."""
    numbers = [config.learning_rate, config.momentum, config.beta1, config.beta2, 1e-8, config.gradient_clip]
    for op, type_rate in zip(network.table, network.type_rates, strict=True):
        numbers += [depth_scale(len(config.layers) - 1 - int(op[at.STAGE])), type_rate]
    return np.array(numbers, np.float32)
