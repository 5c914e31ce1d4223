"""Stream AC(lambda): an actor and a critic learning from reward, one sample at a time (see `reference.streaming`).

Elsayed et al. 2024, "Streaming Deep Reinforcement Learning Finally Works" (arXiv 2410.14606), algorithms 3, 5, 6 and 8;
Intentional Updates (arXiv 2604.19033), which `reference.streaming` states.
MOMENT1 of both networks holds the eligibility traces. In ascent form throughout. The critic has counters of the actor.
"""

from __future__ import annotations

import numpy as np

from agentsim.compiled.jit import INTEGERS, inline, kernel
from agentsim.compiled.pointers import at, call, doubles, floats, integers
from brains.kernels.cpu.actor_critic import draw_action, improve, policy_error
from brains.kernels.cpu.mathematics import copy, fill, finite, is_finite
from brains.kernels.cpu.network import extra_row, last_of, ring_row, scratch
from brains.kernels.cpu.reward import (
    count_reward,
    normalized,
    observe,
    return_deviation,
    sees,
    statistics_size,
)
from brains.kernels.cpu.taught import counters_of, own_of, rows_of, tick, wave_of
from brains.kernels.cpu.updates import block_of, copy_block, roll_back
from brains.kernels.program import block, counter, op, option, reward, row

F = np.float32


@inline
def think(program, counters, value, rows):
    """Fire everything, BRAIN_TICKS times, into the rows from this tick's on, of which the first holds the observation.
    Returns the last of them; the counters stay as they are."""
    first, now = counters[counter.TICK], rows
    for again in range(program[option.BRAIN_TICKS]):
        now, before = ring_row(program, rows, first + again), ring_row(program, rows, first + again - 1)
        copy(ring_row(program, rows, first), now, program[option.INPUTS])
        tick(program, counters[counter.AGE] + again, value, before, now, before, False)
    return now


@kernel(INTEGERS)
def act(frame):
    """One tick of every lane: OBSERVATION (N, SENSES) -> SAMPLED (N, 1 or actions)."""
    actor, critic = integers(frame[reward.ACTOR]), integers(frame[reward.CRITIC])
    settings, senses, size = doubles(frame[reward.SETTINGS]), actor[option.SENSES], actor[option.ROW_SIZE]
    doubles(actor[option.RESULT])[option.ROLLBACKS] = 0.0
    thinks, actions, y = actor[option.BRAIN_TICKS], actor[option.TARGETS], last_of(actor)[op.Y]
    choices = last_of(actor)[op.UNITS] if actor[option.DISCRETE] else actions
    for lane in range(actor[option.LANES]):
        own, rows, counters = own_of(actor, lane), rows_of(actor, lane), counters_of(actor, lane)
        critic_own, critic_rows = own_of(critic, lane), rows_of(critic, lane)
        statistics = at(doubles(frame[reward.STATISTICS]), lane * statistics_size(actor))
        observation = at(floats(actor[option.OBSERVATION]), lane * senses)
        if sees(observation, senses):
            observe(statistics, observation, senses)
        first = ring_row(actor, rows, counters[counter.TICK])
        normalized(actor, settings, statistics, observation, first)
        copy(first, ring_row(critic, critic_rows, counters[counter.TICK]), actor[option.INPUTS])
        now = think(actor, counters, block_of(actor, own, block.VALUE), rows)
        value = think(critic, counters, block_of(critic, critic_own, block.VALUE), critic_rows)
        if not (finite(now, size) and finite(value, critic[option.ROW_SIZE])):
            roll_back_both(actor, own, critic, critic_own)
            fill(rows, 0.0, actor[option.ROWS] * size)
            fill(critic_rows, 0.0, critic[option.ROWS] * critic[option.ROW_SIZE])
            counters[counter.AGE] = -thinks  # this tick teaches nothing
        counters[counter.TICK] += thinks
        counters[counter.AGE] += thinks
        sampled = at(floats(frame[reward.SAMPLED]), lane * actions)
        draw_action(actor[option.DISCRETE], counters, at(now, y), sampled, choices)


@inline
def roll_back_both(actor, own, critic, critic_own):
    """Return to the last snapshot in which both networks were good."""
    roll_back(actor, own)
    before = doubles(actor[option.RESULT])[option.ROLLBACKS]
    roll_back(critic, critic_own)
    doubles(actor[option.RESULT])[option.ROLLBACKS] = before


@inline
def gradient_of(program, own, rows, counters):
    """The gradient through the wave that acted, gathered; error[L] is given."""
    work = floats(program[option.WORK])
    errors, wave = at(work, scratch(program, row.ERRORS)), extra_row(program, rows, row.WAVE)
    live = row.ONE_PASS
    if program[option.EXECUTION] == option.SEQUENTIAL:
        copy(ring_row(program, rows, counters[counter.TICK] - 1), wave, program[option.ROW_SIZE])
    else:
        live = wave_of(program, counters, rows, wave)
    call(program[option.SAMPLE], (program, own, wave, errors, rows, 1, live))


@inline
def parameters_of(program, own):
    """What `actor_critic` calls a network's parameters."""
    value, gradient = block_of(program, own, block.VALUE), block_of(program, own, block.GRADIENT)
    trace, squares = block_of(program, own, block.MOMENT1), block_of(program, own, block.MOMENT2)
    return value, gradient, trace, squares, program[option.BLOCK_SIZE]


@inline
def keep_snapshot(actor, own, critic, critic_own, counters):
    """Every SNAPSHOT_EVERY updates a snapshot of both networks where both are finite, else back to the last."""
    counters[counter.SINCE_SNAPSHOT] += 1
    if counters[counter.SINCE_SNAPSHOT] >= actor[option.SNAPSHOT_EVERY]:
        counters[counter.SINCE_SNAPSHOT] = 0
        fine = finite(block_of(actor, own, block.VALUE), actor[option.BLOCK_SIZE])
        if fine and finite(block_of(critic, critic_own, block.VALUE), critic[option.BLOCK_SIZE]):
            copy_block(actor, own, block.VALUE, block.GOOD_VALUE)
            copy_block(critic, critic_own, block.VALUE, block.GOOD_VALUE)
            if actor[option.BLOCKS] == block.MANY:
                copy_block(actor, own, block.MOMENT2, block.GOOD_MOMENT2)
                copy_block(critic, critic_own, block.MOMENT2, block.GOOD_MOMENT2)
        else:
            roll_back_both(actor, own, critic, critic_own)


@kernel(INTEGERS)
def learn(frame):
    """One transition of every lane: REWARD (N,), FOLLOWING = the next observation (N, SENSES), TERMINATED and TRUNCATED
    (N,) int64; RESULT says (mean delta^2, updates, roll-backs).

    A truncated episode's value is bootstrapped, a terminated one's is 0.
    """
    actor, critic, settings = (
        integers(frame[reward.ACTOR]),
        integers(frame[reward.CRITIC]),
        doubles(frame[reward.SETTINGS]),
    )
    result = doubles(actor[option.RESULT])
    result[option.UPDATES] = result[option.ROLLBACKS] = 0.0
    cost, actions, senses = 0.0, actor[option.TARGETS], actor[option.SENSES]
    needed = actor[option.STAGES] if actor[option.EXECUTION] == option.STEPPING else 1
    policy, judge = last_of(actor), last_of(critic)
    error = at(floats(actor[option.WORK]), scratch(actor, row.ERRORS) + policy[op.Y])
    critic_error = at(floats(critic[option.WORK]), scratch(critic, row.ERRORS) + judge[op.Y])
    discount, choices = settings[reward.DISCOUNT], policy[op.UNITS] if actor[option.DISCRETE] else actions
    for lane in range(actor[option.LANES]):
        own, rows, counters = own_of(actor, lane), rows_of(actor, lane), counters_of(actor, lane)
        critic_own, critic_rows = own_of(critic, lane), rows_of(critic, lane)
        statistics = at(doubles(frame[reward.STATISTICS]), lane * statistics_size(actor))
        terminated = integers(frame[reward.TERMINATED])[lane] > 0
        done = terminated or integers(frame[reward.TRUNCATED])[lane] > 0
        earned = np.float64(floats(frame[reward.REWARD])[lane])
        count_reward(settings, statistics, earned, done)
        earned /= return_deviation(settings, statistics)
        if counters[counter.AGE] < needed:
            continue
        value = np.float64(ring_row(critic, critic_rows, counters[counter.TICK] - 1)[judge[op.Y]])
        ahead = 0.0
        if not terminated:
            following = at(floats(frame[reward.FOLLOWING]), lane * senses)
            now = ring_row(critic, critic_rows, counters[counter.TICK])
            normalized(critic, settings, statistics, following, now)
            then = think(critic, counters, block_of(critic, critic_own, block.VALUE), critic_rows)
            ahead = np.float64(then[judge[op.Y]])
        delta = earned + discount * ahead - value
        if not is_finite(delta):
            roll_back_both(actor, own, critic, critic_own)
            continue
        sign = 1.0 if delta > 0.0 else -1.0 if delta < 0.0 else 0.0
        output = at(ring_row(actor, rows, counters[counter.TICK] - 1), policy[op.Y])
        action = at(floats(frame[reward.SAMPLED]), lane * actions)
        policy_error(
            actor[option.DISCRETE], output, action, choices, settings[reward.ENTROPY] * sign, error, policy[op.WIDTH]
        )
        gradient_of(actor, own, rows, counters)
        fill(critic_error, 0.0, judge[op.WIDTH])
        critic_error[0] = F(1.0)
        gradient_of(critic, critic_own, critic_rows, counters)
        improve(
            settings,
            statistics,
            counters,
            delta,
            parameters_of(actor, own),
            parameters_of(critic, critic_own),
        )
        if done:
            fill(block_of(actor, own, block.MOMENT1), 0.0, actor[option.BLOCK_SIZE])
            fill(block_of(critic, critic_own, block.MOMENT1), 0.0, critic[option.BLOCK_SIZE])
        cost += delta * delta
        result[option.UPDATES] += 1.0
        keep_snapshot(actor, own, critic, critic_own, counters)
    result[option.LOSS] = cost / max(1.0, result[option.UPDATES])
