"""What a stepping brain's config says, as the numbers that the kernels read (see kernels/program)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from brains.brain import Float
from brains.gate import GateConfig
from brains.kernels.program import op, option
from brains.kernels.program.gate import CHOICES
from brains.kernels.reference import names
from brains.rules import RULES
from brains.stepping.network import Network
from brains.stepping.settings import Block, SteppingConfig


def depth_scale(distance: int, base: float = 1.2) -> float:
    """min(100, base^d) for a layer d below the output; an exponent over 10 becomes 10 + ln(d - 9)."""
    exponent = distance if distance <= 10 else 10.0 + np.log(distance - 9.0)
    return float(min(100.0, base**exponent))


def options_of(config: SteppingConfig, discrete: bool, network: Network) -> NDArray[np.int64]:
    """What does not change while the brain lives, as the kernels read it."""
    options, rule = np.zeros(option.GATED + 1, np.int64), RULES[config.rule]
    options[option.EXECUTION] = ("sequential", "stepping").index(config.execution)
    options[option.RULE] = names.number_of(names.RULES, rule.reference)
    options[option.ALIGN] = ("instant", "pipeline", "sideways", "now").index(config.align)
    options[option.SCHEDULE] = (
        option.BLOCK
        if isinstance(config.schedule, Block)
        else option.EVERY_TICK
        if config.period == 1
        else option.ACCUMULATE
    )
    options[option.PERIOD] = config.period
    options[option.EPOCHS] = config.schedule.epochs if isinstance(config.schedule, Block) else 1
    options[option.OPTIMIZER] = ("sgd", "adam").index(config.optimizer)
    if config.replay is not None:
        options[option.PER_STEP], options[option.RECENT] = config.replay.per_tick, config.replay.recent
    options[option.DISCRETE], options[option.RING], options[option.SNAPSHOT_EVERY] = (
        discrete,
        network.ring,
        config.snapshot_every,
    )
    options[option.INPUTS], options[option.STATE_TOTAL] = network.inputs, network.state_total
    options[option.STAGES], options[option.BRAIN_TICKS] = len(config.layers), config.brain_ticks_per_world_tick
    options[option.EXPLOSION] = config.explosion_detection
    gradient_of = option.CROSS_ENTROPY if config.readout == "softmax" else option.HALF_SQUARES
    options[option.SKIPS] = config.skips_are_other_waves
    options[option.COST] = gradient_of if rule.from_reward else option.SQUARES
    single = config.replay is None and options[option.SCHEDULE] != option.ACCUMULATE
    options[option.AT_ONCE] = single and not rule.optimizer
    options[option.GATED] = config.gate is not None and 1 + CHOICES.index(config.gate.choose)
    return options


def cost_of_chance(config: SteppingConfig, choices: int) -> float:
    """Of an output that says the same of each of so many choices."""
    if config.readout == "softmax" and RULES[config.rule].from_reward:
        return math.log(choices)
    return (1 - 1 / choices) * (0.5 if RULES[config.rule].from_reward else 1.0)


def numbers_of(config: SteppingConfig, network: Network) -> Float:
    """Rates and the like, then every operation's depth scale and type rate."""
    numbers = [config.learning_rate, config.momentum, config.beta1, config.beta2, 1e-8, config.gradient_clip]
    gate = config.gate or GateConfig()
    ceiling = (
        math.inf if gate.ceiling is None else gate.ceiling * cost_of_chance(config, int(network.table[-1, op.UNITS]))
    )
    numbers += [gate.kappa, ceiling, gate.rate, gate.share]
    for own, type_rate in zip(network.table, network.type_rates, strict=True):
        below = len(config.layers) - 1 - int(own[op.STAGE])
        numbers += [depth_scale(below, config.depth_scale), type_rate]
    return np.array(numbers, np.float32)
